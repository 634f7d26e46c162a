"""The scans of mamba-ssm on CUDA, where they are installed and give the right numbers.

The package is no dependency of ours. That it can be imported says little (since 2.3 its default
build lacks the older kernel), so each is tried once per device beside our own scan.

Source: state-spaces/mamba at e9594ce (Apache-2.0), called, not copied. Their kernels run forward
        only: the other direction is a second call on the turned sequence.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from napari_medseg.networks.blocks.scan import bidirectional_scan
from napari_medseg.networks.blocks.selective_scan import bidirectional_selective_scan

Scan = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

_LOG = logging.getLogger(__name__)
_CHUNK = 128  # tokens, the kernel's
_MOST_APART = 1e-3  # relative; its products may be in TF32


def scan_for(device: torch.device) -> Scan:
    """Return the fastest right version of `bidirectional_scan` on a device."""
    return _mamba2(device) or bidirectional_scan if device.type == "cuda" else bidirectional_scan


def selective_scan_for(device: torch.device) -> Scan:
    """Return the fastest right version of `bidirectional_selective_scan` on a device."""
    if device.type != "cuda":
        return bidirectional_selective_scan
    return _mamba1(device) or bidirectional_selective_scan


@functools.cache
def _mamba2(device: torch.device) -> Scan | None:
    kernel = _find("mamba_ssm.ops.triton.ssd_combined", "mamba_chunk_scan_combined")
    if kernel is None:
        return None

    def scan(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x, dt, decay, b, c = (t.float().contiguous() for t in (x, dt, decay, b, c))
            there = kernel(x, dt, decay, b, c, _CHUNK)
            back = kernel(*(t.flip(1) for t in (x, dt)), decay, b.flip(1), c.flip(1), _CHUNK)
            seen = (b * c).sum(-1).repeat_interleave(x.shape[2] // b.shape[2], 2)
            return there + back.flip(1) - (dt * seen)[..., None] * x

    shapes = (1, 300, 4, 32), (1, 300, 4), (4,), (1, 300, 2, 16), (1, 300, 2, 16)
    return _checked(scan, bidirectional_scan, shapes, device)


@functools.cache
def _mamba1(device: torch.device) -> Scan | None:
    kernel = _find("mamba_ssm.ops.selective_scan_interface", "selective_scan_fn")
    if kernel is None:
        return None

    def scan(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x, dt, b, c = (t.float().mT.contiguous() for t in (x, dt, b, c))  # (B, D, L)
            decay = decay.float()
            there = kernel(x, dt, decay, b, c)
            back = kernel(*(t.flip(2) for t in (x, dt)), decay, b.flip(2), c.flip(2))
            return (there + back.flip(2) - dt * x * (b * c).sum(1, keepdim=True)).mT

    shapes = (1, 300, 32), (1, 300, 32), (32, 16), (1, 300, 16), (1, 300, 16)
    return _checked(scan, bidirectional_selective_scan, shapes, device)


def _find(module: str, name: str) -> Callable[..., Tensor] | None:
    try:
        return getattr(importlib.import_module(module), name)
    except Exception:  # noqa: BLE001  # a build for another torch or GPU can fail in any way
        return None


def _checked(
    scan: Scan, ours: Scan, shapes: Sequence[tuple[int, ...]], device: torch.device
) -> Scan | None:
    """Return `scan` if answer and gradients are those of `ours`."""
    own = torch.Generator().manual_seed(0)  # the state of the run's numbers stays as it is
    x, dt, decay, b, c = (torch.randn(shape, generator=own) for shape in shapes)
    sample = (x, dt.sigmoid(), -decay.abs() - 0.1, b, c)
    found = []
    try:
        for which in (scan, ours):
            inputs = [t.to(device).requires_grad_() for t in sample]
            with torch.enable_grad():
                y = which(*inputs)
                found.append([y.detach(), *torch.autograd.grad(y.square().sum(), inputs)])
    except Exception as error:  # noqa: BLE001  # whatever it is, ours works
        _LOG.warning("mamba-ssm cannot be used on %s: %s", device, error)
        return None
    apart = max(((a - b).norm() / b.norm()).item() for a, b in zip(*found, strict=True))
    if not apart < _MOST_APART:  # also when it is not a number
        _LOG.warning("mamba-ssm is not used on %s: it is off by %.1e", device, apart)
        return None
    return scan
