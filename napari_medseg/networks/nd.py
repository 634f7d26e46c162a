"""Two or three dimensions: the one place where networks choose between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import nn


def _instance_norm(channels: int) -> nn.GroupNorm:
    # one group per channel is instance norm, but it keeps the memory format of its input
    return nn.GroupNorm(channels, channels, affine=False)


@dataclass(frozen=True)
class Operations:
    """The layers of one number of spatial dimensions.

    Parameters
    ----------
    Conv, MaxPool, AdaptiveAvgPool, BatchNorm : type
        The `torch.nn` layers.
    InstanceNorm : callable
        ``channels -> layer`` without weights or running statistics.
    Norm : callable
        ``channels -> layer`` where a network has no reason to choose: batch norm for images,
        instance norm for volumes, whose batches of one or two give no statistics.
    linear : str
        Mode of `torch.nn.functional.interpolate` for linear interpolation.
    """

    Conv: type[nn.Conv2d] | type[nn.Conv3d]
    MaxPool: type[nn.MaxPool2d] | type[nn.MaxPool3d]
    AdaptiveAvgPool: type[nn.AdaptiveAvgPool2d] | type[nn.AdaptiveAvgPool3d]
    BatchNorm: type[nn.BatchNorm2d] | type[nn.BatchNorm3d]
    InstanceNorm: partial[nn.GroupNorm]
    Norm: type[nn.BatchNorm2d] | partial[nn.GroupNorm]
    linear: str


_INSTANCE_NORM = partial(_instance_norm)

_OPERATIONS = {
    2: Operations(
        Conv=nn.Conv2d,
        MaxPool=nn.MaxPool2d,
        AdaptiveAvgPool=nn.AdaptiveAvgPool2d,
        BatchNorm=nn.BatchNorm2d,
        InstanceNorm=_INSTANCE_NORM,
        Norm=nn.BatchNorm2d,
        linear="bilinear",
    ),
    3: Operations(
        Conv=nn.Conv3d,
        MaxPool=nn.MaxPool3d,
        AdaptiveAvgPool=nn.AdaptiveAvgPool3d,
        BatchNorm=nn.BatchNorm3d,
        InstanceNorm=_INSTANCE_NORM,
        Norm=_INSTANCE_NORM,
        linear="trilinear",
    ),
}


def nd(spatial_dims: int) -> Operations:
    """Return the layers for 2 or 3 spatial dimensions.

    Raises
    ------
    ValueError
        If `spatial_dims` is anything else.
    """
    if spatial_dims not in _OPERATIONS:
        raise ValueError(f"spatial_dims must be 2 or 3, got {spatial_dims}")
    return _OPERATIONS[spatial_dims]
