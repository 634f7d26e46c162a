"""Kolmogorov-Arnold layers against the definition of B-splines."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from napari_medseg.networks.blocks.kan import ChannelSpline, KANLinear, spline_bases


def cox_de_boor(x, intervals, bounds, order=3):
    """Evaluate the bases by the recursion itself; `x` inside the grid."""
    low, high = bounds
    step = (high - low) / intervals
    knots = low + step * torch.arange(-order, intervals + order + 1, dtype=x.dtype)
    x = x[..., None]
    bases = ((x >= knots[:-1]) & (x < knots[1:])).to(x.dtype)
    for k in range(1, order + 1):
        left = (x - knots[: -k - 1]) / (knots[k:-1] - knots[: -k - 1])
        right = (knots[k + 1 :] - x) / (knots[k + 1 :] - knots[1:-k])
        bases = left * bases[..., :-1] + right * bases[..., 1:]
    return bases


@pytest.mark.parametrize("intervals", [1, 5, 8])
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-2.0, 2.0), (0.5, 3.0)])
def test_the_bases_are_cox_de_boors(intervals, bounds):
    x = torch.linspace(*bounds, 999, dtype=torch.float64)[:-1]  # the recursion is open at the end
    torch.testing.assert_close(
        spline_bases(x, intervals, bounds), cox_de_boor(x, intervals, bounds)
    )


def test_the_bases_sum_to_one_even_at_and_beyond_the_border():
    x = torch.tensor([-9.0, -2.0, -1.99, 0.0, 1.99, 2.0, 9.0])
    bases = spline_bases(x)
    torch.testing.assert_close(bases.sum(-1), torch.ones(7))
    assert (bases > 0).sum(-1).max() <= 4
    assert torch.equal(bases[0], bases[1])
    assert torch.equal(bases[-1], bases[-2])


@pytest.mark.parametrize("shape", [(7,), (4, 7), (2, 3, 7)])
def test_a_layer_is_the_sum_of_its_curves(shape):
    layer = KANLinear(7, 5).double()
    x = torch.randn(*shape, dtype=torch.float64).clamp(-1.99, 1.99)
    bases = cox_de_boor(x, 5, (-2.0, 2.0))
    spline = torch.einsum("...im,oim,oi->...o", bases, layer.coefficients, layer.scale)
    torch.testing.assert_close(layer(x), F.silu(x) @ layer.weight.T + spline)


def test_the_curves_are_what_the_layer_adds():
    layer = KANLinear(3, 2)
    points = torch.linspace(-3, 3, 11)
    curves = layer.curves(points)
    assert curves.shape == (2, 3, 11)
    for n, value in enumerate(points):
        torch.testing.assert_close(curves[..., n].sum(1), layer(value.expand(3)))


def test_a_curve_can_follow_any_smooth_function():
    layer = KANLinear(1, 1)
    x = torch.linspace(-2, 2, 200)[:, None]
    target = torch.sin(2 * x)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.mse_loss(layer(x), target)
        value.backward()
        return value

    optimizer.step(loss)
    assert loss() < 1e-3


@pytest.mark.parametrize("intervals", [1, 4, 8])
def test_channel_splines_equal_the_definition_with_all_gradients(intervals):
    layer = ChannelSpline(6, intervals=intervals).double()
    torch.nn.init.normal_(layer.coefficients)
    x = (2 * torch.randn(40, 6, dtype=torch.float64)).requires_grad_()
    bases = spline_bases(x, intervals)
    weighting = torch.randn_like(x)
    expected = torch.einsum("ncm,cm->nc", bases, layer.coefficients)
    torch.testing.assert_close(layer(x), expected)
    wanted = torch.autograd.grad((expected * weighting).sum(), (x, layer.coefficients))
    given = torch.autograd.grad((layer(x) * weighting).sum(), (x, layer.coefficients))
    torch.testing.assert_close(given, wanted)


def test_channel_splines_pass_the_gradient_check():
    x = torch.linspace(-2.3, 2.3, 21, dtype=torch.float64).view(7, 3).requires_grad_()
    layer = ChannelSpline(3, intervals=4).double()
    assert torch.autograd.gradcheck(layer, (x,))


def test_the_curves_of_channels_are_what_the_layer_does():
    layer = ChannelSpline(4)
    points = torch.linspace(-3, 3, 9)
    assert layer.curves(points).shape == (4, 9)
    torch.testing.assert_close(layer.curves(points)[2], layer(points[:, None].expand(9, 4))[:, 2])


@pytest.mark.parametrize("layer", [KANLinear(8, 8), ChannelSpline(8)])
def test_half_precision_is_near_and_comes_back_as_half(layer):
    torch.nn.init.normal_(layer.coefficients)
    x = torch.randn(16, 8)
    exact = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer(x.bfloat16())
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize("layer", [KANLinear(8, 8), ChannelSpline(8)])
def test_a_new_spline_is_nearly_flat(layer):
    assert 0 < layer.coefficients.abs().max() < 0.1


def test_layers_are_made_without_memory_where_only_their_size_is_asked():
    with torch.device("meta"):
        layer = KANLinear(1024, 64)
    assert sum(p.numel() for p in layer.parameters()) == (1 + 1 + 8) * 1024 * 64


def test_grids_that_are_none_are_refused():
    with pytest.raises(ValueError, match="at least 1 interval, got 0"):
        KANLinear(2, 2, intervals=0)
    with pytest.raises(ValueError, match="from low to high"):
        ChannelSpline(2, bounds=(1.0, -1.0))
