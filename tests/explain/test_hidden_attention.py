"""What a voxel takes for a class, and how far the answers of coarser levels are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.explain.coarse_answers import has_levels, levels
from napari_medseg.explain.hidden_attention import class_attention, scanning_blocks
from napari_medseg.explain.showing import Question, show
from napari_medseg.explain.table import Table
from napari_medseg.explain.viewing import view_of
from napari_medseg.networks.msd_kmamba.state_space import BidirectionalStateSpace, voxel_at

BLOCK = "enc2.1.mix"


@pytest.mark.parametrize("axes", [1, 3])
def test_what_is_said_sums_to_the_gradient_times_what_the_scans_give(axes):
    torch.manual_seed(0)
    layer = BidirectionalStateSpace(32, axes=axes, states=4).eval()
    if layer.shares is not None:
        layer.shares.data = torch.tensor([0.3, -1.0, 0.5])
    x, gradient = torch.randn(1, 3, 4, 5, 32), torch.randn(1, 64)
    with torch.no_grad():
        u, _ = layer._entered(x)
        given = layer._scanned(u, layer.select(u))
        for at in [(0.0, 0.0, 0.0), (0.9, 0.3, 0.99)]:
            maps = layer.spoken(x, at, gradient)
            assert maps.shape == (1, 1, 3, 4, 5)
            expected = (gradient * given[(slice(None), *voxel_at(at, x))]).sum()
            torch.testing.assert_close(maps.sum(), expected, rtol=1e-4, atol=1e-5)


def test_a_voxel_that_says_nothing_is_worth_nothing(tiny, image):
    segmenter = tiny("msd_kmamba", 3)
    assert BLOCK in scanning_blocks(segmenter.network)
    volume = image((32, 32, 32))
    view = view_of(segmenter, volume, at=(5, 20, 31))
    (shown,) = show(segmenter, view, f"{BLOCK}:class", Question(value=1))
    assert shown.kind == "signed"
    assert shown.values.shape == (1, 8, 8, 8)
    assert shown.scale == (4, 4, 4)
    assert any("half of it lies within" in note for note in shown.notes)
    assert np.abs(shown.values).max() > 0
    other = class_attention(segmenter, view, BLOCK, 0)
    assert other.channels == ("background",)
    assert np.abs(other.values - shown.values).max() > 0
    assert not any(m._forward_pre_hooks for m in segmenter.network.modules())
    with pytest.raises(ValueError, match=f"did you mean {BLOCK}"):
        class_attention(segmenter, view, "enc2.1.mixx", 1)


def test_networks_without_scans_or_levels_say_so(tiny, image):
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((16, 16)))
    assert scanning_blocks(segmenter.network) == []
    with pytest.raises(ValueError, match="has them at no place"):
        class_attention(segmenter, view, BLOCK, 1)
    assert not has_levels(segmenter.network)
    with pytest.raises(ValueError, match="one resolution only"):
        levels(segmenter, view)


class Levelled:
    """Levels that say by hand: the answer sure of class 1, the next sure of the background."""

    def forward_levels(self, x):
        sure = torch.full((1, 2, *x.shape[2:]), -50.0)
        sure[:, 1] = 50
        coarse = sure[:, :, ::2, ::2].flip(1).clone()
        coarse[:, :, 0, 0] = 0  # as likely as not, over four pixels
        return [sure, coarse]


def test_levels_are_apart_as_far_as_their_probabilities(known, image):
    segmenter = known(2)
    network = segmenter.network
    kind = type("KnownLevels", (Levelled, type(network)), {})
    network.__class__ = kind
    shown = levels(segmenter, view_of(segmenter, image((8, 12))))
    expected = np.ones((1, 8, 12))
    expected[0, :2, :2] = 0.5
    np.testing.assert_allclose(shown.values, expected, atol=1e-6)
    assert shown.channels == ("1/2 of the size",)


def test_the_levels_of_a_network_that_teaches_itself_are_shown(tiny, image):
    segmenter = tiny("msd_kmamba", 3)
    (shown,) = show(segmenter, view_of(segmenter, image((32, 32, 32))), "levels")
    assert shown.channels == ("1/2 of the size", "1/4 of the size", "1/8 of the size")
    assert 0 <= shown.values.min() <= shown.values.max() <= 1


def test_matrices_of_a_table_keep_their_rows_and_columns():
    rows = (("a", 1, 0.0, 1.0), ("a", 2, 2.0, 3.0), ("b", 1, 4.0, 5.0))
    found = Table("m", "words", ("head", "channel", "1", "2"), rows, kind="matrix").matrices()
    assert found["a"].tolist() == [[0, 1], [2, 3]]
    assert found["b"].tolist() == [[4, 5]]
