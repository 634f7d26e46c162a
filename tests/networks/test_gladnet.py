"""GLAD-Net against the numbers of its paper, switch by switch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks import create_network
from napari_medseg.networks.gladnet import attention
from napari_medseg.networks.gladnet.attention import ChannelSpatialAttention, GroupAttention
from napari_medseg.networks.gladnet.config import GLADNetConfig
from napari_medseg.networks.gladnet.gates import Regressor, SelectiveFusion
from napari_medseg.networks.gladnet.network import CrossLevelFusion

PLAIN = {"glam": False, "csca_channel": False, "csca_spatial": False, "cmsf": "none"}


def count(**fields):
    with torch.device("meta"):
        shape = {"preset": "large", "in_channels": 3, "num_classes": 1}
        return create_network("gladnet", **{**shape, **fields}).count_parameters()


def tiny(**fields):
    torch.manual_seed(0)
    return create_network("gladnet", **{"width": 8, **fields})


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({}, 9_032_426),
        (PLAIN, 7_700_161),
        ({"regressor": "linear"}, 8_232_586),
        ({"preset": "base"}, 2_301_450),
        ({"preset": "small"}, 643_226),
    ],
)
def test_the_size_is_the_papers_where_it_is_known(fields, parameters):
    assert count(**fields) == parameters


@pytest.mark.parametrize(("split", "parameters"), [(2, 530_944), (4, 268_800), (8, 137_728)])
def test_more_groups_need_fewer_weights(split, parameters):
    with torch.device("meta"):
        block = GroupAttention(512, split, heads=4)
    assert sum(p.numel() for p in block.parameters()) == parameters


ABLATIONS = [
    {"glam": False},
    {"glam_split": 2},
    {"glam_split": 8},
    {"glam_fuse": "direct"},
    {"csca_channel": False},
    {"csca_spatial": False},
    {"csca_channel": False, "csca_spatial": False},
    {"cmsf": "sum"},
    {"cmsf": "none"},
    {"regressor": "linear"},
    {"norm": "group"},
    PLAIN,
]


@pytest.mark.parametrize("fields", ABLATIONS, ids=lambda fields: "-".join(map(str, fields)))
def test_every_ablation_answers_and_learns_with_all_its_weights(fields):
    network = tiny(**fields).train()
    logits = network(torch.randn(2, 1, 16, 24))
    assert logits.shape == (2, 2, 16, 24)
    (logits * torch.randn_like(logits)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 12},
        {"width": 0},
        {"glam_split": 3},
        {"glam_heads": 0},
        {"cmsf": "mean"},
        {"regressor": "mlp"},
        {"cssd_stages": 4},
        {"cssd_weight": -1.0},
        {"spatial_dims": 4},
    ],
)
def test_values_that_cannot_be_are_refused_by_name(fields):
    (name,) = fields
    with pytest.raises(ValueError, match=name):
        GLADNetConfig(**fields)


def test_it_exists_for_images_only():
    with pytest.raises(ValueError, match="no preset 'base' for 3D"):
        create_network("gladnet", spatial_dims=3)


def test_stages_of_encoder_and_decoder_have_one_shape():
    stages = tiny().forward_stages(torch.randn(1, 1, 16, 32))
    for level, (encoder, decoder) in enumerate(zip(stages.encoder, stages.decoder, strict=True)):
        assert encoder.shape == decoder.shape == (1, 8 * 2**level, 16 // 2**level, 32 // 2**level)


def test_attention_is_softmax_of_queries_and_keys_in_each_group_and_head():
    block = GroupAttention(16, split=2, heads=2)
    x = torch.randn(2, 16, 4, 5)
    norm = F.group_norm(x, 2, block.norm.weight, block.norm.bias)
    groups = []
    for g in range(2):
        weight = block.qkv.weight[24 * g : 24 * (g + 1), :, 0, 0]
        qkv = torch.einsum("oc,bchw->bohw", weight, norm[:, 8 * g : 8 * (g + 1)]).flatten(2)
        q, k, v = (t.unflatten(1, (2, 4)) for t in qkv.chunk(3, dim=1))  # (B, heads, d, T)
        weights = (torch.einsum("bhdq,bhdk->bhqk", q, k) / 2).softmax(-1)
        attended = torch.einsum("bhqk,bhdk->bhdq", weights, v).flatten(1, 2)
        groups.append((attended, v.flatten(1, 2)))
    y, v = (torch.cat(parts, 1).unflatten(-1, (4, 5)) for parts in zip(*groups, strict=True))
    torch.testing.assert_close(block(x), block.project(y + block.place(v)))


def test_groups_do_not_see_each_other_before_they_are_fused():
    block = GroupAttention(16, split=2, heads=2)
    x = torch.randn(1, 16, 4, 4)
    other = x.clone()
    other[:, 8:] = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(block(x)[:, :8], block(other)[:, :8])
    assert not torch.allclose(block(x)[:, 8:], block(other)[:, 8:])


def test_a_large_image_is_attended_to_at_half_size(monkeypatch):
    block = GroupAttention(16, split=2, heads=2)
    x = torch.randn(1, 16, 4, 6)
    whole = block(x)
    monkeypatch.setattr(attention, "MOST_TOKENS", 23)
    thinned = block(x)
    assert thinned.shape == whole.shape
    assert not torch.allclose(thinned, whole)
    even = x[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    half = block._thin(even)
    torch.testing.assert_close(half, even[:, :, ::2, ::2])  # nothing is lost of a smooth image


@pytest.mark.parametrize("most", [4096, 10])
def test_the_attention_shown_is_a_distribution_and_its_entropy_fits(monkeypatch, most):
    monkeypatch.setattr(attention, "MOST_TOKENS", most)
    block = GroupAttention(16, split=2, heads=2)
    inputs = (torch.randn(2, 16, 4, 6),)
    shown = block.overlay("attention", inputs, (0.3, 0.7))
    assert shown.shape == (2, 4, 4, 6)
    torch.testing.assert_close(shown.sum((2, 3)), torch.ones(2, 4))
    entropy = block.overlay("entropy", inputs, (0, 0))
    assert entropy.shape == (2, 4, 4, 6)
    assert (entropy > 0).all()
    assert (entropy <= 1 + 1e-6).all()
    if most > 24:
        row = torch.special.entr(shown).sum((2, 3)) / torch.tensor(24.0).log()
        torch.testing.assert_close(entropy[:, :, 1, 4], row)


def test_selection_is_between_its_sources_and_per_channel():
    block = SelectiveFusion(8, "kan")
    first, second = torch.randn(2, 8, 4, 4), torch.randn(2, 8, 4, 4)
    alpha = block.selection(first, second)
    assert alpha.shape == (2, 8)
    assert ((alpha > 0) & (alpha < 1)).all()
    expected = alpha[..., None, None] * first + (1 - alpha[..., None, None]) * second
    torch.testing.assert_close(block(first, second), expected)
    torch.testing.assert_close(block(first, first), first)


def test_selection_with_all_weights_zero_is_the_mean():
    block = SelectiveFusion(8, "linear")
    for p in block.parameters():
        torch.nn.init.zeros_(p)
    first, second = torch.randn(2, 8, 4, 4), torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(block(first, second), (first + second) / 2)


@pytest.mark.parametrize("kind", ["kan", "linear"])
def test_a_regressor_does_not_care_how_large_its_input_is(kind):
    regressor = Regressor(16, 8, kind)
    x = torch.randn(3, 16)
    torch.testing.assert_close(regressor(x), regressor(100 * x), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("channel", "spatial"), [(True, True), (True, False), (False, True)])
def test_attention_on_skips_weighs_channels_then_places(channel, spatial):
    block = ChannelSpatialAttention(16, channel=channel, spatial=spatial, kind="kan")
    x = torch.randn(2, 16, 8, 8)
    weighed = x * block.channel_weights(x) if channel else x
    weighed = weighed * block.place_weights(weighed) if spatial else weighed
    torch.testing.assert_close(block(x), block.mix(weighed))
    assert ("channel" in block.overlays, "spatial" in block.overlays) == (channel, spatial)


def test_fusion_across_levels_adds_what_came_before_the_last():
    block = CrossLevelFusion(32, 8, "sum", "kan")
    fine, coarse = torch.randn(1, 8, 16, 16), torch.randn(1, 32, 4, 4)
    upsampled = F.interpolate(coarse, scale_factor=4, mode="bilinear")
    torch.testing.assert_close(block(fine, coarse), fine + block.project(upsampled))
    assert torch.equal(CrossLevelFusion(32, 8, "none", "kan")(fine, coarse), fine)


def test_overlays_are_those_of_the_modules_there_are():
    network = tiny()
    assert set(network.overlays) == {
        "glam.attention:attention",
        "glam.attention:entropy",
        "glam.fuse:selection",
        *(f"skip{i}:{name}" for i in (1, 2, 3) for name in ("channel", "spatial")),
        "cross2.select:selection",
        "cross1.select:selection",
    }
    assert not tiny(**PLAIN).overlays
    assert "skip1:channel" not in tiny(csca_channel=False).overlays


def test_the_attention_shown_follows_the_voxel_asked_about():
    network = tiny().eval()
    image = torch.randn(1, 1, 32, 32)
    name = "glam.attention:attention"
    here, near, far = (
        network.inspect(image, [name], at=at)[name] for at in ((0, 0), (7, 7), (31, 31))
    )
    assert here.shape == (1, 16, 4, 4)
    assert torch.equal(here, near)  # the same place at the coarsest level
    assert not torch.equal(here, far)


def test_group_norm_keeps_images_of_a_training_batch_apart():
    network = tiny(norm="group").train()
    batch = torch.randn(2, 1, 16, 16)
    alone = torch.cat([network(image) for image in batch.split(1)])
    torch.testing.assert_close(network(batch), alone, atol=1e-4, rtol=1e-4)
