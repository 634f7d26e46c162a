"""MSD-KMamba's state-space layers: a volume read as sequences along three axis orders.

Tokens are ``(B, D, H, W, C)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.blocks.kernels import scan_for, selective_scan_for
from napari_medseg.networks.depthwise import depthwise_groups

HEAD = 32  # channels that share a decay, as many as there are at most
_ORDERS = ((1, 2, 3), (2, 3, 1), (3, 1, 2))  # axes of tokens, slowest first
_NAMES = ("D-H-W", "H-W-D", "W-D-H")
_LONGEST, _SHORTEST = 4096.0, 4.0  # tokens that heads remember before training


class BidirectionalStateSpace(Inspectable):
    """Read a volume as a sequence along three axis orders, each from both ends.

    Shapes: ``(B, D, H, W, C) -> (B, D, H, W, C)``.

    Parameters
    ----------
    channels : int
        ``C``.
    axes : int
        How many of the orders D-H-W, H-W-D and W-D-H.
    states : int
        N of `bidirectional_scan`.

    Source: the gated layer of Gu & Dao 2024, Mamba, arXiv:2312.00752, Fig. 3, with the scan of
    Mamba-2. Ours: both directions, three orders mixed by learned shares, a 3x3x3 depthwise
    convolution for the causal one along the sequence, and heads that begin with memories of 4 to
    4096 tokens: at stride 4 of 96 voxels a row is 24 tokens and a plane 576.
    """

    def __init__(self, channels: int, *, axes: int, states: int) -> None:
        super().__init__()
        inner = 2 * channels
        self.head = min(HEAD, inner)
        self.heads, self.axes, self.states = inner // self.head, axes, states
        self.enter = nn.Linear(channels, 2 * inner, bias=False)
        self.near = Depthwise(inner)
        # per order: B, C and dt of every token
        self.select = nn.Linear(inner, axes * (2 * states + self.heads), bias=False)
        rate = 1 + 3 * torch.rand(axes, self.heads)
        tokens = torch.empty(axes, self.heads).uniform_(math.log(_SHORTEST), math.log(_LONGEST))
        dt = 1 / (tokens.exp() * rate)
        self.log_rate = nn.Parameter(rate.log())
        self.dt_bias = nn.Parameter(torch.log(torch.expm1(dt)))  # softplus gives dt
        self.shares = nn.Parameter(torch.zeros(axes)) if axes > 1 else None
        self.scans = nn.Identity()  # what all orders give together
        self.skip = nn.Parameter(torch.ones(inner))
        self.norm = nn.LayerNorm(inner)
        self.leave = nn.Linear(inner, channels, bias=False)
        self.overlays = {
            "reach": "tokens a voxel's state is remembered for, per order of reading",
            "attention": "what the chosen voxel takes from each voxel, per order; may be negative",
        }
        self.parts = dict.fromkeys(("reach", "attention", "orders"), _NAMES[:axes])
        if axes > 1:
            self.overlays["orders"] = "share of each order of reading"
            self.overlays["together"] = (
                "what the chosen voxel takes from each voxel, orders by their shares; may be "
                "negative"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens."""
        u, gate = self._entered(x)
        y = self.scans(self._scanned(u, self.select(u)))
        return self.leave(self.norm(self.skip * u + y) * F.silu(gate))

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Compute a map per order, or the orders' shares; see `Inspectable`.

        The attention of `attention_row` is exact for the scan; what convolution, gate and skip
        do before and after it is left out. Heads are averaged.
        """
        (x,) = inputs
        if name == "orders":
            assert self.shares is not None
            return self.shares.softmax(0).expand(len(x), -1)
        u, _ = self._entered(x)
        if name == "reach":
            return torch.stack([seen.mean(-1) for seen in self._reaches(u)], dim=1)
        maps = torch.stack([row.mean(-1) for row in self._rows(u, voxel_at(at, x))], dim=1)
        return maps if name == "attention" else (maps * self._shares(maps)).sum(1, keepdim=True)

    def spoken(self, x: Tensor, at: tuple[float, ...], gradient: Tensor) -> Tensor:
        """Return what the chosen voxel takes from each voxel, times what that says.

        Parameters
        ----------
        x : Tensor
            ``(B, D, H, W, C)``, what `forward` was given.
        at : tuple of float
            The voxel, see `Inspectable.overlay`.
        gradient : Tensor
            ``(B, d)``, of some answer by what all orders give at that voxel (`scans`).

        Returns
        -------
        Tensor
            ``(B, 1, D, H, W)``. Its sum is the gradient times what the orders give there.

        Source: Ali et al. 2024, The Hidden Attention of Mamba Models, arXiv:2403.01590, multiply
        attention by a gradient, too; that the values come in makes the sum exact.
        """
        u, _ = self._entered(x)
        heads = (self.heads, self.head)
        says = (u.unflatten(-1, heads) * gradient.unflatten(-1, heads)[:, None, None, None]).sum(-1)
        rows = torch.stack([(row * says).sum(-1) for row in self._rows(u, voxel_at(at, x))], dim=1)
        return (rows * self._shares(rows)).sum(1, keepdim=True)

    def _shares(self, like: Tensor) -> Tensor:
        """Return the share of each order: ``(orders, 1, 1, 1)``."""
        shares = like.new_zeros(self.axes) if self.shares is None else self.shares
        return shares.softmax(0).view(-1, 1, 1, 1)

    def _reaches(self, u: Tensor) -> Iterator[Tensor]:
        """Yield how many tokens a voxel is remembered for: ``(B, D, H, W, heads)`` per order."""
        for order, own in enumerate(self.select(u).chunk(self.axes, dim=-1)):
            dt, rate, _, _ = self._rates(_sequence(own, _ORDERS[order]), order)
            yield _volume(1 / (dt * rate), _ORDERS[order], u.shape[1:4])

    def _rows(self, u: Tensor, voxel: Sequence[int]) -> Iterator[Tensor]:
        """Yield what a voxel takes from each voxel: ``(B, D, H, W, heads)`` per order."""
        size = u.shape[1:4]
        for order, own in enumerate(self.select(u).chunk(self.axes, dim=-1)):
            axes, index = _ORDERS[order], 0
            dt, rate, b, c = self._rates(_sequence(own, axes), order)
            for axis in axes:
                index = index * size[axis - 1] + voxel[axis - 1]
            yield _volume(attention_row(dt, -rate, b, c, index), axes, size)

    def _rates(self, own: Tensor, order: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return step sizes ``(B, L, H)``, minus A, B and C of one order."""
        b, c, dt = own.split([self.states, self.states, self.heads], dim=-1)
        dt = F.softplus(dt + self.dt_bias[order]).clamp(max=1)
        return dt, self.log_rate[order].exp(), b, c

    def _entered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        u, gate = self.enter(x).chunk(2, dim=-1)
        return F.silu(self.near(u)), gate

    def _scanned(self, u: Tensor, selected: Tensor) -> Tensor:
        """Scan all orders: ``(B, D, H, W, d) -> (B, D, H, W, d)``."""
        orders, size = _ORDERS[: self.axes], u.shape[1:4]
        tokens = torch.stack([_sequence(u, axes) for axes in orders], dim=2)
        own = zip(selected.chunk(self.axes, dim=-1), orders, strict=True)
        y = self._scan(tokens, torch.stack([_sequence(part, axes) for part, axes in own], dim=2))
        if self.shares is not None:
            y = y * self.shares.softmax(0)[:, None]
        back = [_volume(part, axes, size) for part, axes in zip(y.unbind(2), orders, strict=True)]
        return torch.stack(back).sum(0) if len(back) > 1 else back[0]

    def _scan(self, tokens: Tensor, selected: Tensor) -> Tensor:
        """Scan the sequences ``(B, L, orders, d)``, each order as a group of heads."""
        b, c, dt = selected.split([self.states, self.states, self.heads], dim=-1)
        y = scan_for(tokens.device)(
            tokens.unflatten(-1, (self.heads, self.head)).flatten(2, 3),
            F.softplus(dt + self.dt_bias).clamp(max=1).flatten(2),
            -self.log_rate.exp().flatten(),
            b,
            c,
        )
        return y.unflatten(2, (self.axes, self.heads)).flatten(3)


class DiagonalStateSpace(BidirectionalStateSpace):
    """The same with a decay of its own for every channel and state, as in the first Mamba.

    Shapes: ``(B, D, H, W, C) -> (B, D, H, W, C)``.

    Parameters
    ----------
    channels, axes, states
        See `BidirectionalStateSpace`.

    Source: Gu & Dao 2024, Mamba, arXiv:2312.00752, §3: decays from 1 to N, steps of 0.001 to 0.1
    and their projection through C / 16 features as in its code.
    """

    def __init__(self, channels: int, *, axes: int, states: int) -> None:
        super().__init__(channels, axes=axes, states=states)
        inner, self.rank = 2 * channels, max(channels // 16, 1)
        self.select = nn.Linear(inner, axes * (2 * states + self.rank), bias=False)
        self.step = nn.Parameter(torch.empty(axes, self.rank, inner))
        nn.init.uniform_(self.step, -(self.rank**-0.5), self.rank**-0.5)
        dt = torch.empty(axes, inner).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        self.dt_bias = nn.Parameter(torch.log(torch.expm1(dt)))
        self.log_rate = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(axes, inner, 1))
        # a state, not a head, has a reach; there is no attention between tokens as such
        self.overlays = {k: v for k, v in self.overlays.items() if k == "orders"}

    def _scan(self, tokens: Tensor, selected: Tensor) -> Tensor:
        scan = selective_scan_for(tokens.device)
        found = []
        for order in range(self.axes):
            b, c, low = selected[:, :, order].split([self.states, self.states, self.rank], dim=-1)
            dt = F.softplus(low @ self.step[order] + self.dt_bias[order]).clamp(max=1)
            decay = -self.log_rate[order].exp()
            found.append(scan(tokens[:, :, order], dt, decay, b, c))
        return torch.stack(found, dim=2)


class Depthwise(nn.Module):
    """A 3x3x3 convolution of each channel by itself.

    Shapes: ``(B, D, H, W, C) -> (B, D, H, W, C)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        like = nn.Conv3d(channels, channels, 3, groups=channels)
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        assert self.bias is not None
        x = x.movedim(-1, 1)
        return depthwise_groups(x, [self.weight], [self.bias]).movedim(1, -1)


def attention_row(dt: Tensor, decay: Tensor, b: Tensor, c: Tensor, index: int) -> Tensor:
    """Return the weights with which a token's answer sums the values of all tokens.

    Parameters
    ----------
    dt : Tensor
        ``(B, L, H)``.
    decay : Tensor
        ``(H,)``.
    b, c : Tensor
        ``(B, L, N)``.
    index : int
        The token.

    Returns
    -------
    Tensor
        ``(B, L, H)``: `bidirectional_scan` at `index` is the sum over L of these times the values.

    Source: Ali et al. 2024, The Hidden Attention of Mamba Models, arXiv:2403.01590, for this scan.
    """
    since = F.pad((dt * decay).cumsum(1), (0, 0, 1, 0))
    before, after = since[:, :-1], since[:, 1:]
    kept = torch.minimum(after[:, index, None] - after, before - before[:, index, None]).exp()
    return (b * c[:, index, None]).sum(-1, keepdim=True) * kept * dt


def voxel_at(at: tuple[float, ...], tokens: Tensor) -> tuple[int, ...]:
    """Return the voxel of ``(B, D, H, W, C)`` at shares of its sides."""
    places = zip(at, tokens.shape[1:4], strict=True)
    return tuple(min(int(share * side), side - 1) for share, side in places)


def _sequence(t: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Read a volume along an order of axes: ``(B, D, H, W, C) -> (B, L, C)``."""
    return t.permute(0, *axes, 4).flatten(1, 3)


def _volume(t: Tensor, axes: tuple[int, ...], size: Sequence[int]) -> Tensor:
    """Undo `_sequence`."""
    back = [1 + axes.index(axis) for axis in (1, 2, 3)]
    return t.unflatten(1, [size[axis - 1] for axis in axes]).permute(0, *back, 4)
