"""Several kernel sizes in one pass are the same as one after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks.depthwise import depthwise_groups


def one_by_one(x, weights, biases):
    convolve = F.conv2d if x.ndim == 4 else F.conv3d
    parts = x.split([len(w) for w in weights], dim=1)
    return torch.cat(
        [
            convolve(part, w, b, padding=w.shape[-1] // 2, groups=len(w))
            for part, w, b in zip(parts, weights, biases, strict=True)
        ],
        dim=1,
    )


@pytest.fixture(params=[2, 3])
def inputs(request):
    """Image, weights and biases of groups of two, four and two channels."""
    dims, groups = request.param, ((2, 3), (4, 5), (2, 7))
    real = {"dtype": torch.double, "requires_grad": True}
    x = torch.randn(2, 8, *(6, 9, 5)[:dims], **real)
    weights = [torch.randn(channels, 1, *[side] * dims, **real) for channels, side in groups]
    biases = [torch.randn(channels, **real) for channels, _ in groups]
    return x, weights, biases


def test_values_are_those_of_separate_convolutions(inputs):
    torch.testing.assert_close(depthwise_groups(*inputs), one_by_one(*inputs))


def test_gradients_are_those_of_separate_convolutions(inputs):
    x, weights, biases = inputs
    direction = torch.randn_like(x)
    ours = torch.autograd.grad(depthwise_groups(*inputs), [x, *weights, *biases], direction)
    theirs = torch.autograd.grad(one_by_one(*inputs), [x, *weights, *biases], direction)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)


def test_only_what_learns_gets_a_gradient(inputs):
    x, weights, biases = inputs
    frozen = [w.detach() for w in weights]
    depthwise_groups(x, frozen, [b.detach() for b in biases]).sum().backward()
    assert x.grad is not None
    depthwise_groups(x.detach(), [weights[0], *frozen[1:]], biases).sum().backward()
    assert weights[0].grad is not None
    assert weights[1].grad is None


def test_half_precision_is_near(inputs):
    x, weights, biases = inputs
    singles = x.float(), [w.float() for w in weights], [b.float() for b in biases]
    with torch.autocast("cpu", torch.bfloat16):
        rough = depthwise_groups(*singles)
    exact = depthwise_groups(*singles)
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize("size", [(3, 12, 4), (2, 1, 5), (4, 6, 1)])
@pytest.mark.parametrize("kernel", [3, 5, 7, 9])
def test_gradients_in_half_precision_are_near_for_volumes(size, kernel):
    x = torch.randn(2, 8, *size).contiguous(memory_format=torch.channels_last_3d).requires_grad_()
    weight = torch.randn(8, 1, *[kernel] * 3, requires_grad=True)
    bias, direction = torch.zeros(8, requires_grad=True), torch.randn(2, 8, *size)
    direction = direction.contiguous(memory_format=torch.channels_last_3d)
    exact = torch.autograd.grad(depthwise_groups(x, [weight], [bias]), [x, weight, bias], direction)
    with torch.autocast("cpu", torch.bfloat16):
        rough = depthwise_groups(x, [weight], [bias])
    found = torch.autograd.grad(rough, [x, weight, bias], direction.bfloat16())
    for ours, expected in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - expected).norm() < 0.02 * expected.norm()
