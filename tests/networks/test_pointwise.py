"""A 1x1 convolution, whatever the layout of its input in memory."""

from __future__ import annotations

import pytest
import torch

from napari_medseg.networks.blocks.pointwise import Pointwise


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
def test_pointwise_is_a_1x1_convolution_in_the_format_of_its_input(layout, bias):
    pointwise = Pointwise(3, 5, bias=bias)
    x = torch.randn(2, 3, 4, 6).contiguous(memory_format=layout)
    convolved = torch.nn.functional.conv2d(x, pointwise.weight[..., None, None], pointwise.bias)
    torch.testing.assert_close(pointwise(x), convolved)
    assert pointwise(x).is_contiguous(memory_format=layout)
