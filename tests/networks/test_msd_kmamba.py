"""What is MSD-KMamba's own; the rest is in test_common_suite.py."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks import create_network
from napari_medseg.networks.blocks.scan import bidirectional_scan
from napari_medseg.networks.msd_kmamba.blocks import SplineFeedForward, StateSpaceBlock
from napari_medseg.networks.msd_kmamba.config import MSDKMambaConfig
from napari_medseg.networks.msd_kmamba.fusion import upsample
from napari_medseg.networks.msd_kmamba.modalities import drop, present
from napari_medseg.networks.msd_kmamba.state_space import (
    BidirectionalStateSpace,
    DiagonalStateSpace,
    attention_row,
)

TINY = {"widths": (8, 8, 8, 8, 8), "depths": (0, 0, 1, 1, 1)}


def tiny(**fields):
    torch.manual_seed(0)
    fields = {"in_channels": 3, "num_classes": 2, **TINY, **fields}
    return create_network("msd_kmamba", preset="small", spatial_dims=3, **fields).eval()


def test_base_has_the_size_its_header_says():
    network = create_network("msd_kmamba", spatial_dims=3, in_channels=4, num_classes=4)
    assert network.count_parameters() == 9_314_890


KINDS = pytest.mark.parametrize("kind", [BidirectionalStateSpace, DiagonalStateSpace])


@KINDS
@pytest.mark.parametrize("axes", [1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_state_space_sees_mirrored_volumes_mirrored(kind, axes, axis):
    # a sequence is turned around whole only where the volume is one voxel thick along two axes
    torch.manual_seed(0)
    layer = kind(8, axes=axes, states=4).double()
    with torch.no_grad():
        kernel = layer.near.weight
        kernel.copy_((kernel + kernel.flip(2 + axis)) / 2)  # does not mind the mirror either
        size = [1, 1, 1]
        size[axis] = 13
        x = torch.randn(1, *size, 8, dtype=torch.float64)
        torch.testing.assert_close(layer(x.flip(1 + axis)).flip(1 + axis), layer(x))


@KINDS
def test_every_voxel_sees_every_other(kind):
    torch.manual_seed(0)
    layer = kind(8, axes=3, states=4)
    x = torch.randn(1, 4, 5, 6, 8, requires_grad=True)
    layer(x)[0, 1, 2, 3].sum().backward()
    assert (x.grad.abs().sum(-1) > 0).all()


def test_the_three_orders_are_the_three_axes():
    torch.manual_seed(0)
    layer = BidirectionalStateSpace(8, axes=3, states=4).double()
    with torch.no_grad():
        u = torch.randn(1, 3, 4, 5, 16, dtype=torch.float64)
        selected = layer.select(u)
        whole = layer._scanned(u, selected)
        # the orders turned by one axis: the same on the turned volume with the numbers moved on
        turned = BidirectionalStateSpace(8, axes=3, states=4).double()
        turned.load_state_dict(layer.state_dict())
        for parameter in (turned.log_rate, turned.dt_bias, turned.shares):
            parameter.copy_(parameter.roll(-1, 0))
        own = torch.stack(selected.chunk(3, dim=-1)).roll(-1, 0)
        again = turned._scanned(
            u.permute(0, 2, 3, 1, 4), torch.cat(own.unbind(), -1).permute(0, 2, 3, 1, 4)
        )
    torch.testing.assert_close(again.permute(0, 3, 1, 2, 4), whole)


def test_the_attention_shown_is_what_the_scan_sums_with():
    draw = {"dtype": torch.float64}
    x, dt = torch.randn(2, 30, 3, 4, **draw), torch.rand(2, 30, 3, **draw)
    decay, (b, c) = -torch.rand(3, **draw), torch.randn(2, 2, 30, 5, **draw)
    y = bidirectional_scan(x, dt, decay, b[:, :, None], c[:, :, None])
    for index in (0, 11, 29):
        row = attention_row(dt, decay, b, c, index)
        torch.testing.assert_close((row[..., None] * x).sum(1), y[:, index])


def test_the_attention_map_lies_on_the_volume():
    torch.manual_seed(0)
    layer = BidirectionalStateSpace(8, axes=3, states=4)
    with torch.no_grad():
        layer.dt_bias.fill_(0.5)  # short memories
        layer.log_rate.fill_(1.5)
        x = torch.randn(1, 6, 8, 10, 8)
        maps = layer.overlay("attention", (x,), (0.5, 0.25, 0.9)).abs()
        reach = layer.overlay("reach", (x,), (0, 0, 0))
    assert maps.shape == reach.shape == (1, 3, 6, 8, 10)
    assert (reach > 0).all()
    for order, axis in enumerate((2, 0, 1)):  # the fastest axis of each order
        where = torch.tensor([3, 2, 9])
        near = maps[0, order].sum([a for a in range(3) if a != axis])
        assert near.argmax() == where[axis]
        line = [where[a].item() for a in range(3)]
        line[axis] = slice(None)
        assert maps[0, order][tuple(line)].sum() > 0.9 * maps[0, order].sum()


def test_heads_begin_with_memories_of_4_to_4096_tokens():
    layer = BidirectionalStateSpace(256, axes=3, states=4)
    memory = 1 / (F.softplus(layer.dt_bias) * layer.log_rate.exp())
    assert memory.min() > 3.9
    assert memory.max() < 4200
    assert memory.log().std() > 1


@pytest.mark.parametrize("kan", ["channel", "dense", "none"])
def test_every_kind_of_feed_forward_learns(kan):
    layer = SplineFeedForward(8, kan=kan)
    layer(torch.randn(1, 2, 3, 4, 8)).square().sum().backward()
    for name, weight in layer.named_parameters():
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    "fields", [{"axes": 1}, {"kan": "dense"}, {"teacher": "finest"}, {"ssm": "s6"}]
)
def test_every_variant_runs_and_learns(fields):
    network = tiny(**fields, modality_dropout=0.0).train()
    teacher, students = network.forward_students(torch.randn(1, 3, 32, 32, 32))
    sum(t.square().sum() for t in (teacher, *students)).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name


def test_the_fused_answer_is_the_weighted_sum_of_the_levels():
    network = tiny()
    x = torch.randn(1, 3, 32, 32, 64)
    with torch.no_grad():
        teacher, students = network.forward_students(x)
        weights = network.fuse.weights(network._decode(x)[0])
        raised = [F.interpolate(s, x.shape[2:], mode="trilinear") for s in students]
        expected = sum(r * weights[:, i : i + 1] for i, r in enumerate(raised))
    torch.testing.assert_close(teacher, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(weights.sum(1), torch.ones_like(weights[:, 0]))


@pytest.mark.parametrize("size", [(2, 3, 4), (6, 3, 4), (8, 12, 16)])
def test_upsampling_is_linear_interpolation(size):
    x = torch.randn(2, 5, 2, 3, 4)
    expected = F.interpolate(x, size, mode="trilinear")
    torch.testing.assert_close(upsample(x, size), expected)


def test_a_modality_of_zeros_is_missing():
    x = torch.randn(2, 3, 4, 4, 4)
    x[0, 1], x[1, 0] = 0, 5
    assert present(x).tolist() == [[True, False, True], [True, True, True]]


def test_what_is_missing_says_nothing_and_the_rest_is_not_weaker():
    network = tiny()
    stem = network.stem
    x = torch.randn(1, 3, 8, 8, 8)
    x[:, 1] = 0
    with torch.no_grad():
        y = stem.act(stem.norm(stem.conv(x)))
        y = y.unflatten(1, (3, -1))
        assert not y[:, 1].any()
        expected = stem.join((y * 1.5).flatten(1, 2))
        torch.testing.assert_close(stem(x), expected)


def test_an_image_of_zeros_gives_numbers():
    network = tiny()
    with torch.no_grad():
        assert torch.isfinite(network(torch.zeros(1, 3, 32, 32, 32))).all()


def test_one_modality_is_never_missing():
    network = tiny(in_channels=1).train()
    x = torch.zeros(1, 1, 32, 32, 32)
    x[..., 16:, 16:, 16:] = 1
    assert network.stem(x).any()


def test_dropping_leaves_at_least_one_that_was_there():
    there = torch.tensor([[True, False, True], [False, False, True]]).repeat(500, 1)
    left = drop(there, 0.6)
    assert not (left & ~there).any()
    assert left.any(1).all()
    assert 0.3 < left[::2, 0].float().mean() < 0.7


def test_only_training_drops_modalities():
    network = tiny(modality_dropout=0.9)
    x = torch.randn(1, 3, 8, 8, 8)
    with torch.no_grad():
        first = network.stem(x)
        assert all(torch.equal(first, network.stem(x)) for _ in range(5))
        network.train()
        assert any(not torch.equal(first, network.stem(x)) for _ in range(5))


def test_mixed_precision_scans_in_single_precision():
    torch.manual_seed(0)
    block = StateSpaceBlock(16, axes=3, states=4, kan="channel")
    x = torch.randn(1, 16, 4, 4, 4)
    with torch.no_grad():
        exact = block(x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = block(x)
    assert (rough - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"spatial_dims": 2}, "no preset 'small' for 2D|exists for"),
        ({"widths": (8, 16, 32)}, "widths must be 5 positive multiples of 8"),
        ({"widths": (8, 16, 32, 64, 100)}, "multiples of 8"),
        ({"depths": (0, 0, 0, 0, -1)}, "depths must be"),
        ({"axes": 2}, "axes must be 1 or 3"),
        ({"ssm": "s4"}, "ssm must be one of ssd, s6"),
        ({"kan": "rbf"}, "kan must be one of"),
        ({"modality_dropout": 1.0}, r"in \[0, 1\)"),
        ({"distillation": -1.0}, "distillation must be at least 0"),
        ({"states": 0}, "states must be at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        create_network("msd_kmamba", preset="small", **{"spatial_dims": 3, **fields})


def test_the_default_is_three_dimensional():
    assert MSDKMambaConfig().spatial_dims == 3
