"""The contract every network keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from napari_medseg.networks.config import NetConfig


@dataclass(frozen=True)
class Feature:
    """A named place inside a network whose activations can be read or trained.

    Parameters
    ----------
    name : str
        Module path for ``network.get_submodule(name)``; its output is ``(B, channels, *S/stride)``.
    channels : int
        Channels of that output.
    stride : int
        Input voxels per voxel of that output, the same along every axis.
    """

    name: str
    channels: int
    stride: int


class Inspectable(nn.Module, ABC):
    """A block with inner values worth seeing, which are computed only when asked for.

    ``overlays`` says what there is, name to words; `overlay` computes one from what `forward` was
    given. See `SegmentationNetwork.inspect`. `parts` names each of an overlay's n maps where they
    have names; those in `matrices` do not lie over the image.
    """

    overlays: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    matrices: frozenset[str] = frozenset()

    @abstractmethod
    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Compute an overlay.

        Parameters
        ----------
        name : str
            A key of ``overlays``.
        inputs : tuple of Tensor
            What `forward` was called with.
        at : tuple of float
            The place asked about, as shares of the image's sides, in [0, 1).

        Returns
        -------
        Tensor
            ``(B, n, *S')``, n maps to lay over the image, or ``(B, n)``, n numbers; of `matrices`
            ``(B, n, R, C)``.
        """


class SegmentationNetwork(nn.Module, ABC):
    """A network that turns images into class logits on the same grid.

    ``forward`` always returns one tensor ``(B, K, *S)``; sides of the input are multiples of
    `divisor`. Nothing returns a different type because of a flag.
    """

    config: NetConfig
    decoder_modules: ClassVar[tuple[str, ...]] = ()
    """Children that work on the way up; the final layer is `head`, all others encode."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config

    def part_of(self, parameter: str) -> str:
        """Return what a parameter belongs to, by its name: "encoder", "decoder" or "head"."""
        child = parameter.partition(".")[0]
        if child == "head":
            return child
        return "decoder" if child in self.decoder_modules else "encoder"

    @property
    @abstractmethod
    def divisor(self) -> int:
        """Every side of the input must be a multiple of this."""

    @property
    @abstractmethod
    def feature_info(self) -> Sequence[Feature]:
        """The stages in order, encoder first; the last is the input of the final layer."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, C, *S) -> (B, K, *S)``."""

    def forward_levels(self, x: Tensor) -> list[Tensor]:
        """Compute the logits of every supervised level, finest first; here just one.

        Shapes: ``(B, C, *S) -> [(B, K, *S), (B, K, *S/2), ...]``.
        """
        return [self(x)]

    def lies_nowhere(self, name: str) -> bool:
        """Whether the maps of a module, by its path, have no places in the image."""
        return False

    @property
    def overlays(self) -> dict[str, str]:
        """What `inspect` can show: ``"path.of.block:name"`` to words."""
        return {
            f"{path}:{name}": words
            for path, block in self.named_modules()
            if isinstance(block, Inspectable)
            for name, words in block.overlays.items()
        }

    @torch.no_grad()
    def inspect(
        self, x: Tensor, names: Sequence[str], at: Sequence[int] | None = None
    ) -> dict[str, Tensor]:
        """Run `x` through the network and return some of its `overlays`.

        Parameters
        ----------
        x : Tensor
            ``(B, C, *S)``.
        names : sequence of str
            Keys of `overlays`.
        at : sequence of int, optional
            A voxel of ``*S``, for overlays that answer for one place; the middle by default.

        Returns
        -------
        dict of str to Tensor
            ``(B, n, *S')``, n maps to lay over the image, or ``(B, n)``, n numbers.

        Raises
        ------
        ValueError
            If there is no such overlay, or the voxel is outside.
        """
        unknown = sorted(set(names) - set(self.overlays))
        if unknown:
            raise ValueError(
                f"no overlay {', '.join(unknown)}; there are {', '.join(self.overlays) or 'none'}"
            )
        size = x.shape[2:]
        at = [side // 2 for side in size] if at is None else at
        if len(at) != len(size) or any(not 0 <= a < s for a, s in zip(at, size, strict=True)):
            raise ValueError(f"voxel {tuple(at)} is not in an image of {tuple(size)} voxels")
        # the middle of the voxel: its corner may be rounded into the one before
        place = tuple((a + 0.5) / s for a, s in zip(at, size, strict=True))
        found: dict[str, Tensor] = {}

        def keep(key: str) -> Any:
            def compute(block: Inspectable, inputs: tuple[Tensor, ...]) -> None:
                found[key] = block.overlay(key.rpartition(":")[2], inputs, place)

            return compute

        hooks = [
            self.get_submodule(key.rpartition(":")[0]).register_forward_pre_hook(keep(key))
            for key in names
        ]
        try:
            self(x)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def check_input(self, x: Tensor) -> None:
        """Raise a `ValueError` that says what is wrong with `x`, if anything is."""
        dims, channels = self.config.spatial_dims, self.config.in_channels
        if x.ndim != dims + 2 or x.shape[1] != channels:
            expected = "(B, C, H, W)" if dims == 2 else "(B, C, D, H, W)"
            raise ValueError(f"expected {expected} with C = {channels}, got {tuple(x.shape)}")
        size = tuple(x.shape[2:])
        if any(s % self.divisor for s in size):
            padded = tuple(-(-s // self.divisor) * self.divisor for s in size)
            raise ValueError(
                f"image of {size} voxels: every side must be a multiple of {self.divisor}; "
                f"pad to {padded} or use Segmenter, which pads for you"
            )

    def count_parameters(self) -> int:
        """Return the number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device
