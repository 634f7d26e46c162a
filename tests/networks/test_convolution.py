"""One volume is convolved by the kernels that PyTorch keeps for several, with the same result."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from napari_medseg.networks.convolution import Conv3d
from napari_medseg.networks.nd import nd

_ONE_DNN = torch.ops.aten.mkldnn_convolution.default


class _Called(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operations.append(func)
        return func(*args, **(kwargs or {}))


def _takes_one_dnn(convolution, x):
    with _Called() as called, torch.no_grad():
        convolution(x)
    return _ONE_DNN in called.operations


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "padding": 1, "bias": False},
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)},
    ],
)
def test_values_and_gradients_are_those_of_torch(options):
    ours = Conv3d(4, 6, **options)
    theirs = nn.Conv3d(4, 6, **options)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(1, 4, 9, 8, 7, requires_grad=True)
    assert _takes_one_dnn(ours, x)
    there = theirs(x)
    direction = torch.randn_like(there)
    torch.testing.assert_close(ours(x), there)
    for our, their in zip(
        torch.autograd.grad(ours(x), [x, *ours.parameters()], direction),
        torch.autograd.grad(there, [x, *theirs.parameters()], direction),
        strict=True,
    ):
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-4)


def test_one_volume_gets_what_it_would_get_among_others():
    convolution = Conv3d(4, 6, 3, padding=1)
    x = torch.randn(3, 4, 9, 8, 7)
    together = convolution(x)
    for n in range(3):
        torch.testing.assert_close(convolution(x[n : n + 1])[0], together[n])


@pytest.mark.parametrize(
    ("convolution", "x"),
    [
        (Conv3d(4, 4, 3, groups=4), torch.zeros(1, 4, 5, 5, 5)),
        (Conv3d(4, 6, 1), torch.zeros(1, 4, 5, 5, 5)),
        (Conv3d(4, 6, 3), torch.zeros(2, 4, 5, 5, 5)),
        (Conv3d(4, 6, 3).double(), torch.zeros(1, 4, 5, 5, 5, dtype=torch.double)),
        (Conv3d(4, 6, 3, padding="same"), torch.zeros(1, 4, 5, 5, 5)),
        (Conv3d(4, 6, 3, padding=1, padding_mode="circular"), torch.zeros(1, 4, 5, 5, 5)),
        (Conv3d(4, 6, 3), torch.zeros(4, 5, 5, 5)),
        (Conv3d(4, 6, 3, device="meta"), torch.zeros(1, 4, 5, 5, 5, device="meta")),
    ],
    ids=["groups", "1x1x1", "batch", "double", "same", "circular", "no batch", "meta"],
)
def test_all_else_is_left_to_torch(convolution, x):
    assert not _takes_one_dnn(convolution, x)
    assert convolution(x).shape[-3] in (3, 5)


def test_mixed_precision_stays_mixed():
    convolution, x = Conv3d(4, 6, 3), torch.zeros(1, 4, 5, 5, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert convolution(x).dtype == torch.bfloat16


def test_weights_are_those_of_any_convolution_and_networks_take_it():
    theirs = nn.Conv3d(2, 3, 3)
    ours = nd(3).Conv(2, 3, 3)
    assert isinstance(ours, Conv3d)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 2, 5, 5, 5)
    torch.testing.assert_close(ours(x), F.conv3d(x, theirs.weight, theirs.bias))
