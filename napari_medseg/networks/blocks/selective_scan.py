"""A linear recurrence whose every channel and state has a decay of its own, from both ends.

``h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t`` and ``y_t = C_t h_t``; a token sees itself once.

Source: Gu & Dao 2024, Mamba, arXiv:2312.00752, eq. 2 with their discretisation of B.
Ours:   both directions, and two levels: L tokens are cut into about sqrt(L) chunks that advance
        together, so that only 2 sqrt(L) steps follow each other. Channels are taken in blocks whose
        states are computed anew for the gradient. Several times slower than the scan of `scan`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from napari_medseg.networks.blocks.scan import full_precision

_BLOCK = 16  # channels at a time


def bidirectional_selective_scan(
    x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor
) -> Tensor:
    """Run the recurrence from both ends of a sequence and add the two.

    Parameters
    ----------
    x, dt : Tensor
        ``(B, L, D)``: values, and step sizes of 0 or more.
    decay : Tensor
        ``(D, N)``: A, 0 or less.
    b, c : Tensor
        ``(B, L, N)``: what a token writes to N states and what it reads from them.

    Returns
    -------
    Tensor
        ``(B, L, D)``, float32 at least, also within mixed precision.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    fits = (
        x.ndim == 3
        and dt.shape == x.shape
        and decay.ndim == 2
        and len(decay) == x.shape[2]
        and b.shape == c.shape == (*x.shape[:2], decay.shape[1])
        and x.shape[1] > 0
    )
    if not fits:
        shapes = ", ".join(str(tuple(t.shape)) for t in (x, dt, decay, b, c))
        raise ValueError(
            "a selective scan takes x and dt (B, L, D), A (D, N), B and C (B, L, N) with at least "
            f"one token, got {shapes}"
        )
    with torch.autocast(x.device.type, enabled=False):
        x, dt, decay, b, c = (full_precision(t) for t in (x, dt, decay, b, c))
        blocks = zip(
            x.split(_BLOCK, dim=-1), dt.split(_BLOCK, dim=-1), decay.split(_BLOCK), strict=True
        )
        if torch.is_grad_enabled():
            parts = [checkpoint(_both_ways, *block, b, c, use_reentrant=False) for block in blocks]
        else:
            parts = [_both_ways(*block, b, c) for block in blocks]
        return torch.cat(parts, dim=-1)


def _both_ways(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
    kept = (dt[..., None] * decay).exp()  # (B, L, D, N)
    written = (dt * x)[..., None] * b[:, :, None]
    there: Tensor = _Recurrence.apply(kept, written)  # type: ignore[no-untyped-call]
    back: Tensor = _Recurrence.apply(kept.flip(1), written.flip(1))  # type: ignore[no-untyped-call]
    return ((there + back.flip(1) - written) * c[:, :, None]).sum(-1)


class _Recurrence(torch.autograd.Function):
    """``h_t = a_t h_(t-1) + w_t`` along the second axis of ``(B, L, D, N)``."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, w: Tensor) -> Tensor:
        """Compute h."""
        h = _recur(a, w)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of a and w: the same recurrence from the end."""
        a, h = ctx.saved_tensors
        following = F.pad(a[:, 1:], (0, 0, 0, 0, 0, 1)).flip(1)
        to_w = _recur(following, gradient.flip(1)).flip(1)
        return to_w * F.pad(h[:, :-1], (0, 0, 0, 0, 1, 0)), to_w


def _recur(a: Tensor, w: Tensor) -> Tensor:
    length = a.shape[1]
    steps = math.isqrt(length - 1) + 1
    padding = (0, 0, 0, 0, 0, -length % steps)
    a, h = (F.pad(t, padding).unflatten(1, (-1, steps)).clone() for t in (a, w))
    for k in range(1, steps):  # in all chunks at once; `a` becomes what is left of the start
        h[:, :, k].addcmul_(a[:, :, k], h[:, :, k - 1])
        a[:, :, k].mul_(a[:, :, k - 1])
    for chunk in range(1, h.shape[1]):
        h[:, chunk].addcmul_(a[:, chunk], h[:, chunk - 1, -1:])
    return h.flatten(1, 2)[:, :length]
