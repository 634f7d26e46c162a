"""What every network is configured by; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.config import Config


@dataclass(frozen=True, kw_only=True)
class NetConfig(Config):
    """The shape of a network's input and output; each architecture extends it."""

    spatial_dims: int = field(default=2, metadata={"tip": "2 for images, 3 for volumes"})
    in_channels: int = field(default=1, metadata={"tip": "channels or modalities", "min": 1})
    num_classes: int = field(default=2, metadata={"tip": "output channels K", "min": 1})

    def __post_init__(self) -> None:
        if self.spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims must be 2 or 3, got {self.spatial_dims}")
        if self.in_channels < 1:
            raise ValueError(f"in_channels must be at least 1, got {self.in_channels}")
        if self.num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {self.num_classes}")
