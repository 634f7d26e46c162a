"""Other people's kernels are used only where they are right; fakes stand in for the GPU's."""

from __future__ import annotations

import logging
import sys
import types

import pytest
import torch

from napari_medseg.networks.blocks import kernels
from napari_medseg.networks.blocks.scan import bidirectional_scan
from napari_medseg.networks.blocks.selective_scan import bidirectional_selective_scan

CPU = torch.device("cpu")


def one_way(x, dt, decay, b, c, chunk):
    """Compute what mamba_chunk_scan_combined does: (B, L, H, P), forward only."""
    b, c = (t.repeat_interleave(x.shape[2] // t.shape[2], 2) for t in (b, c))
    since = (dt * decay).cumsum(1)
    left = (since[:, :, None] - since[:, None]).movedim(-1, 1)  # (B, H, L, L)
    left = left.masked_fill(torch.ones_like(left[0, 0]).triu(1).bool(), -torch.inf).exp()
    pairs = torch.einsum("blhn,bmhn->bhlm", c, b) * left
    return torch.einsum("bhlm,bmh,bmhp->blhp", pairs, dt, x)


def one_way_selective(x, dt, decay, b, c):
    """Compute what selective_scan_fn does: (B, D, L), forward only."""
    state, read = 0, []
    for t in range(x.shape[2]):
        kept = (dt[:, :, t, None] * decay).exp()
        state = kept * state + (dt * x)[:, :, t, None] * b[:, None, :, t]
        read.append((state * c[:, None, :, t]).sum(-1))
    return torch.stack(read, -1)


@pytest.fixture
def installed(monkeypatch):
    """Pretend that mamba-ssm is installed with these kernels."""
    for cached in (kernels._mamba1, kernels._mamba2):
        cached.cache_clear()

    def install(name, function, module):
        fake = types.ModuleType(module)
        setattr(fake, name, function)
        for part in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.triton"):
            monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
        monkeypatch.setitem(sys.modules, module, fake)

    yield install
    for cached in (kernels._mamba1, kernels._mamba2):
        cached.cache_clear()


MAMBA2 = ("mamba_chunk_scan_combined", "mamba_ssm.ops.triton.ssd_combined")
MAMBA1 = ("selective_scan_fn", "mamba_ssm.ops.selective_scan_interface")


def test_a_right_kernel_is_used_and_gives_both_directions(installed):
    installed(MAMBA2[0], one_way, MAMBA2[1])
    scan = kernels._mamba2(CPU)
    given = (
        torch.randn(2, 40, 4, 3),
        torch.rand(2, 40, 4),
        -torch.rand(4),
        *torch.randn(2, 2, 40, 2, 5),
    )
    torch.testing.assert_close(scan(*given), bidirectional_scan(*given), atol=1e-4, rtol=1e-4)


def test_a_right_selective_kernel_is_used_and_gives_both_directions(installed):
    installed(MAMBA1[0], one_way_selective, MAMBA1[1])
    scan = kernels._mamba1(CPU)
    given = (torch.randn(2, 9, 3), torch.rand(2, 9, 3), -torch.rand(3, 4), *torch.randn(2, 2, 9, 4))
    expected = bidirectional_selective_scan(*given)
    torch.testing.assert_close(scan(*given), expected, atol=1e-5, rtol=1e-5)


def test_a_kernel_that_is_a_little_wrong_is_not_used(installed, caplog):
    installed(MAMBA2[0], lambda *given: 1.01 * one_way(*given), MAMBA2[1])
    with caplog.at_level(logging.WARNING):
        assert kernels._mamba2(CPU) is None
    assert "off by" in caplog.text


def test_a_kernel_that_fails_is_not_used(installed, caplog):
    def no_cuda(*given):
        raise RuntimeError("no kernel image is available")

    installed(MAMBA1[0], no_cuda, MAMBA1[1])
    with caplog.at_level(logging.WARNING):
        assert kernels._mamba1(CPU) is None
    assert "no kernel image" in caplog.text


def test_without_the_package_our_own_scans_are_used(monkeypatch):
    monkeypatch.setattr(kernels, "_find", lambda module, name: None)
    kernels._mamba2.cache_clear()
    kernels._mamba1.cache_clear()
    assert kernels._mamba2(CPU) is None
    assert kernels.scan_for(CPU) is bidirectional_scan
    assert kernels.selective_scan_for(CPU) is bidirectional_selective_scan


def test_trying_them_leaves_the_random_numbers_alone(installed):
    installed(MAMBA2[0], one_way, MAMBA2[1])
    torch.manual_seed(3)
    kernels._mamba2(CPU)
    first = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(first, torch.rand(3))


@pytest.mark.gpu
def test_on_a_gpu_whatever_is_used_equals_the_cpu():
    given = (
        torch.randn(1, 500, 4, 32),
        torch.rand(1, 500, 4),
        -torch.rand(4),
        *torch.randn(2, 1, 500, 2, 16),
    )
    device = torch.device("cuda", 0)
    found = kernels.scan_for(device)(*(t.to(device) for t in given)).cpu()
    expected = bidirectional_scan(*given)
    assert (found - expected).norm() < 2e-3 * expected.norm()
