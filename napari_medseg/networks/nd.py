"""Two or three dimensions: the one place where networks choose between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_medseg.networks.convolution import Conv3d
from napari_medseg.networks.norm import InstanceNorm


@dataclass(frozen=True)
class Operations:
    """The layers of one number of spatial dimensions.

    Parameters
    ----------
    Conv, MaxPool, AdaptiveAvgPool, BatchNorm : type
        The `torch.nn` layers.
    Norm : callable
        ``channels -> layer`` where a network has no reason to choose: batch norm for images,
        instance norm for volumes, whose batches of one or two give no statistics.
    linear : str
        Mode of `torch.nn.functional.interpolate` for linear interpolation.
    channels_last : torch.memory_format
        The layout in which a CPU computes fastest.
    """

    Conv: type[nn.Conv2d] | type[nn.Conv3d]
    MaxPool: type[nn.MaxPool2d] | type[nn.MaxPool3d]
    AdaptiveAvgPool: type[nn.AdaptiveAvgPool2d] | type[nn.AdaptiveAvgPool3d]
    BatchNorm: type[nn.BatchNorm2d] | type[nn.BatchNorm3d]
    Norm: Callable[[int], nn.Module]
    linear: str
    channels_last: torch.memory_format


_OPERATIONS = {
    2: Operations(
        Conv=nn.Conv2d,
        MaxPool=nn.MaxPool2d,
        AdaptiveAvgPool=nn.AdaptiveAvgPool2d,
        BatchNorm=nn.BatchNorm2d,
        Norm=nn.BatchNorm2d,
        linear="bilinear",
        channels_last=torch.channels_last,
    ),
    3: Operations(
        Conv=Conv3d,
        MaxPool=nn.MaxPool3d,
        AdaptiveAvgPool=nn.AdaptiveAvgPool3d,
        BatchNorm=nn.BatchNorm3d,
        Norm=lambda channels: InstanceNorm(),
        linear="trilinear",
        channels_last=torch.channels_last_3d,
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


def fastest_layout(x: Tensor) -> Tensor:
    """Return ``(B, C, *S)`` in the layout in which its device computes fastest.

    On a CPU that is channels last, about twice as fast; layers keep the layout of their input.
    """
    if x.device.type != "cpu":
        return x
    return x.contiguous(memory_format=nd(x.ndim - 2).channels_last)
