"""A linear recurrence along a sequence, from both ends at once, by matrix products.

``h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t`` and ``y_t = C_t h_t`` with one decay A per head, and
the same from the end with the same numbers; a token sees itself once.

Source: Dao & Gu 2024, Transformers are SSMs (Mamba-2), arXiv:2405.21060, §6: within a chunk of the
        sequence the masked product of all pairs, between chunks their states only.
Ours:   one mask for both directions (the paper's scan runs forward), a gradient that computes the
        pairs anew instead of holding them, and states that are carried from chunk to chunk by
        matrix products, so that nothing loops over time.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK = 64  # tokens; among the fastest on a CPU, and sums of logarithms stay exact
_GROUP = 64  # chunks whose states one matrix carries
_SLAB = 2**18  # pairs of tokens a CPU has in hand at a time: their products stay in its cache


def bidirectional_scan(
    x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor, *, chunk: int = CHUNK
) -> Tensor:
    """Run the recurrence from both ends of a sequence and add the two.

    Parameters
    ----------
    x : Tensor
        ``(B, L, H, P)``: H heads of P channels.
    dt : Tensor
        ``(B, L, H)``: step sizes, 0 or more.
    decay : Tensor
        ``(H,)``: A, 0 or less.
    b, c : Tensor
        ``(B, L, G, N)``: what a token writes into a state of N numbers and what it reads from it;
        each of G groups serves H / G heads.
    chunk : int
        Tokens whose pairs are multiplied; the result does not depend on it.

    Returns
    -------
    Tensor
        ``(B, L, H, P)``, float32 at least: within mixed precision the scan keeps its digits.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    check_scan(x, dt, decay, b, c)
    groups, length = b.shape[2], x.shape[1]
    chunk = min(chunk, length)
    with torch.autocast(x.device.type, enabled=False):
        x, dt, decay, b, c = (full_precision(t) for t in (x, dt, decay, b, c))
        logarithm = (dt * decay)[..., None]
        x, b, c = (_cut(t, groups, chunk) for t in (x * dt[..., None], b, c))
        logarithm = _cut(logarithm, groups, chunk)[..., 0]
        since = F.pad(logarithm.cumsum(-1), (1, 0))  # of the chunk's start, (B, G, n, h, K + 1)
        parts = (t.flatten(0, 2) for t in (x, b, c, since))
        within: Tensor = _Pairs.apply(*parts)  # type: ignore[no-untyped-call]
        y = within.view_as(x)
        if x.shape[2] > 1:
            y = y + _from_other_chunks(x, b, c, since)
        # (B, G, n, h, K, P) back to tokens
        return y.permute(0, 2, 4, 1, 3, 5).flatten(3, 4).flatten(1, 2)[:, :length]


def check_scan(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> None:
    """Raise a `ValueError` that says which shapes do not fit, if any do not."""
    fits = (
        x.ndim == 4
        and dt.shape == x.shape[:3]
        and decay.shape == x.shape[2:3]
        and b.ndim == 4
        and b.shape == c.shape
        and b.shape[:2] == x.shape[:2]
        and x.shape[2] % b.shape[2] == 0
        and x.shape[1] > 0
    )
    if not fits:
        shapes = ", ".join(str(tuple(t.shape)) for t in (x, dt, decay, b, c))
        raise ValueError(
            "a scan takes x (B, L, H, P), dt (B, L, H), A (H,), B and C (B, L, G, N) with H a "
            f"multiple of G and at least one token, got {shapes}"
        )


def full_precision(x: Tensor) -> Tensor:
    """Return `x` in float32 at least."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _cut(t: Tensor, groups: int, chunk: int) -> Tensor:
    """Bring ``(B, L, G h, F)`` to ``(B, G, n, h, K, F)``; a token added at the end is zero."""
    t = F.pad(t, (0, 0, 0, 0, 0, -t.shape[1] % chunk))
    t = t.unflatten(2, (groups, -1)).unflatten(1, (-1, chunk))
    return t.permute(0, 3, 1, 4, 2, 5).contiguous()


def _from_other_chunks(x: Tensor, b: Tensor, c: Tensor, since: Tensor) -> Tensor:
    """Let tokens read the states of the chunks before theirs, and of those after it.

    Shapes: x ``(B, G, n, h, K, P)``, b and c ``(B, G, n, 1, K, N)``, since ``(..., h, K + 1)``.
    """
    before, after, whole = since[..., :-1, None], since[..., 1:, None], since[..., -1:, None]
    writing = torch.cat([b * (whole - after).exp(), b * before.exp()], dim=-1)
    states = (writing.mT @ x).transpose(2, 3)  # (B, G, h, n, 2 N, P)
    forward, backward = states.flatten(-2).chunk(2, dim=-1)
    total = whole[..., 0, 0].transpose(2, 3)  # (B, G, h, n)
    carried = [_carry(total, forward), _carry(total.flip(-1), backward.flip(-2)).flip(-2)]
    states = torch.cat(carried, dim=-1).view_as(states).transpose(2, 3)
    reading = torch.cat([c * after.exp(), c * (whole - before).exp()], dim=-1)
    return reading @ states


def _carry(decay: Tensor, states: Tensor) -> Tensor:
    """Return what arrives at each chunk from those before it.

    Parameters
    ----------
    decay : Tensor
        ``(..., n)``: logarithm of what is left of a state after passing a chunk.
    states : Tensor
        ``(..., n, F)``: what each chunk adds.

    Returns
    -------
    Tensor
        ``(..., n, F)``: the sum over the chunks before, each decayed by those between.
    """
    n = decay.shape[-1]
    if n > _GROUP:  # the same within groups of chunks and then between the groups
        missing = -n % _GROUP
        decay = F.pad(decay, (0, missing)).unflatten(-1, (-1, _GROUP))
        states = F.pad(states, (0, 0, 0, missing)).unflatten(-2, (-1, _GROUP))
        within = _carry(decay, states)
        last = within[..., -1, :] * decay[..., -1:].exp() + states[..., -1, :]
        between = _carry(decay.sum(-1), last)
        before = F.pad(decay.cumsum(-1)[..., :-1], (1, 0)).exp()
        y = within + before[..., None] * between[..., None, :]
        return y.flatten(-3, -2)[..., :n, :]
    # each sum by itself: a difference of two long sums would lose what a short one says
    sums = decay[..., None].expand(*decay.shape, n).tril(-1).cumsum(-2)
    weights = F.pad(sums.exp().tril()[..., :-1, :], (0, 0, 1, 0))
    return weights @ states


class _Pairs(torch.autograd.Function):
    """The part of the scan within chunks: what each token gets from each of its chunk.

    ``y_i = sum_j (C_i B_j) D_ij x_j``, where D_ij decays over the tokens j+1 to i before i, and
    over i to j-1 after it. Neither the products nor D outlive a slab of chunks.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor, c: Tensor, since: Tensor) -> Tensor:
        """Compute y: ``(Q, h, K, P), (Q, 1, K, N), (Q, 1, K, N), (Q, h, K + 1) -> (Q, h, K, P)``.

        `since` is the sum of logarithms from a chunk's start to before each token and to its end.
        """
        ctx.save_for_backward(x, b, c, since)
        y = torch.empty_like(x)
        for at in _slabs(x):
            torch.matmul((c[at] @ b[at].mT) * _decay(since[at]), x[at], out=y[at])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of all four."""
        x, b, c, since = ctx.saved_tensors
        gradient = gradient.contiguous()
        to_x, to_b, to_c, to_since = (torch.empty_like(t) for t in (x, b, c, since))
        with torch.autocast(x.device.type, enabled=False):
            for at in _slabs(x):
                decay = _decay(since[at])
                mask = (c[at] @ b[at].mT) * decay
                torch.matmul(mask.mT, gradient[at], out=to_x[at])
                to_mask = gradient[at] @ x[at].mT
                to_since[at] = _to_since(mask.mul_(to_mask))
                to_product = to_mask.mul_(decay).sum(1, keepdim=True)
                torch.matmul(to_product, b[at], out=to_c[at])
                torch.matmul(to_product.mT, c[at], out=to_b[at])
        return to_x, to_b, to_c, to_since


def _slabs(x: Tensor) -> list[slice]:
    chunks, heads, tokens = x.shape[:3]
    step = max(_SLAB // (heads * tokens**2), 1) if x.device.type == "cpu" else chunks
    return [slice(start, start + step) for start in range(0, chunks, step)]


def _decay(since: Tensor) -> Tensor:
    """Return D: ``(Q, h, K + 1) -> (Q, h, K, K)``."""
    before, after = since[..., :-1], since[..., 1:]
    # sums of negative numbers: the one that belongs to the other side is positive
    from_left = after[..., :, None] - after[..., None, :]
    from_right = before[..., None, :] - before[..., :, None]
    return torch.minimum(from_left, from_right, out=from_left).exp_()


def _to_since(to_logarithm: Tensor) -> Tensor:
    """Turn the gradient of log D ``(Q, h, K, K)`` into that of `since`; overwrites its input."""
    ones = to_logarithm.new_ones(to_logarithm.shape[-1], 1)
    rows, columns = (to_logarithm @ ones)[..., 0], (ones.mT @ to_logarithm)[..., 0, :]
    left = to_logarithm.tril_()
    left_rows, left_columns = (left @ ones)[..., 0], (ones.mT @ left)[..., 0, :]
    to_after = left_rows - left_columns
    to_before = (columns - left_columns) - (rows - left_rows)
    return F.pad(to_after, (1, 0)) + F.pad(to_before, (0, 1))
