"""Two and three dimensions have the same layers by the same names."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks.nd import fastest_layout, nd


@pytest.mark.parametrize("dims", [2, 3])
def test_every_layer_takes_images_of_its_dimensions(dims):
    ops = nd(dims)
    x = torch.randn(2, 4, *[6] * dims).contiguous(memory_format=ops.channels_last)
    for layer in (ops.Conv(4, 4, 1), ops.BatchNorm(4), ops.Norm(4)):
        assert layer(x).shape == x.shape
    assert ops.MaxPool(2)(x).shape[2:] == (3,) * dims
    assert ops.AdaptiveAvgPool(1)(x).shape[2:] == (1,) * dims
    assert F.interpolate(x, scale_factor=2, mode=ops.linear).shape[2:] == (12,) * dims


@pytest.mark.parametrize("dims", [1, 4, "2"])
def test_other_dimensions_are_refused(dims):
    with pytest.raises(ValueError, match="must be 2 or 3"):
        nd(dims)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_cpu_computes_with_the_channels_of_a_voxel_side_by_side(dims):
    x = torch.randn(2, 4, *[6] * dims)
    laid_out = fastest_layout(x)
    assert torch.equal(laid_out, x)
    assert laid_out.stride(1) == 1
    assert fastest_layout(laid_out) is laid_out
    elsewhere = fastest_layout(x.to("meta"))
    assert elsewhere.stride() == x.stride()
