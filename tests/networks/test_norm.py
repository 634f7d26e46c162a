"""Instance normalisation is exact in either memory format."""

from __future__ import annotations

import pytest
import torch

from napari_medseg.networks.norm import InstanceNorm

LAYOUTS = [torch.contiguous_format, torch.channels_last_3d]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("offset", [0, 100])
def test_each_channel_of_each_image_gets_mean_zero_and_variance_one(layout, offset):
    x = (5 * torch.randn(2, 3, 16, 16, 16) + offset).contiguous(memory_format=layout)
    y = InstanceNorm()(x)
    assert y.is_contiguous(memory_format=layout)
    mean, std = y.mean((2, 3, 4)), y.std((2, 3, 4), correction=0)
    torch.testing.assert_close(mean, torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(std, torch.ones(2, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch", [1, 2])
def test_large_volumes_are_as_exact_in_channels_last(batch):
    x = torch.randn(batch, 4, 48, 48, 48) + 1
    exact = InstanceNorm()(x.double())
    last = InstanceNorm()(x.contiguous(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(last.double(), exact, atol=5e-6, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_is_the_derivative(layout):
    x = torch.randn(2, 2, 2, 3, 2, dtype=torch.double).contiguous(memory_format=layout)
    assert torch.autograd.gradcheck(InstanceNorm(), x.requires_grad_())


def test_a_channel_without_contrast_becomes_zero():
    x = torch.full((1, 2, 4, 4, 4), 7.0).contiguous(memory_format=torch.channels_last_3d)
    assert not InstanceNorm()(x).any()


def test_half_precision_stays_half():
    x = torch.randn(1, 2, 4, 4, 4).bfloat16().contiguous(memory_format=torch.channels_last_3d)
    assert InstanceNorm()(x).dtype == torch.bfloat16
