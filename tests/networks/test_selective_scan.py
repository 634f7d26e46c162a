"""The scan of the first Mamba, beside the recurrence it stands for."""

from __future__ import annotations

import pytest
import torch

from napari_medseg.networks.blocks.selective_scan import bidirectional_selective_scan


def tokens(length, *, channels=3, states=4, largest_dt=1.0, batch=2):
    """Return x, dt, A, B, C in float64."""
    draw = torch.Generator().manual_seed(length)
    x = torch.randn(batch, length, channels, generator=draw, dtype=torch.float64)
    dt = torch.rand(batch, length, channels, generator=draw, dtype=torch.float64) * largest_dt
    decay = -0.1 - 4 * torch.rand(channels, states, generator=draw, dtype=torch.float64)
    b, c = torch.randn(2, batch, length, states, generator=draw, dtype=torch.float64)
    return x, dt, decay, b, c


def one_way(x, dt, decay, b, c):
    state = x.new_zeros(*x[:, 0].shape, b.shape[-1])
    read = []
    for t in range(x.shape[1]):
        written = (dt[:, t] * x[:, t])[..., None] * b[:, t, None]
        state = (dt[:, t, :, None] * decay).exp() * state + written
        read.append((state * c[:, t, None]).sum(-1))
    return torch.stack(read, 1)


def step_by_step(x, dt, decay, b, c):
    there = one_way(x, dt, decay, b, c)
    back = one_way(x.flip(1), dt.flip(1), decay, b.flip(1), c.flip(1)).flip(1)
    return there + back - dt * x * (b * c).sum(-1, keepdim=True)


@pytest.mark.parametrize("length", [1, 2, 3, 16, 17, 100])
@pytest.mark.parametrize("largest_dt", [0.1, 10.0])
def test_it_is_the_recurrence(length, largest_dt):
    given = tokens(length, largest_dt=largest_dt)
    torch.testing.assert_close(bidirectional_selective_scan(*given), step_by_step(*given))


def test_channels_beyond_a_block_are_scanned_too():
    given = tokens(20, channels=70, states=2, batch=1)
    torch.testing.assert_close(bidirectional_selective_scan(*given), step_by_step(*given))


def test_the_gradient_is_that_of_differences():
    inputs = [t.requires_grad_() for t in tokens(11, channels=2, states=2, batch=1)]
    assert torch.autograd.gradcheck(bidirectional_selective_scan, inputs)


def test_a_sequence_told_backwards_is_answered_backwards():
    x, dt, decay, b, c = tokens(30)
    backwards = bidirectional_selective_scan(x.flip(1), dt.flip(1), decay, b.flip(1), c.flip(1))
    torch.testing.assert_close(backwards.flip(1), bidirectional_selective_scan(x, dt, decay, b, c))


def test_steps_of_zero_write_nothing():
    x, dt, decay, b, c = tokens(9)
    assert not bidirectional_selective_scan(x, 0 * dt, decay, b, c).any()


def test_single_precision_is_near_and_mixed_precision_does_not_reach_it():
    given = tokens(400)
    exact = step_by_step(*given)
    rough = [t.float() for t in given]
    found = bidirectional_selective_scan(*rough)
    assert (found - exact).abs().max() < 1e-5 * exact.abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(bidirectional_selective_scan(*rough), found)


def test_with_one_decay_per_head_it_is_the_other_scan():
    from napari_medseg.networks.blocks.scan import bidirectional_scan

    x, dt, decay, b, c = tokens(50, channels=4)
    heads = bidirectional_scan(
        x.unflatten(2, (2, 2)), dt[:, :, ::2], decay[::2, 0], b[:, :, None], c[:, :, None], chunk=8
    )
    shared = dt[:, :, ::2].repeat_interleave(2, 2)
    same = decay[::2, :1].repeat_interleave(2, 0).expand(4, 4)
    torch.testing.assert_close(
        bidirectional_selective_scan(x, shared, same, b, c), heads.flatten(2)
    )


def test_what_does_not_fit_is_refused_with_its_shapes():
    x, dt, decay, b, c = tokens(6)
    for wrong in ((x, dt[:, :5], decay, b, c), (x, dt, decay[:1], b, c), (x, dt, decay, b, c[:1])):
        with pytest.raises(ValueError, match=r"takes x and dt \(B, L, D\)"):
            bidirectional_selective_scan(*wrong)
