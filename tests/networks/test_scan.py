"""The scan, beside the recurrence it stands for."""

from __future__ import annotations

import pytest
import torch

from napari_medseg.networks.blocks.scan import bidirectional_scan


def tokens(length, *, heads=4, groups=2, width=3, states=5, largest_dt=1.0, batch=2):
    """Return x, dt, A, B, C in float64."""
    draw = torch.Generator().manual_seed(length)
    x = torch.randn(batch, length, heads, width, generator=draw, dtype=torch.float64)
    dt = torch.rand(batch, length, heads, generator=draw, dtype=torch.float64) * largest_dt
    decay = -0.1 - 4 * torch.rand(heads, generator=draw, dtype=torch.float64)
    b, c = torch.randn(2, batch, length, groups, states, generator=draw, dtype=torch.float64)
    return x, dt, decay, b, c


def one_way(x, dt, decay, b, c):
    state = x.new_zeros(*x[:, 0].shape, b.shape[-1])
    read = []
    for t in range(x.shape[1]):
        kept = (dt[:, t] * decay).exp()[..., None, None]
        written = dt[:, t, :, None, None] * x[:, t, :, :, None] * b[:, t, :, None, :]
        state = kept * state + written
        read.append((state * c[:, t, :, None, :]).sum(-1))
    return torch.stack(read, 1)


def step_by_step(x, dt, decay, b, c):
    """Walk along the sequence, walk back, and count each token's view of itself once."""
    b, c = (t.repeat_interleave(x.shape[2] // t.shape[2], 2) for t in (b, c))
    there = one_way(x, dt, decay, b, c)
    back = one_way(x.flip(1), dt.flip(1), decay, b.flip(1), c.flip(1)).flip(1)
    return there + back - dt[..., None] * x * (b * c).sum(-1, keepdim=True)


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 100])
@pytest.mark.parametrize("chunk", [1, 5, 32])
def test_it_is_the_recurrence_whatever_the_chunk(length, chunk):
    given = tokens(length)
    found = bidirectional_scan(*given, chunk=chunk)
    torch.testing.assert_close(found, step_by_step(*given), atol=1e-12, rtol=1e-12)


def test_groups_of_chunks_carry_what_chunks_carry():
    given = tokens(300, batch=1)  # 150 chunks of two tokens: three groups, the last not full
    found = bidirectional_scan(*given, chunk=2)
    torch.testing.assert_close(found, step_by_step(*given), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(("largest_dt", "error"), [(0.1, 1e-6), (1.0, 1e-5), (10.0, 1e-4)])
def test_single_precision_is_near_the_exact_recurrence(largest_dt, error):
    given = tokens(700, largest_dt=largest_dt)
    exact = step_by_step(*given)
    found = bidirectional_scan(*(t.float() for t in given))
    assert found.dtype == torch.float32
    assert (found - exact).abs().max() < error * exact.abs().max()


def test_a_short_step_after_long_ones_is_not_lost():
    x, dt, decay, b, c = (t.float() for t in tokens(2000, heads=1, groups=1, batch=1))
    dt = torch.where(torch.arange(2000)[None, :, None] < 1900, 10.0, 1e-3)
    found = bidirectional_scan(x, dt, decay, b, c, chunk=4)
    exact = step_by_step(*(t.double() for t in (x, dt, decay, b, c)))
    assert (found - exact)[:, 1900:].abs().max() < 1e-4 * exact[:, 1900:].abs().max()


def test_steps_of_zero_write_nothing_and_keep_everything():
    x, dt, decay, b, c = tokens(50)
    assert not bidirectional_scan(x, torch.zeros_like(dt), decay, b, c).any()
    dt[:, 10:40] = 0
    found = bidirectional_scan(x, dt, decay, b, c, chunk=8)
    kept = torch.cat([torch.arange(10), torch.arange(40, 50)])
    without = bidirectional_scan(*(t[:, kept] for t in (x, dt)), decay, b[:, kept], c[:, kept])
    torch.testing.assert_close(found[:, kept], without)


def test_a_sequence_told_backwards_is_answered_backwards():
    x, dt, decay, b, c = tokens(77)
    backwards = bidirectional_scan(*(t.flip(1) for t in (x, dt)), decay, b.flip(1), c.flip(1))
    torch.testing.assert_close(backwards.flip(1), bidirectional_scan(x, dt, decay, b, c))


def test_the_gradient_is_that_of_differences():
    given = tokens(11, heads=2, groups=1, width=2, states=3, batch=1)
    inputs = [t.requires_grad_() for t in given]
    assert torch.autograd.gradcheck(lambda *t: bidirectional_scan(*t, chunk=3), inputs)


def test_the_gradient_is_that_of_the_recurrence_in_single_precision():
    given = tokens(150)
    weights = torch.randn_like(given[0])
    exact = [t.clone().requires_grad_() for t in given]
    (step_by_step(*exact) * weights).sum().backward()
    rough = [t.float().requires_grad_() for t in given]
    (bidirectional_scan(*rough) * weights).sum().backward()
    for a, b in zip(rough, exact, strict=True):
        assert (a.grad - b.grad).norm() < 1e-4 * b.grad.norm()


def test_mixed_precision_does_not_reach_the_scan_nor_its_gradient():
    given = [t.float().requires_grad_() for t in tokens(40)]
    exact = bidirectional_scan(*given, chunk=16)
    gradients = torch.autograd.grad(exact.square().sum(), given)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = bidirectional_scan(*given, chunk=64)
        again = torch.autograd.grad(mixed.square().sum(), given)
    torch.testing.assert_close(mixed, exact)
    for a, b in zip(again, gradients, strict=True):
        assert (a - b).norm() < 1e-4 * b.norm()


def test_training_holds_no_pairs_of_tokens():
    given = [t.float().requires_grad_() for t in tokens(4096, heads=2, groups=1, batch=1)]
    held = 0

    def count(tensor):
        nonlocal held
        held += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
        bidirectional_scan(*given)
    assert held < 4096 * 2 * 64 * 3  # what autograd keeps of pairs, in chunks of 64


def test_what_does_not_fit_is_refused_with_its_shapes():
    x, dt, decay, b, c = tokens(6)
    for wrong in (
        (x, dt[:, :5], decay, b, c),
        (x, dt, decay[:1], b, c),
        (x, dt, decay, b[:, :, :1], c),
        (x[:, :, :3], dt[:, :, :3], decay[:3], b, c),
        (x[:, :0], dt[:, :0], decay, b[:, :0], c[:, :0]),
    ):
        with pytest.raises(ValueError, match=r"a scan takes x \(B, L, H, P\)"):
            bidirectional_scan(*wrong)
