"""The blocks of LGMSNet: local multi-scale, global multi-scale and fusion, in 2-D and 3-D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.depthwise import depthwise_groups
from napari_medseg.networks.nd import nd

KERNEL_SIZES = (3, 5, 7, 9)
PATCH = 2  # voxels per axis of a patch
HEADS = 4
HEAD_CHANNELS = 8
_QUERIES = 256  # rows of the attention in hand at a time, never the whole matrix


def conv_norm_silu(
    spatial_dims: int, in_channels: int, out_channels: int, kernel_size: int
) -> nn.Sequential:
    """Convolution without bias, normalisation, SiLU: ``(B, C_in, *S) -> (B, C_out, *S)``."""
    ops = nd(spatial_dims)
    conv = (
        Pointwise(in_channels, out_channels, bias=False)
        if kernel_size == 1
        else ops.Conv(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
    )
    return nn.Sequential(conv, ops.Norm(out_channels), nn.SiLU())


class LocalMultiScale(Inspectable):
    """Look at four neighbourhood sizes at once, each with a quarter of the channels.

    Shapes: ``(B, C, *S) -> (B, C, *S)``.

    Parameters
    ----------
    spatial_dims : {2, 3}
        Number of spatial dimensions ``*S``.
    channels : int
        ``C``; a multiple of 4.
    as_in_paper : bool
        Activate as ``SiLU(GN(Y)) + X`` (eq. 4) instead of the code's ``GELU(GN(Y + X))``.

    Source: LGMSNet, arXiv:2508.15476, eq. 1-4. The text is silent on what follows the second
    convolution; as in the published code it is normalised, activated and added to the input.
    """

    def __init__(self, spatial_dims: int, channels: int, *, as_in_paper: bool = False) -> None:
        super().__init__()
        conv = nd(spatial_dims).Conv
        quarter = channels // 4
        self.as_in_paper = as_in_paper
        self.scales = nn.ModuleList(
            conv(quarter, quarter, k, padding=k // 2, groups=quarter) for k in KERNEL_SIZES
        )
        self.overlays = {"kernels": "how strongly each size of kernel answers (mean size)"}
        self.parts = {"kernels": tuple(" x ".join([str(k)] * spatial_dims) for k in KERNEL_SIZES)}
        self.norm = nn.GroupNorm(4, channels)  # one group per kernel size
        self.reduce = conv_norm_silu(spatial_dims, channels, quarter, 1)
        self.expand = conv_norm_silu(spatial_dims, quarter, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self._scaled(x)
        active = F.silu(self.norm(y)) + x if self.as_in_paper else F.gelu(self.norm(y + x))
        return self.expand(self.reduce(active)) + x

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return a map per kernel size: ``(B, 4, *S)``."""
        return self._scaled(*inputs).abs().unflatten(1, (len(KERNEL_SIZES), -1)).mean(2)

    def _scaled(self, x: Tensor) -> Tensor:
        scales = cast(Sequence[nn.Conv2d], self.scales)
        return depthwise_groups(
            x, [s.weight for s in scales], [cast(Tensor, s.bias) for s in scales]
        )


class LocalConv(nn.Module):
    """The depthwise branch of the published code: ``(B, C, *S) -> (B, C, *S)``.

    It has batch norm in 3-D too, where everything else has instance norm.
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        ops = nd(spatial_dims)
        self.spatial = ops.Conv(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.norm1 = ops.BatchNorm(channels)
        self.scale = ops.Conv(channels, channels, 1, groups=channels, bias=False)
        self.norm2 = ops.BatchNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.spatial(x)))
        # a 1x1 depthwise convolution is a product, and much faster as one
        return self.norm2(y * self.scale.weight.squeeze(1)) + x


class PatchAttention(nn.Module):
    """Self-attention among the voxels that have the same place in their patch.

    Shapes: ``(B, P, N, C) -> (B, P, N, C)`` with ``P`` places in ``N`` patches.

    Source: Mehta & Rastegari 2022, MobileViT, arXiv:2110.02178, eq. 1; heads as in LGMSNet's
    published code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = HEADS * HEAD_CHANNELS
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * inner, bias=False)
        self.project = nn.Linear(inner, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self._query_key_value(tokens)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.project(attended.transpose(1, 2).reshape(*tokens.shape[:3], -1))

    def weights(self, tokens: Tensor) -> Tensor:
        """Return the attention itself: ``(B, P, N, C) -> (B, P, heads, N, N)``.

        The last axis is the voxel looked at; it sums to one.
        """
        query, key, _ = self._query_key_value(tokens)
        return _attention(query, key).unflatten(0, tokens.shape[:2])

    def received(self, tokens: Tensor) -> Tensor:
        """Return how much each voxel is looked at: ``(B, P, N, C) -> (B, P, N)``; the mean is 1.

        The attention, summed over who looks and averaged over the heads.
        """
        query, key, _ = self._query_key_value(tokens)
        total = query.new_zeros(key.shape[:3])
        for some in query.split(_QUERIES, dim=2):
            total += _attention(some, key).sum(2)
        return total.mean(1).unflatten(0, tokens.shape[:2])

    def row(self, tokens: Tensor, place: int, patch: int) -> Tensor:
        """Return where one voxel looks: ``(B, P, N, C) -> (B, heads, N)``; each sums to one."""
        query, key, _ = self._query_key_value(tokens[:, place : place + 1])
        return _attention(query[:, :, patch, None], key)[:, :, 0]

    def _query_key_value(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        qkv = self.qkv(self.norm(tokens)).flatten(0, 1)  # (B P, N, 3 heads channels)
        query, key, value = qkv.unflatten(-1, (3, HEADS, HEAD_CHANNELS)).permute(2, 0, 3, 1, 4)
        return query, key, value


def _attention(query: Tensor, key: Tensor) -> Tensor:
    return (query @ key.transpose(-2, -1) * HEAD_CHANNELS**-0.5).softmax(dim=-1)


class Transformer(nn.Module):
    """One pre-norm transformer layer on patches: ``(B, C, *S) -> (B, C, *S)``, even ``*S``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.attention = PatchAttention(channels)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, hidden),
            nn.SiLU(),
            nn.Linear(hidden, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = unfold_patches(x)
        tokens = tokens + self.attention(tokens)
        tokens = tokens + self.feed_forward(tokens)
        return fold_patches(tokens, x.shape[2:])


class GlobalMultiScale(Inspectable):
    """A quarter of the channels convolves, three quarters attend to the whole image.

    Shapes: ``(B, C_in, *S) -> (B, C, *S)``; even ``*S``.

    Parameters
    ----------
    spatial_dims : {2, 3}
        Number of spatial dimensions ``*S``.
    in_channels, channels : int
        ``C_in`` and ``C``; `channels` is a multiple of 4.
    as_in_paper : bool
        One depthwise convolution in the local branch (eq. 5) instead of `LocalConv`.

    Source: LGMSNet, arXiv:2508.15476, eq. 5-7. Attention runs over tokens as in MobileViT, as in
    the published code; eq. 6 read literally leaves one channel for four heads.
    """

    def __init__(
        self, spatial_dims: int, in_channels: int, channels: int, *, as_in_paper: bool = False
    ) -> None:
        super().__init__()
        self.overlays = {
            "saliency": "how much each place is looked at from across the image; 1 is the mean",
            "attention": "where each head looks from the chosen place; sums to one per head",
            "branches": "how strongly attention and convolution answer (root mean square)",
        }
        self.parts = {
            "attention": tuple(f"head {i + 1}" for i in range(HEADS)),
            "branches": ("global: attention", "local: convolution"),
        }
        local = channels // 4
        self.split = (channels - local, local)
        self.embed = nn.Sequential(
            conv_norm_silu(spatial_dims, in_channels, channels, 3),
            conv_norm_silu(spatial_dims, channels, channels, 1),
        )
        self.transformer = Transformer(channels - local, 2 * channels)
        self.local: nn.Module = (
            nd(spatial_dims).Conv(local, local, 3, padding=1, groups=local)
            if as_in_paper
            else LocalConv(spatial_dims, local)
        )
        self.mix = conv_norm_silu(spatial_dims, channels, channels, 1)
        self.fuse = conv_norm_silu(spatial_dims, channels + in_channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        far, near = self.embed(x).split(self.split, dim=1)
        mixed = self.mix(torch.cat([self.transformer(far), self.local(near)], dim=1))
        return self.fuse(torch.cat([mixed, x], dim=1))

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return maps ``(B, n, *S)``, of the attention of one place ``(B, heads, *S/2)``.

        A voxel attends to those at its own place in their patches, so to one in each.
        """
        far, near = self.embed(inputs[0]).split(self.split, dim=1)
        if name == "branches":
            answers = (self.transformer(far), self.local(near))
            return torch.cat([a.square().mean(1, keepdim=True).sqrt() for a in answers], dim=1)
        attention, tokens, size = self.transformer.attention, unfold_patches(far), far.shape[2:]
        if name == "saliency":
            return fold_patches(attention.received(tokens)[..., None], size)
        place, patch = 0, 0
        for share, side in zip(at, size, strict=True):
            voxel = min(int(share * side), side - 1)
            place = place * PATCH + voxel % PATCH
            patch = patch * (side // PATCH) + voxel // PATCH
        return attention.row(tokens, place, patch).unflatten(2, [s // PATCH for s in size])


class Fusion(nn.Sequential):
    """Merge a skip connection with what came up: ``(B, 2 C, *S) -> (B, C, *S)``.

    Source: LGMSNet, arXiv:2508.15476, eq. 8; activation before normalisation as in its code.
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        ops = nd(spatial_dims)
        super().__init__(
            ops.Conv(2 * channels, 2 * channels, 3, padding=1, groups=2),  # skip | came up
            nn.GELU(),
            ops.Norm(2 * channels),
            Pointwise(2 * channels, 4 * channels),
            nn.GELU(),
            ops.Norm(4 * channels),
            Pointwise(4 * channels, channels),
            nn.GELU(),
            ops.Norm(channels),
        )


class Up(nn.Sequential):
    """Double the size, then convolve: ``(B, C_in, *S) -> (B, C_out, *2S)``."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        ops = nd(spatial_dims)
        super().__init__(
            nn.Upsample(scale_factor=2, mode=ops.linear, align_corners=False),
            ops.Conv(in_channels, out_channels, 3, padding=1),
            ops.Norm(out_channels),
            nn.ReLU(),
        )


def unfold_patches(x: Tensor) -> Tensor:
    """Sort voxels by their place in the patch: ``(B, C, *S) -> (B, P, N, C)``.

    ``P`` counts the places in a patch, ``N`` the patches, both row by row.
    """
    size = x.shape[2:]
    dims = len(size)
    split = [n for s in size for n in (s // PATCH, PATCH)]
    patches, places = range(2, 2 + 2 * dims, 2), range(3, 3 + 2 * dims, 2)
    sorted_ = x.reshape(*x.shape[:2], *split).permute(0, *places, *patches, 1)
    return sorted_.reshape(x.shape[0], PATCH**dims, -1, x.shape[1])


def fold_patches(tokens: Tensor, size: tuple[int, ...]) -> Tensor:
    """Undo `unfold_patches`: ``(B, P, N, C) -> (B, C, *S)`` with `size` = ``*S``."""
    dims = len(size)
    batch, _, _, channels = tokens.shape
    sorted_ = tokens.reshape(batch, *(PATCH,) * dims, *(s // PATCH for s in size), channels)
    pairs = [axis for d in range(dims) for axis in (1 + dims + d, 1 + d)]
    voxels = sorted_.permute(0, *pairs, 1 + 2 * dims).reshape(batch, *size, channels)
    return voxels.movedim(-1, 1)
