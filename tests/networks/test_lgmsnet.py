"""LGMSNet is what its paper and its published code say it is."""

from __future__ import annotations

import pytest
import torch

from napari_medseg.networks import create_network
from napari_medseg.networks.lgmsnet.blocks import (
    GlobalMultiScale,
    LocalMultiScale,
    PatchAttention,
    fold_patches,
    unfold_patches,
)
from napari_medseg.networks.lgmsnet.config import LGMSNetConfig

IMAGE = {"spatial_dims": 2, "in_channels": 3, "num_classes": 1}
VOLUME = {"spatial_dims": 3, "in_channels": 1, "num_classes": 14}


@pytest.mark.parametrize(
    ("shape", "preset", "variant", "parameters"),
    [
        (IMAGE, "base", "reference", 2_321_393),
        (VOLUME, "base", "reference", 6_193_742),
        (IMAGE, "base", "paper", 2_320_945),
        (VOLUME, "base", "paper", 6_193_294),
        (VOLUME, "large", "reference", 14_805_134),
    ],
)
def test_it_has_the_published_number_of_parameters(shape, preset, variant, parameters):
    with torch.device("meta"):
        network = create_network("lgmsnet", preset=preset, variant=variant, **shape)
    assert network.count_parameters() == parameters


PARAMETERS_2D_3D = {
    "stem": (480, 448),
    "enc1": (1_672, 6_992),
    "enc2": (1_960, 7_248),
    "enc3": (6_224, 19_104),
    "enc4": (391_424, 980_800),
    "enc5": (538_880, 1_423_168),
    "up5": (147_840, 442_496),
    "dec5": (833_792, 2_307_904),
    "up4": (73_920, 221_248),
    "dec4": (262_592, 630_112),
    "up3": (18_528, 55_328),
    "dec3": (31_392, 67_808),
    "up2": (4_656, 13_840),
    "dec2": (8_016, 17_008),
    "head": (17, 238),
}


def test_every_stage_has_the_published_number_of_parameters():
    with torch.device("meta"):
        networks = [create_network("lgmsnet", **shape) for shape in (IMAGE, VOLUME)]
    counts = {
        stage: tuple(
            sum(p.numel() for p in network.get_submodule(stage).parameters())
            for network in networks
        )
        for stage in PARAMETERS_2D_3D
    }
    assert counts == PARAMETERS_2D_3D


def test_small_is_smaller_and_large_larger():
    with torch.device("meta"):
        small, base, large = (
            create_network("lgmsnet", preset=preset, **IMAGE).count_parameters()
            for preset in ("small", "base", "large")
        )
    assert 3 * small < base < large / 2


def test_the_variants_compute_different_things_from_the_same_local_weights():
    torch.manual_seed(0)
    published = LocalMultiScale(2, 8)
    literal = LocalMultiScale(2, 8, as_in_paper=True)
    literal.load_state_dict(published.state_dict())
    x = torch.randn(2, 8, 16, 16)
    assert not torch.allclose(published(x), literal(x), atol=1e-2)


def test_the_paper_has_one_convolution_in_the_local_branch_of_a_global_block():
    published = GlobalMultiScale(2, 8, 16).local
    literal = GlobalMultiScale(2, 8, 16, as_in_paper=True).local
    x = torch.randn(1, 4, 6, 6)
    assert literal(x).shape == published(x).shape == x.shape
    assert isinstance(literal, torch.nn.Conv2d)
    assert literal.groups == 4


def test_depth_repeats_local_blocks():
    with torch.device("meta"):
        network = create_network("lgmsnet", preset="small", depths=(1, 2, 3))
    blocks = [
        sum(isinstance(m, LocalMultiScale) for m in network.get_submodule(stage).modules())
        for stage in ("enc1", "enc2", "enc3")
    ]
    assert blocks == [1, 2, 3]


def test_batch_norm_in_three_dimensions_is_only_in_the_local_branches():
    with torch.device("meta"):
        network = create_network("lgmsnet", preset="small", spatial_dims=3)
    places = [n for n, m in network.named_modules() if isinstance(m, torch.nn.BatchNorm3d)]
    assert len(places) == 8
    assert all(".local.norm" in place for place in places)


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (8, 2), (2, 4, 6), (6, 2, 4)])
def test_folding_undoes_unfolding(size):
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(fold_patches(unfold_patches(x), size), x, rtol=0, atol=0)


def test_tokens_that_share_a_place_in_their_patch_are_sorted_together():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    top_left, top_right, *_ = unfold_patches(x)[0, ..., 0].tolist()
    assert top_left == [0, 2, 8, 10]
    assert top_right == [1, 3, 9, 11]


def test_attention_crosses_the_image_but_not_from_one_place_in_the_patch_to_another():
    attention = PatchAttention(8)
    tokens = torch.randn(1, 4, 6, 8, requires_grad=True)
    attention(tokens)[0, 2, 0].sum().backward()
    reached = tokens.grad[0].abs().sum(-1) > 0  # (P, N)
    assert reached[2].all()
    assert not reached[[0, 1, 3]].any()


def test_the_attention_shown_is_the_attention_computed():
    attention = PatchAttention(8)
    tokens = torch.randn(2, 4, 6, 8)
    with torch.no_grad():
        value = attention._query_key_value(tokens)[2].unflatten(0, (2, 4))
        by_hand = attention.weights(tokens) @ value
        joined = by_hand.transpose(2, 3).flatten(3)
        torch.testing.assert_close(attention.project(joined), attention(tokens))


@pytest.mark.parametrize("dims", [2, 3])
def test_attention_weights_are_given_per_global_stage_and_sum_to_one(dims):
    network = create_network("lgmsnet", preset="small", spatial_dims=dims).eval()
    weights = network.attention_weights(torch.randn(1, 1, *(32, 64, 32)[:dims]))
    patches = {stage: w.shape[-1] for stage, w in weights.items()}
    expected = {"enc4": 8, "enc5": 2, "dec5": 8, "dec4": 32}
    if dims == 3:
        expected = {"enc4": 16, "enc5": 2, "dec5": 16, "dec4": 128}
    assert patches == expected
    for stage, w in weights.items():
        assert w.shape[:3] == (1, 2**dims, 4), stage
        torch.testing.assert_close(w.sum(-1), torch.ones_like(w[..., 0]))


def test_asking_for_attention_leaves_nothing_behind():
    network = create_network("lgmsnet", preset="small").eval()
    with pytest.raises(ValueError, match="multiple of 32"):
        network.attention_weights(torch.zeros(1, 1, 33, 32))
    network.attention_weights(torch.zeros(1, 1, 32, 32))
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("widths", (16, 32, 64, 128), "5 positive multiples of 4"),
        ("widths", (16, 32, 64, 128, 130), "5 positive multiples of 4"),
        ("depths", (1, 0, 1), "at least 1"),
        ("variant", "mine", "one of reference, paper"),
        ("spatial_dims", 4, "2 or 3"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        LGMSNetConfig(**{field: value})
