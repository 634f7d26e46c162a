"""The architectures by name; imports without torch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.config import NetConfig

if TYPE_CHECKING:
    from napari_medseg.networks.base import SegmentationNetwork

PRESETS = ("small", "base", "large")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network's recipe: everything known about it before a weight exists.

    Parameters
    ----------
    name : str
        Key in the registry and in checkpoints.
    title : str
        As the paper spells it.
    config : type
        Its `NetConfig`.
    builder : str
        ``"module:Class"``, imported when a network is built, so that the list needs no torch.
    spatial_dims : tuple of int
        What it can do.
    presets : mapping
        ``(preset, spatial_dims) -> field values`` of `config`; see `PRESETS`.
    paper, code, code_licence : str
        Where it comes from.
    """

    name: str
    title: str
    config: type[NetConfig]
    builder: str
    spatial_dims: tuple[int, ...]
    presets: Mapping[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    paper: str
    code: str = ""
    code_licence: str = ""

    def preset(self, name: str, **shape: Any) -> NetConfig:
        """Return the config of a preset.

        Parameters
        ----------
        name : str
            One of `PRESETS`.
        **shape : Any
            ``spatial_dims``, ``in_channels``, ``num_classes`` and any other field to set.

        Raises
        ------
        ValueError
            If there is no such preset for these dimensions, or no such field.
        """
        dims = shape.get("spatial_dims", self.spatial_dims[0])
        if (name, dims) not in self.presets:
            offered = ", ".join(f"{p} ({d}D)" for p, d in self.presets)
            meant = did_you_mean(name, (p for p, d in self.presets if d == dims))
            raise ValueError(
                f"{self.title} has no preset {name!r} for {dims}D{meant}; it has {offered}"
            )
        return self.config.from_dict({**self.presets[name, dims], "spatial_dims": dims, **shape})

    def build(self, config: NetConfig) -> SegmentationNetwork:
        """Make the network with freshly initialised weights."""
        if not isinstance(config, self.config):
            raise ValueError(
                f"{self.title} is configured by {self.config.__name__}, got {type(config).__name__}"
            )
        if config.spatial_dims not in self.spatial_dims:
            raise ValueError(
                f"{self.title} exists for {self.spatial_dims} dimensions, not {config.spatial_dims}"
            )
        module, _, attribute = self.builder.partition(":")
        network: SegmentationNetwork = getattr(importlib.import_module(module), attribute)(config)
        return network
