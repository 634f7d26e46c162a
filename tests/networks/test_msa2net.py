"""MSA²Net is what its paper and its published code say it is."""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks import create_network
from napari_medseg.networks.msa2net.attention import RelativeAttention, Tiles
from napari_medseg.networks.msa2net.config import MSA2NetConfig
from napari_medseg.networks.msa2net.decoder import DecoderLevel
from napari_medseg.networks.msa2net.dual_attention import ChannelAttention, EfficientAttention
from napari_medseg.networks.msa2net.gate import MultiScaleGate
from napari_medseg.networks.msa2net.large_kernel import LargeKernelGate
from napari_medseg.networks.msa2net.maps import Expand, scramble, unscramble
from napari_medseg.networks.msa2net.maxvit import MaxViT, window_side

SLICE = {"in_channels": 3, "num_classes": 9}


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({}, 76_606_666),
        ({"layout": "raw"}, 76_606_666),
        ({"deep_blocks": True}, 105_076_442),
        ({"build": "head", "layout": "raw"}, 71_013_299),
    ],
)
def test_it_has_as_many_parameters_as_run_in_the_published_code(fields, parameters):
    with torch.device("meta"):
        network = create_network("msa2net", preset="base", **SLICE, **fields)
    assert network.count_parameters() == parameters


def test_every_part_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = create_network("msa2net", preset="base", **SLICE)
        encoder = MaxViT(3, 64, (96, 192, 384, 768), (2, 2, 5, 2))
        gates = [MultiScaleGate(c) for c in (96, 192, 384, 768)]

    def counted(module):
        return sum(p.numel() for p in module.parameters())

    assert [counted(part) for part in (encoder.stem, *encoder.stages, encoder.norm)] == [
        19_360,
        617_204,
        2_332_320,
        24_417_960,
        36_737_664,
        1_536,
    ]
    assert [counted(gate) for gate in gates] == [113_287, 447_751, 1_780_231, 7_099_399]
    assert counted(network.encoder) == 64_126_044
    assert [counted(block) for block in network.dec16.blocks] == [3_578_504] * 2


def test_the_encoder_has_timms_651_names():
    with torch.device("meta"):
        names = set(MaxViT(3, 64, (96, 192, 384, 768), (2, 2, 5, 2)).state_dict())
    assert len(names) == 651
    block = "stages.2.blocks.4."
    assert {
        "stem.conv1.weight",
        "stem.norm1.running_mean",
        "stages.1.blocks.0.conv.shortcut.expand.weight",
        f"{block}conv.pre_norm.weight",
        f"{block}conv.se.fc2.bias",
        f"{block}attn_block.attn.rel_pos.mlp.fc2.weight",
        f"{block}attn_grid.ls2.gamma",
        "norm.bias",
    } <= names


@pytest.mark.parametrize(
    ("side", "window"), [(56, 7), (14, 7), (64, 8), (16, 8), (12, 6), (4, 4), (1, 1), (13, 13)]
)
def test_windows_divide_the_map_and_are_as_near_to_seven_as_can_be(side, window):
    assert window_side(side) == window


@pytest.mark.parametrize("size", [(6, 8), (3, 4), (9, 4)])
def test_cutting_a_map_is_undone_by_joining(size):
    tiles = Tiles((3, 4), size)
    x = torch.randn(2, *size, 5)
    assert torch.equal(tiles.join_windows(tiles.windows(x)), x)
    assert torch.equal(tiles.join_grid(tiles.grid(x)), x)


def test_a_window_is_a_neighbourhood_and_a_grid_spans_the_map():
    tiles = Tiles((2, 2), (4, 4))
    x = torch.arange(16.0).reshape(1, 4, 4, 1)
    assert tiles.windows(x)[0, :, 0].tolist() == [0, 1, 4, 5]
    assert tiles.grid(x)[0, :, 0].tolist() == [0, 2, 8, 10]


def test_the_bias_of_two_voxels_depends_on_the_offset_from_key_to_query():
    attention = RelativeAttention(32).eval()
    with torch.no_grad():
        bias = attention.rel_pos((2, 3))[0, 0]  # voxels 0 1 2 / 3 4 5
        offset = torch.tensor([1.0, 1.0]) * torch.tensor(2.0).log()
        expected = attention.rel_pos.mlp(offset)[0]
    torch.testing.assert_close(bias[4, 0], expected)  # query one down, one right of the key
    torch.testing.assert_close(bias[4, 0], bias[5, 1])
    assert not torch.isclose(bias[4, 0], bias[0, 4])


def test_the_attention_shown_is_the_attention_computed():
    attention = RelativeAttention(64).eval()
    tokens = torch.randn(3, 6, 64)
    with torch.no_grad():
        weights = attention.weights(tokens, (2, 3))
        value = attention._query_key_value(tokens)[2]
        by_hand = attention.proj((weights @ value).transpose(1, 2).flatten(2))
        torch.testing.assert_close(by_hand, attention(tokens, (2, 3)))
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 6))


def test_scrambling_takes_the_memory_of_tokens_for_a_map():
    tokens = torch.arange(12.0).reshape(1, 6, 2)  # six places in 2 x 3, two channels
    as_map = tokens.transpose(1, 2).reshape(1, 2, 2, 3)
    assert torch.equal(scramble(as_map), tokens.reshape(1, 2, 2, 3))
    assert torch.equal(unscramble(scramble(as_map)), as_map)


def test_the_level_of_the_last_commit_adds_the_skip_and_scrambles_as_published():
    level = DecoderLevel(16, blocks="large_kernel", gated=False, raw=True).eval()
    x, skip = torch.randn(2, 1, 16, 4, 4)
    with torch.no_grad():
        found = level(x, skip)
        tokens, side = x.flatten(2).transpose(1, 2), (1, 16, 4, 4)
        g = F.linear(tokens, level.linear.weight, level.linear.bias).reshape(side)
        y = g + skip.flatten(2).transpose(1, 2).reshape(side)
        y = F.layer_norm(y.movedim(1, -1), (16,), level.norm.weight, level.norm.bias)
        y = level.blocks(y.movedim(-1, 1))
        back = y.reshape(1, 16, 16).transpose(1, 2).reshape(side)  # tokens (N, C) to a map
        torch.testing.assert_close(found, level.expand(back))


def test_layouts_compute_different_things_from_the_same_weights():
    fields = {"preset": "small", "depths": (1, 1, 1, 1), "in_channels": 1}
    spatial = create_network("msa2net", **fields).eval()
    raw = create_network("msa2net", layout="raw", **fields).eval()
    raw.load_state_dict(spatial.state_dict())
    image = torch.randn(1, 1, 224, 224)
    with torch.no_grad():
        assert not torch.allclose(raw(image), spatial(image), atol=1e-2)


def test_enlarging_puts_the_parts_of_a_voxel_row_by_row():
    expand = Expand(2, 1, 2)
    expand.norm = torch.nn.Identity()
    with torch.no_grad():
        expand.linear.weight.copy_(torch.tensor([[1.0, 0], [2, 0], [3, 0], [4, 0]]))
        x = torch.zeros(1, 2, 1, 2)
        x[0, 0] = torch.tensor([[1.0, 10]])
        assert expand(x)[0, 0].tolist() == [[1, 2, 10, 20], [3, 4, 30, 40]]


def test_efficient_attention_is_the_quadratic_one_reordered():
    attention, tokens = EfficientAttention(8), torch.randn(2, 5, 8)
    with torch.no_grad():
        pairs = attention.query(tokens).softmax(2) @ attention.weights(tokens).transpose(1, 2)
        expected = attention.project(pairs @ attention.value(tokens))
        torch.testing.assert_close(attention(tokens), expected)
        torch.testing.assert_close(attention.weights(tokens).sum(1), torch.ones(2, 8))


def test_attention_among_channels_stays_within_a_head():
    attention = ChannelAttention(16)
    tokens = torch.randn(1, 5, 16)
    attention.qkv.weight.data = torch.cat([torch.eye(16)] * 3)
    attention.project.weight.data, attention.project.bias.data = torch.eye(16), torch.zeros(16)
    found = attention(tokens.requires_grad_())
    found[..., 0].sum().backward()
    reached = tokens.grad[0].abs().sum(0) > 0
    assert reached[:2].all()
    assert not reached[2:].any()


def test_a_large_kernel_sees_23_voxels_and_no_more():
    gate = LargeKernelGate(4)
    x = torch.randn(1, 4, 31, 31, requires_grad=True)
    gate.weights(x)[0, :, 15, 15].sum().backward()
    rows = (x.grad.abs().sum((0, 1, 3)) > 0).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (15 - 11, 15 + 11)


def test_the_gate_chooses_between_encoder_and_decoder():
    gate = MultiScaleGate(8).eval()
    x, g = torch.randn(2, 1, 8, 6, 6)
    with torch.no_grad():
        weights = gate.select(gate.fuse(x, g))
        kept = gate.recalibration(x, g, weights)
    torch.testing.assert_close(weights.sum(1), torch.ones(1, 6, 6))
    assert kept.shape == x.shape
    assert 0 < kept.min() < kept.max() < 1


@functools.cache
def small(**fields):
    return create_network("msa2net", preset="small", depths=(1, 1, 1, 1), **fields).eval()


def test_published_weights_run_at_their_size_only():
    network = small(layout="raw")
    with pytest.raises(ValueError, match="multiple of 224"):
        network(torch.zeros(1, 1, 256, 256))
    with pytest.raises(ValueError, match="know only 224 x 224; resize it"):
        network(torch.zeros(1, 1, 224, 448))


def test_scrambled_maps_are_not_shown_but_what_weighs_the_encoders_map_is():
    image = torch.randn(1, 1, 224, 224)
    raw = small(layout="raw")
    names = {name for name in raw.overlays if name.startswith("dec")}
    assert names == {f"dec{s}:{what}" for s in (4, 8, 16) for what in ("encoder", "kept")}
    shown = raw.inspect(image, sorted(names))
    assert shown["dec8:encoder"].shape == (1, 1, 28, 28)
    assert all(0 <= float(m.min()) <= float(m.max()) <= 1 for m in shown.values())
    head = small(layout="raw", build="head")
    assert "dec16:encoder" not in head.overlays
    assert {"dec16:context", "dec4:large_kernel"} <= set(small().overlays)


def test_where_a_place_looks_sums_to_one_and_begins_at_its_own_grid():
    block = "encoder.stages.0.blocks.0"
    image = torch.randn(1, 1, 64, 64)  # the map has 16 x 16 voxels, the grid 8 x 8 of them
    shown = small().inspect(image, [f"{block}:from_here", f"{block}:grid"], at=(4, 60))
    here = shown[f"{block}:from_here"][0, 0]
    torch.testing.assert_close(here.sum(), torch.tensor(1.0))
    assert (here > 0).sum() == 64
    assert here[1, 15] > 0  # voxel (4, 60) of the image
    torch.testing.assert_close(shown[f"{block}:grid"].mean(), torch.tensor(1.0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 48}, "multiple of 32, got 48"),
        ({"stem_width": 7}, "even number"),
        ({"depths": (1, 2, 1)}, "4 numbers of at least 1"),
        ({"layout": "flat"}, "one of spatial, raw"),
        ({"build": "mine"}, "one of paper, head"),
        ({"deep_blocks": True, "layout": "raw"}, "needs build='paper' and layout='spatial'"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        MSA2NetConfig(**fields)


def test_volumes_are_for_its_segmenter_to_cut_into_slices():
    with pytest.raises(ValueError, match="no preset 'small' for 3D"):
        create_network("msa2net", preset="small", spatial_dims=3)
