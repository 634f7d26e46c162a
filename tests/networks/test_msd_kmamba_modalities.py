"""MSD-KMamba and what is, and is not, in its channels; its blocks beside their formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks import create_network
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.msd_kmamba.blocks import Residual, SplineFeedForward, StateSpaceBlock
from napari_medseg.networks.msd_kmamba.fusion import Fusion, upsample
from napari_medseg.networks.msd_kmamba.modalities import ModalityStem, drop, present
from napari_medseg.networks.msd_kmamba.state_space import (
    _ORDERS,
    BidirectionalStateSpace,
    Depthwise,
    _sequence,
    _volume,
)


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def stem(modalities=3, dropout=0.0):
    return ModalityStem(modalities, 8, dropout).double()


def volume(modalities=3, batch=1):
    return torch.randn(batch, modalities, 4, 5, 6).double()


def reordered(layer, order):
    """Return the stem for modalities that come in another order."""
    other = stem(len(order), layer.dropout)
    other.conv.weight.copy_(layer.conv.weight.unflatten(0, (len(order), 8))[order].flatten(0, 1))
    joined = layer.join.weight.unflatten(1, (len(order), 8))[:, order].flatten(1, 2)
    other.join.weight.copy_(joined)
    return other.train(layer.training)


@pytest.mark.parametrize("missing", [None, 0, 2])
def test_modalities_may_come_in_any_order_with_their_weights(missing):
    layer, x, order = stem(), volume(), [2, 0, 1]
    if missing is not None:
        x[:, missing] = 0
    torch.testing.assert_close(reordered(layer, order)(x[:, order]), layer(x))


@pytest.mark.parametrize("left", [(0,), (1, 2), (0, 1, 2)])
def test_a_stem_without_a_modality_is_the_stem_of_those_left(left):
    layer, x = stem(), volume()
    masked = torch.zeros_like(x)
    masked[:, left] = x[:, left]
    fewer = stem(len(left))
    fewer.conv.weight.copy_(layer.conv.weight.unflatten(0, (3, 8))[list(left)].flatten(0, 1))
    joined = layer.join.weight.unflatten(1, (3, 8))[:, list(left)].flatten(1, 2)
    fewer.join.weight.copy_(joined * 3 / len(left))  # what is left speaks for all
    torch.testing.assert_close(fewer(x[:, left]), layer(masked))


def test_what_training_drops_is_as_if_it_were_missing(monkeypatch):
    from napari_medseg.networks.msd_kmamba import modalities

    layer, x = stem(dropout=0.5).train(), volume()
    kept = torch.tensor([[True, False, True]])
    monkeypatch.setattr(modalities, "drop", lambda there, probability: there & kept)
    found = layer(x)
    masked = x.clone()
    masked[:, 1] = 0
    torch.testing.assert_close(found, layer.eval()(masked))


def test_each_image_of_a_batch_misses_its_own():
    layer, x = stem(), volume(batch=3)
    x[0, 1], x[2, 0] = 0, 0
    alone = torch.cat([layer(image) for image in x.split(1)])
    torch.testing.assert_close(layer(x), alone)


@pytest.mark.parametrize("factor", [0.2, 100.0])
def test_how_bright_a_modality_is_does_not_matter(factor):
    layer, x = stem(), 1000 * volume()
    brighter = x.clone()
    brighter[:, 1] *= factor
    torch.testing.assert_close(layer(brighter), layer(x), atol=1e-5, rtol=1e-5)
    brighter[:, 1] *= -1  # but what is dark and what is bright does
    assert not torch.allclose(layer(brighter), layer(x), atol=1e-1)


def test_modalities_are_looked_at_one_by_one():
    layer, x = stem(), volume()
    layer.join = torch.nn.Identity()
    before = layer(x)
    x[:, 1] = torch.randn(4, 5, 6)
    apart = (layer(x) != before).unflatten(1, (3, 8)).flatten(2).any(2)[0]
    assert apart.tolist() == [False, True, False]


def test_a_single_voxel_makes_a_modality_present():
    x = torch.zeros(1, 2, 3, 3, 3)
    x[0, 1, 2, 0, 1] = -1e-20
    assert present(x).tolist() == [[False, True]]


def test_nothing_is_dropped_at_a_chance_of_zero_and_one_is_left_at_almost_one():
    there = torch.rand(200, 4) > 0.3
    there[:, 0] = True
    assert torch.equal(drop(there, 0.0), there)
    left = drop(there, 0.999999)
    assert (left.sum(1) == 1).all()
    assert (left.sum(0) > 5).all()  # not always the same


def test_dropping_is_as_likely_for_each():
    left = drop(torch.ones(4000, 4, dtype=torch.bool), 0.25)
    assert (left.float().mean(0) - 0.75).abs().max() < 0.03


def test_the_network_does_without_a_modality_as_its_stem_does():
    torch.manual_seed(0)
    network = create_network(
        "msd_kmamba",
        spatial_dims=3,
        in_channels=2,
        widths=(8,) * 5,
        depths=(0, 0, 0, 0, 1),
        states=2,
    ).eval()
    x = torch.randn(1, 2, 32, 32, 32)
    x[:, 1] = 0
    first = network(x)
    network.stem.conv.weight[8:] = torch.randn(8, 1, 3, 3, 3)  # of what is missing
    torch.testing.assert_close(network(x), first)


@pytest.mark.parametrize("order", _ORDERS)
def test_a_volume_read_as_a_sequence_and_back_is_the_volume(order):
    x = torch.arange(2 * 3 * 4 * 5 * 1.0).view(2, 3, 4, 5, 1)
    tokens = _sequence(x, order)
    assert torch.equal(_volume(tokens, order, (3, 4, 5)), x)
    step = (tokens[0, 1] - tokens[0, 0]).item()
    assert step == {3: 1, 1: 20, 2: 5}[order[-1]]  # along the axis that is fastest


@pytest.mark.parametrize("axes", [1, 3])
def test_the_layer_is_gate_skip_norm_and_the_orders_by_their_shares(axes):
    layer = BidirectionalStateSpace(8, axes=axes, states=3).double()
    if axes == 3:
        layer.shares.copy_(torch.tensor([0.5, -1.0, 2.0]))
    x = torch.randn(1, 2, 3, 5, 8).double()
    u, gate = layer.enter(x).chunk(2, dim=-1)
    u = F.silu(layer.near(u))
    own = layer.select(u).chunk(axes, dim=-1)
    shares = layer.shares.softmax(0) if axes == 3 else [1.0]
    y = torch.zeros_like(u)
    for n in range(axes):
        tokens, chosen = _sequence(u, _ORDERS[n])[0], _sequence(own[n], _ORDERS[n])[0]
        b, c, dt = chosen.split([3, 3, layer.heads], dim=-1)
        dt = F.softplus(dt + layer.dt_bias[n]).clamp(max=1)
        y = y + shares[n] * _volume(
            _by_pairs(tokens, dt, -layer.log_rate[n].exp(), b, c)[None], _ORDERS[n], (2, 3, 5)
        )
    expected = layer.leave(layer.norm(layer.skip * u + y) * F.silu(gate))
    torch.testing.assert_close(layer(x), expected)


def _by_pairs(x, dt, decay, b, c):
    """Sum over all pairs of tokens: x ``(L, d)``, dt ``(L, heads)``."""
    length, width = len(x), x.shape[1] // dt.shape[1]
    found = torch.zeros_like(x)
    for i in range(length):
        for j in range(length):
            between = dt[j + 1 : i + 1] if j <= i else dt[i:j]
            kept = (between.sum(0) * decay).exp() * dt[j]
            found[i] += (c[i] @ b[j]) * kept.repeat_interleave(width) * x[j]
    return found


@pytest.mark.parametrize("kan", ["channel", "dense", "none"])
def test_the_feed_forward_bends_then_looks_around_then_narrows(kan):
    layer = SplineFeedForward(8, kan=kan).double()
    if layer.spline is not None:
        layer.spline.coefficients.normal_()
    x = torch.randn(1, 3, 4, 5, 8).double()
    h = layer.widen(x)
    bent = {
        "dense": lambda: h,
        "none": lambda: h * h.sigmoid(),
        "channel": lambda: h * h.sigmoid() + layer.spline(F.layer_norm(h, (16,))),
    }[kan]()
    near = F.conv3d(
        bent.movedim(-1, 1), layer.near.weight, layer.near.bias, padding=1, groups=16
    ).movedim(1, -1)
    torch.testing.assert_close(layer(x), (bent + near) @ layer.narrow.weight.T)


def test_a_block_adds_a_tenth_of_what_its_layers_say():
    block = StateSpaceBlock(8, states=2).double()
    x = torch.randn(1, 8, 2, 3, 4).double()
    t = x.movedim(1, -1)
    t = t + 0.1 * block.mix(F.layer_norm(t, (8,)))
    t = t + 0.1 * block.bend(F.layer_norm(t, (8,)))
    torch.testing.assert_close(block(x), t.movedim(-1, 1))


@pytest.mark.parametrize("width", [4, 6])
def test_a_residual_adds_before_it_activates(width):
    block = Residual(4, width).double()
    x = torch.randn(2, 4, 3, 4, 5).double()

    def norm(t):
        return F.instance_norm(t)

    y = F.leaky_relu(norm(F.conv3d(x, block.conv1.weight, padding=1)), 0.01)
    y = norm(F.conv3d(y, block.conv2.weight, padding=1))
    way_round = x
    if width != 4:
        way_round = norm(torch.einsum("oc,bcdhw->bodhw", block.skip[0].weight, x))
    torch.testing.assert_close(block(x), F.leaky_relu(way_round + y, 0.01))


def test_levels_that_agree_are_fused_to_what_they_say():
    fuse = Fusion(3, 3).double()
    values = torch.randn(2, 3, 1, 1, 1).double()
    levels = [values.expand(2, 3, *(8 // 2**i,) * 3) for i in range(3)]
    torch.testing.assert_close(fuse(levels), levels[0])


def test_the_finest_level_alone_decides_the_shares():
    fuse = Fusion(3, 2)
    levels = [torch.randn(1, 3, 4, 4, 4), torch.randn(1, 3, 2, 2, 2)]
    shares = fuse.overlay("scales", (levels,), (0, 0, 0))
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 4, 4, 4))
    other = [levels[0], torch.randn(1, 3, 2, 2, 2)]
    assert torch.equal(fuse.overlay("scales", (other,), (0, 0, 0)), shares)
    difference = (fuse(other) - fuse(levels)) / shares[:, 1:]
    torch.testing.assert_close(
        difference, upsample(other[1] - levels[1], (4, 4, 4)), atol=1e-4, rtol=1e-3
    )


def test_a_depthwise_convolution_of_tokens_is_one_of_the_volume():
    layer = Depthwise(5)
    x = torch.randn(2, 3, 4, 6, 5)
    expected = F.conv3d(x.movedim(-1, 1), layer.weight, layer.bias, padding=1, groups=5)
    torch.testing.assert_close(layer(x), expected.movedim(1, -1))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(7,), (4, 5), (3, 4, 5)])
def test_a_layer_of_single_voxels_is_the_same_in_either_memory_order(size, bias):
    layer = Pointwise(3, 6, bias=bias)
    x = torch.randn(2, 3, *size)
    last = x.movedim(1, -1).contiguous().movedim(-1, 1)
    torch.testing.assert_close(layer(last), layer(x))
    torch.testing.assert_close(
        layer(x), F.linear(x.movedim(1, -1), layer.weight, layer.bias).movedim(-1, 1)
    )
