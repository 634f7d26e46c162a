"""Each network's own attention and gates, in their place and with the sums they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.explain.attention_maps import attention
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.table import Table
from napari_medseg.explain.viewing import view_of
from napari_medseg.networks.lgmsnet.blocks import (
    HEADS,
    GlobalMultiScale,
    LocalMultiScale,
    PatchAttention,
    unfold_patches,
)
from napari_medseg.networks.msa2net.config import CHANNEL_HEADS
from napari_medseg.networks.msa2net.dual_attention import ChannelAttention
from napari_medseg.networks.msd_kmamba.state_space import BidirectionalStateSpace


@pytest.mark.parametrize(
    ("name", "dims", "expected"),
    [
        ("lgmsnet", 2, {"enc1.0:kernels", "enc4:saliency", "dec4.1:attention", "dec5:branches"}),
        ("lgmsnet", 3, {"enc3.0:kernels", "enc5:saliency", "dec4.1:branches"}),
        ("gladnet", 2, {"glam.attention:entropy", "skip1:spatial", "cross1.select:selection"}),
        ("msd_kmamba", 3, {"enc2.1.mix:attention", "enc2.1.mix:together", "fuse:scales"}),
        (
            "msa2net",
            2,
            {"dec16:context", "dec16.blocks.0.channels:matrix", "dec8:large_kernel"},
        ),
    ],
)
def test_every_overlay_of_every_network_lies_over_the_image(tiny, image, name, dims, expected):
    segmenter = tiny(name, dims)
    volume = image((37, 30) if dims == 2 else (20, 33, 31))
    view = view_of(segmenter, volume, at=(36, 0) if dims == 2 else (0, 32, 15))
    names = list(segmenter.network.overlays)
    assert expected <= set(names)
    for shown in attention(segmenter, view, names):
        assert shown.words
        if isinstance(shown, Table):
            assert shown.kind == ("matrix" if shown.name.endswith(":matrix") else "bars")
            continue
        assert np.isfinite(shown.values).all()
        ends = [t + (n - 0.5) * s for n, s, t in zip(
            shown.values.shape[1:], shown.scale, shown.translate, strict=True)]  # fmt: skip
        begins = [t - s / 2 for s, t in zip(shown.scale, shown.translate, strict=True)]
        assert all(b <= -0.5 + 1e-6 for b in begins)  # the whole image is covered
        assert all(e >= n - 0.5 - 1e-6 for e, n in zip(ends, volume.shape, strict=True))


def test_the_rows_of_the_chosen_place_sum_to_one(tiny, image):
    for name, keys in {
        "lgmsnet": ["enc4:attention", "dec4.1:attention"],
        "gladnet": ["glam.attention:attention"],
    }.items():
        segmenter = tiny(name)
        view = view_of(segmenter, image((64, 32)), at=(5, 31))
        for shown in attention(segmenter, view, keys):
            assert isinstance(shown, Overlay)
            sums = shown.values.reshape(len(shown.values), -1).sum(1)
            np.testing.assert_allclose(sums, 1, rtol=1e-5)
            assert len(set(shown.channels)) == len(shown.values)


@pytest.mark.parametrize("dims", [2, 3])
def test_saliency_and_rows_are_those_of_the_attention_matrix(dims):
    torch.manual_seed(0)
    block = GlobalMultiScale(dims, 8, 8).eval()
    size = (6, 10, 4)[:dims]
    x = torch.randn(1, 8, *size)
    with torch.no_grad():
        far, _ = block.embed(x).split(block.split, dim=1)
        weights = block.transformer.attention.weights(unfold_patches(far))  # (1, P, heads, N, N)
        place_of = torch.arange(2**dims).reshape((2,) * dims)
        for voxel in [(0,) * dims, (3, 7, 1)[:dims], tuple(s - 1 for s in size)]:
            at = tuple((v + 0.5) / s for v, s in zip(voxel, size, strict=True))
            row = block.overlay("attention", (x,), at)
            place = int(place_of[tuple(v % 2 for v in voxel)])
            patch = int(np.ravel_multi_index([v // 2 for v in voxel], [s // 2 for s in size]))
            torch.testing.assert_close(row.flatten(2)[0], weights[0, place, :, patch])
        seen = block.overlay("saliency", (x,), (0.5,) * dims)
        assert float(seen.mean()) == pytest.approx(1, rel=1e-5)
        first = weights[0, 0].mean(0).sum(0)  # of the voxels at the first place of their patches
        corner = (0, 0, *(slice(None, None, 2),) * dims)
        torch.testing.assert_close(seen[corner].flatten(), first)


def test_saliency_in_parts_is_saliency_at_once(monkeypatch):
    torch.manual_seed(0)
    layer = PatchAttention(16)
    tokens = torch.randn(1, 4, 30, 16)
    whole = layer.weights(tokens).mean(2).sum(2)
    monkeypatch.setattr("napari_medseg.networks.lgmsnet.blocks._QUERIES", 7)
    torch.testing.assert_close(layer.received(tokens), whole)
    assert layer.row(tokens, 2, 11).shape == (1, HEADS, 30)


def test_the_kernel_that_answers_is_the_one_shown():
    block = LocalMultiScale(2, 8).eval()
    with torch.no_grad():
        for scale in block.scales:
            scale.weight.zero_()
            scale.bias.zero_()
        block.scales[2].weight[:, :, 3, 3] = 2  # 7 x 7: twice the voxel itself
    x = torch.randn(1, 8, 5, 6)
    shown = block.overlay("kernels", (x,), (0.5, 0.5))
    assert shown[:, [0, 1, 3]].abs().max() == 0
    torch.testing.assert_close(shown[0, 2], 2 * x[0, 4:6].abs().mean(0))
    assert block.parts["kernels"] == ("3 x 3", "5 x 5", "7 x 7", "9 x 9")


def test_the_orders_together_reproduce_what_the_scan_gives():
    """Summed with the values, the attention of a voxel is the scan's answer there."""
    torch.manual_seed(0)
    layer = BidirectionalStateSpace(8, axes=3, states=4).eval()  # one head, so nothing is averaged
    with torch.no_grad():
        layer.shares.copy_(torch.tensor([0.3, -1.0, 0.5]))
        x = torch.randn(1, 3, 4, 5, 8)
        u, _ = layer._entered(x)
        answer = layer._scanned(u, layer.select(u))
        for voxel in [(0, 0, 0), (2, 1, 4), (1, 3, 2)]:
            at = tuple((v + 0.5) / s for v, s in zip(voxel, (3, 4, 5), strict=True))
            row = layer.overlay("together", (x,), at)
            reproduced = (row[0, 0][..., None] * u[0]).sum((0, 1, 2))
            torch.testing.assert_close(reproduced, answer[(0, *voxel)], atol=1e-5, rtol=1e-5)


def test_matrices_are_those_of_the_block_and_their_rows_sum_to_one(tiny, image):
    segmenter = tiny("msa2net")
    view = view_of(segmenter, image((32, 32)))
    name = "dec16.blocks.1.channels:matrix"
    (shown,) = attention(segmenter, view, [name])
    expected = segmenter.network.eval().inspect(view.image, [name])[name][0]
    matrices = shown.matrices()
    assert list(matrices) == [f"head {i + 1}" for i in range(len(expected))]
    np.testing.assert_allclose(np.stack(list(matrices.values())), expected, atol=1e-5)
    np.testing.assert_allclose(matrices["head 1"].sum(1), 1, rtol=1e-5)
    assert shown.column("channel")[: len(expected[0])] == tuple(range(1, len(expected[0]) + 1))


def test_the_channel_attention_shown_is_what_the_block_computes_with():
    torch.manual_seed(0)
    block = ChannelAttention(16).eval()
    tokens = torch.randn(1, 12, 16)
    with torch.no_grad():
        weights = block.overlay("matrix", (tokens,), (0.5, 0.5))
        value = block.qkv(tokens)[..., 32:].unflatten(-1, (CHANNEL_HEADS, -1))
        mixed = torch.einsum("bhij,bnhj->bnhi", weights, value).flatten(2)
        torch.testing.assert_close(block.project(mixed), block(tokens))


def test_both_blocks_of_a_level_show_their_maps(tiny, image):
    segmenter = tiny("msa2net")
    view = view_of(segmenter, image((32, 32)))
    (shown,) = attention(segmenter, view, ["dec16:context"])
    assert shown.channels == ("first block", "second block")
    np.testing.assert_allclose(shown.values.sum((1, 2)), 1, rtol=1e-5)
    assert np.abs(shown.values[0] - shown.values[1]).max() > 0


def test_what_a_place_takes_says_how_far_it_reaches(tiny, image):
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((16, 24)), at=(3, 4))
    row, everywhere = attention(
        segmenter, view, ["glam.attention:attention", "glam.attention:entropy"]
    )
    assert any("half of it lies within" in note for note in row.notes)
    assert not any("half of it" in note for note in everywhere.notes)


def test_gates_come_as_bars_with_a_name_each(tiny, image):
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((16, 16)))
    (bars,) = attention(segmenter, view, ["skip1:channel"])
    assert isinstance(bars, Table)
    assert len(bars.rows) == 8
    assert bars.definition.startswith(f"mean {np.mean(bars.column('value')):.3f}, standard")
    assert all(0 <= value <= 1 for value in bars.column("value"))


def test_a_stack_of_slices_is_inspected_slice_by_slice(tiny, image):
    segmenter = tiny("gladnet")
    volume = image((5, 16, 24))
    view = view_of(segmenter, volume, at=(2, 3, 4), slices=slice(1, 4))
    (stack,) = attention(segmenter, view, ["skip1:spatial"])
    alone = view_of(segmenter, volume, at=(2, 3, 4))
    (single,) = attention(segmenter, alone, ["skip1:spatial"])
    assert stack.values.shape[1] == 3
    np.testing.assert_array_equal(stack.values[:, 1], single.values[:, 0])
    assert stack.translate[0] == 1


def test_an_unknown_overlay_offers_near_ones(tiny, image):
    segmenter = tiny("gladnet")
    with pytest.raises(ValueError, match="did you mean skip1:spatial"):
        attention(segmenter, view_of(segmenter, image((16, 16))), ["skip1:spatail"])
