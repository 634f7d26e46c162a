"""Each switch of GLAD-Net changes the part it names, and what comes after it, and nothing else."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks import create_network
from napari_medseg.networks.gladnet import attention
from napari_medseg.networks.gladnet.attention import (
    ChannelSpatialAttention,
    GlobalLocalAttention,
    GroupAttention,
)
from napari_medseg.networks.gladnet.gates import Regressor, SelectiveFusion
from napari_medseg.networks.gladnet.network import CrossLevelFusion


def tiny(**fields):
    return copy.deepcopy(_built(**fields))


@functools.cache
def _built(**fields):
    torch.manual_seed(0)
    return create_network("gladnet", **{"width": 8, "in_channels": 2, **fields}).eval()


def shapes(**fields):
    return {name: tuple(t.shape) for name, t in _built(**fields).state_dict().items()}


SWITCHES = [  # fields, what of the weights they touch
    ({"glam": False}, ("glam.",)),
    ({"glam_split": 2}, ("glam.attention.qkv", "glam.attention.project")),
    ({"glam_fuse": "direct"}, ("glam.fuse.",)),
    ({"csca_channel": False}, ("skip1.channel", "skip2.channel", "skip3.channel")),
    ({"csca_spatial": False}, ("skip1.spatial", "skip2.spatial", "skip3.spatial")),
    ({"csca_channel": False, "csca_spatial": False}, ("skip1.", "skip2.", "skip3.")),
    ({"cmsf": "sum"}, ("cross1.select", "cross2.select")),
    ({"cmsf": "none"}, ("cross1.", "cross2.")),
]


@pytest.mark.parametrize(("fields", "parts"), SWITCHES, ids=lambda v: "-".join(map(str, v)))
def test_a_switch_touches_the_weights_of_its_part_alone(fields, parts):
    full, switched = shapes(), shapes(**fields)
    differ = {k for k in full.keys() | switched.keys() if full.get(k) != switched.get(k)}
    assert differ
    assert all(name.startswith(parts) for name in differ)
    for part in parts:
        assert any(name.startswith(part) for name in differ), part


def test_heads_need_no_weights_of_their_own():
    assert shapes(glam_heads=2) == shapes(glam_heads=4)


def test_the_regressor_is_in_every_gate_and_nowhere_else():
    full, switched = shapes(), shapes(regressor="linear")
    differ = {k for k in full.keys() | switched.keys() if full.get(k) != switched.get(k)}
    gates = (
        "glam.fuse",
        "cross1.select",
        "cross2.select",
        *(f"skip{i}.channel" for i in (1, 2, 3)),
    )
    assert {next(g for g in gates if name.startswith(g)) for name in differ} == set(gates)


def test_the_norm_is_in_every_stage_and_only_its_kind_changes():
    full, switched = shapes(), shapes(norm="group")
    gone = full.keys() - switched.keys()
    assert not switched.keys() - full.keys()
    assert {name.rpartition(".")[2] for name in gone} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    assert {name.partition(".")[0] for name in gone} == {
        *(f"enc{i}" for i in (1, 2, 3, 4)),
        *(f"dec{i}" for i in (1, 2, 3)),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"cssd_stages": 3},
        {"cssd_stages": 0},
        {"cssd_decay": False},
        {"cssd_weight": 2.0},
        {"cssd_detach": False},
        {"cssd_normalise": True},
    ],
)
def test_self_distillation_is_a_matter_of_training_not_of_the_network(fields):
    assert shapes(**fields) == shapes()
    image = torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        assert torch.equal(tiny(**fields)(image), tiny()(image))


FIRST_TOUCHED = [  # what of the pass is still the same, coarsest last
    ({"glam": False}, set()),
    ({"glam_heads": 2}, set()),
    ({"glam_fuse": "direct"}, set()),
    ({"csca_channel": False}, {"glam"}),
    ({"csca_spatial": False}, {"glam"}),
    ({"cmsf": "sum"}, {"glam", "dec3"}),
    ({"cmsf": "none"}, {"glam", "dec3"}),
]


@pytest.mark.parametrize(("fields", "same"), FIRST_TOUCHED, ids=lambda v: "-".join(sorted(v)))
def test_what_comes_before_a_switch_is_computed_as_ever(fields, same):
    full, switched = tiny(), tiny(**fields)
    switched.load_state_dict(
        {k: t for k, t in full.state_dict().items() if k in switched.state_dict()}
    )
    image = torch.randn(1, 2, 32, 32)
    seen = []
    for network in (full, switched):
        found = {}
        for name in ("enc1", "enc2", "enc3", "enc4", "glam", "dec3", "dec2", "dec1"):
            network.get_submodule(name).register_forward_hook(
                lambda module, inputs, output, name=name, found=found: found.update({name: output})
            )
        with torch.no_grad():
            network(image)
        seen.append(found)
    for name, value in seen[0].items():
        alike = torch.equal(value, seen[1][name])
        assert alike == (name.startswith("enc") or name in same), name


def test_a_sum_with_nothing_is_no_sum():
    full, plain = tiny(cmsf="sum"), tiny(cmsf="none")
    for fusion in (full.cross1, full.cross2):
        torch.nn.init.zeros_(fusion.project.weight)
        torch.nn.init.zeros_(fusion.project.bias)
    state = full.state_dict()
    plain.load_state_dict({k: state[k] for k in plain.state_dict()})
    image = torch.randn(1, 2, 16, 24)
    with torch.no_grad():
        torch.testing.assert_close(full(image), plain(image))


def test_attention_that_says_nothing_is_no_attention():
    full, plain = tiny(glam_fuse="direct"), tiny(glam=False)
    torch.nn.init.zeros_(full.glam.attention.project.weight)
    torch.nn.init.zeros_(full.glam.attention.project.bias)
    state = full.state_dict()
    plain.load_state_dict({k: state[k] for k in plain.state_dict()})
    image = torch.randn(1, 2, 16, 24)
    with torch.no_grad():
        torch.testing.assert_close(full(image), plain(image))


def test_gates_that_are_open_are_no_gates():
    full, plain = tiny(), tiny(csca_channel=False, csca_spatial=False)
    for skip in (full.skip1, full.skip2, full.skip3):
        for p in skip.parameters():
            torch.nn.init.zeros_(p)
        skip.spatial.bias.data.fill_(50.0)  # open everywhere
        torch.nn.init.dirac_(skip.mix.weight)
        skip.mix.weight.data *= 2  # a channel gate without weights is half open
    state = full.state_dict()
    plain.load_state_dict({k: state[k] for k in plain.state_dict()})
    image = torch.randn(1, 2, 16, 24)
    with torch.no_grad():
        torch.testing.assert_close(full(image), plain(image), atol=1e-5, rtol=1e-4)


def test_stages_are_wired_as_the_table_of_the_paper_says():
    net = tiny().double()
    x = torch.randn(1, 2, 16, 32).double()
    with torch.no_grad():
        e1 = net.enc1(x)
        e2 = net.enc2(F.max_pool2d(e1, 2))
        e3 = net.enc3(F.max_pool2d(e2, 2))
        g = net.glam(net.enc4(F.max_pool2d(e3, 2)))
        d3 = net.dec3(torch.cat([net.up3(g), net.skip3(e3)], 1))
        d2 = net.dec2(torch.cat([net.cross2(net.up2(d3), g), net.skip2(e2)], 1))
        d1 = net.dec1(torch.cat([net.cross1(net.up1(d2), d3), net.skip1(e1)], 1))
        stages = net.forward_stages(x)
        torch.testing.assert_close(stages.logits, net.head(d1))
    for found, expected in zip(
        stages.encoder + stages.decoder, (e1, e2, e3, d1, d2, d3), strict=True
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("channels", "hidden"), [(8, 16), (512, 32)])
def test_selection_has_as_many_features_between_as_the_facts_say(channels, hidden):
    first, second = list(SelectiveFusion(channels, "linear").regressor)[1::2]
    assert (first.in_features, first.out_features) == (2 * channels, hidden)
    assert (second.in_features, second.out_features) == (hidden, 2 * channels)


def test_selection_prefers_the_first_source_where_its_score_is_higher():
    block = SelectiveFusion(4, "linear")
    for p in block.parameters():
        torch.nn.init.zeros_(p)
    block.regressor[-1].bias.data = torch.tensor([9.0, 0, -9, 0, -9, 0, 9, 0])
    alpha = block.selection(*torch.randn(2, 1, 4, 3, 3))[0]
    torch.testing.assert_close(alpha, torch.tensor([1.0, 0.5, 0.0, 0.5]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["kan", "linear"])
def test_selection_does_not_mind_where_in_the_image_things_lie(kind):
    block = SelectiveFusion(8, kind).double()
    first, second = torch.randn(2, 1, 8, 5, 6).double()
    order = torch.randperm(30)
    mixed = [t.flatten(2)[..., order].view_as(t) for t in (first, second)]
    torch.testing.assert_close(block.selection(*mixed), block.selection(first, second))


def test_direct_fusion_adds_what_is_attended_to():
    block = GlobalLocalAttention(16, 2, 2, "direct", "kan")
    x = torch.randn(1, 16, 4, 4)
    torch.testing.assert_close(block(x), block.attention(x) + x)


def test_selection_at_the_coarsest_level_takes_the_attention_first():
    block = GlobalLocalAttention(16, 2, 2, "skm", "linear")
    torch.nn.init.zeros_(block.fuse.regressor[-1].weight)
    block.fuse.regressor[-1].bias.data = torch.cat([torch.full((16,), 40.0), torch.zeros(16)])
    x = torch.randn(1, 16, 4, 4)
    torch.testing.assert_close(block(x), block.attention(x))


def test_places_are_weighed_by_the_largest_and_the_mean_of_the_channels():
    block = ChannelSpatialAttention(8, channel=False, spatial=True, kind="kan")
    x = torch.randn(1, 8, 9, 7)
    pooled = torch.stack([x.max(1).values, x.sum(1) / 8], dim=1)
    weights = F.conv2d(pooled, block.spatial.weight, block.spatial.bias, padding=3).sigmoid()
    torch.testing.assert_close(block.place_weights(x), weights)
    torch.testing.assert_close(block.overlay("spatial", (x,), (0, 0)), weights)


def test_the_map_of_places_is_of_the_channels_as_they_are_weighed():
    block = ChannelSpatialAttention(8, channel=True, spatial=True, kind="kan")
    x = torch.randn(2, 8, 6, 6)
    expected = block.place_weights(x * block.channel_weights(x))
    torch.testing.assert_close(block.overlay("spatial", (x,), (0, 0)), expected)
    assert block.overlay("channel", (x,), (0, 0)).shape == (2, 8)


def test_without_its_place_term_attention_moves_with_the_tokens():
    block = GroupAttention(16, split=2, heads=2).double()
    torch.nn.init.zeros_(block.place.weight)
    x = torch.randn(1, 16, 4, 5).double()
    order = torch.randperm(20)
    mixed = x.flatten(2)[..., order].view_as(x)
    torch.testing.assert_close(block(mixed).flatten(2), block(x).flatten(2)[..., order])


@pytest.mark.parametrize("size", [(5, 7), (4, 7), (5, 6)])
def test_attention_to_means_of_voxels_sums_to_one_on_odd_sides_too(monkeypatch, size):
    monkeypatch.setattr(attention, "MOST_TOKENS", 8)
    block = GroupAttention(16, split=2, heads=2)
    x = torch.randn(1, 16, *size)
    shown = block.overlay("attention", (x,), (0.5, 0.5))
    assert shown.shape == (1, 4, *size)
    torch.testing.assert_close(shown.sum((2, 3)), torch.ones(1, 4))
    assert torch.equal(shown[..., 0, 0], shown[..., 1, 1])  # of one mean


def test_fusion_across_levels_blends_as_its_selection_says():
    block = CrossLevelFusion(16, 8, "skm", "kan")
    fine, coarse = torch.randn(1, 8, 8, 8), torch.randn(1, 16, 2, 2)
    raised = F.interpolate(block.project(coarse), scale_factor=4, mode="bilinear")
    alpha = block.select.selection(fine, raised)[..., None, None]
    torch.testing.assert_close(block(fine, coarse), alpha * fine + (1 - alpha) * raised)


def test_a_regressor_normalises_before_it_bends():
    linear = Regressor(6, 4, "linear")
    x = torch.randn(3, 6)
    normal = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    between = F.silu(normal @ linear[1].weight.T + linear[1].bias)
    torch.testing.assert_close(linear(x), between @ linear[3].weight.T + linear[3].bias)
