"""Why a voxel got its label, and what changed between two models."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.explain.comparison import compare
from napari_medseg.explain.viewing import view_of
from napari_medseg.explain.voxel import changes, place_overlay, why
from napari_medseg.volume import Volume


@pytest.fixture
def bright(known):
    """An image whose right half is class 1 with certainty, and the model that says so."""
    values = np.full((1, 8, 12), -3, np.float32)
    values[..., 6:] = 3
    return known(2), Volume(values, (1.0, 2.0))


def test_the_page_says_what_the_run_says(bright):
    segmenter, volume = bright
    page = why(segmenter, volume, (3, 7))
    result = segmenter.segment(volume, InferenceConfig(probabilities=True))
    assert page.value == result.labels[3, 7] == 1
    shares = page.classes.column("probability")
    np.testing.assert_allclose(shares, result.probabilities[:, 3, 7], rtol=1e-6)
    assert page.name == "class 1"
    decision, nearest = page.sentences
    assert decision.startswith("class 1 (0.95) before background (0.05)")
    assert "shift of 0.45" in decision
    assert nearest == "the nearest voxel with another answer (background) is 4.0 mm away"


def test_what_the_stages_contribute_lies_where_it_is(bright):
    segmenter, volume = bright
    table = why(segmenter, volume, (3, 7)).layers
    assert table.column("layer") == ("coarse", "fine")
    # class 1's logit at a voxel is that voxel of the last stage, and nothing of the coarse one
    assert table.column("share that lies here") == (0, 1)
    assert table.column("its value here")[1] == 3


def test_everywhere_the_same_answer_is_said(known):
    volume = Volume(np.linspace(1, 2, 64, dtype=np.float32).reshape(1, 8, 8), (1.0, 1.0))
    assert "no other answer" in why(known(2), volume, (0, 0)).sentences[1]


def test_overlapping_classes_turn_at_one_half(known, bright):
    _, volume = bright
    segmenter = known(2, classes=3, activation="sigmoid")
    page = why(segmenter, volume, (0, 7))
    # the first class's logit is 0 everywhere; both others are sure here, the last one is written
    assert page.sentences[0].startswith("nearest decision: class 1 has a probability of 0.50")
    assert page.value == 3
    assert "another answer (no class)" in page.sentences[1]
    dark = why(segmenter, volume, (0, 0))
    assert dark.name == "background"
    assert "another answer (class 2, class 3)" in dark.sentences[1]


@pytest.mark.parametrize(
    ("name", "dims", "kind"),
    [("lgmsnet", 2, "attention"), ("msd_kmamba", 3, "together"), ("msa2net", 2, "from_here")],
)
def test_the_page_shows_where_the_network_looks(tiny, image, name, dims, kind):
    segmenter = tiny(name, dims)
    assert place_overlay(segmenter).endswith(f":{kind}")
    volume = image((32,) * dims)
    page = why(segmenter, volume, (5,) * dims)
    assert [o.name.rpartition(":")[2] for o in page.overlays[1:]] == [kind]
    assert page.overlays[0].name.startswith("evidence for")
    assert len(page.layers.rows) == sum(1 for _ in segmenter.network.feature_info)


def test_a_view_at_hand_is_used_and_another_is_not(bright, monkeypatch):
    segmenter, volume = bright
    view = view_of(segmenter, volume, at=(0, 0))
    made = []
    monkeypatch.setattr(
        "napari_medseg.explain.voxel.view_of", lambda *a, **k: made.append(1) or view_of(*a, **k)
    )
    why(segmenter, volume, (3, 7), view=view)
    assert not made
    why(segmenter, Volume(volume.array, (1.0, 1.0)), (3, 7), view=view)
    assert made == [1]


def test_a_voxel_of_a_slice_is_explained_in_its_slice(known):
    values = np.zeros((1, 5, 8, 8), np.float32)
    values[0, 2] = 4
    segmenter, volume = known(2), Volume(values, (1.0, 1.0, 1.0))
    view = view_of(segmenter, volume, at=(2, 0, 0), slices=slice(0, 5))
    page = why(segmenter, volume, (2, 3, 4), view=view)
    assert page.value == 1
    assert page.overlays[0].values.shape == (1, 1, 8, 8)  # the coarse stage says nothing here
    assert page.overlays[0].translate[0] == 2


def test_before_and_after_are_one_table(bright):
    segmenter, volume = bright
    after = copy.copy(segmenter)
    after.network = copy.deepcopy(segmenter.network)
    with torch.no_grad():
        after.network.head.bias[1] = -9
    pages = [why(s, volume, (3, 7)) for s in (segmenter, after)]
    table = changes(*pages)
    assert table.words == "class 1 became background"
    assert table.column("change")[1] == pytest.approx(
        pages[1].classes.rows[1][1] - pages[0].classes.rows[1][1]
    )
    with pytest.raises(ValueError, match="two voxels"):
        changes(pages[0], why(segmenter, volume, (0, 0)))


def test_a_voxel_outside_is_refused(bright):
    segmenter, volume = bright
    with pytest.raises(ValueError, match="not in the image of 8x12"):
        why(segmenter, volume, (8, 0))


def test_a_model_does_not_differ_from_itself(tiny, image):
    segmenter = tiny("gladnet")
    found = compare(segmenter, segmenter, view_of(segmenter, image((16, 16))))
    assert all(np.abs(o.values).max() < 1e-5 for o in found.overlays)
    assert set(found.answers.column("Dice of the two")) == {1.0}
    assert set(found.features.column("relative change")) == {0.0}


def test_what_changed_is_where_it_changed(bright):
    segmenter, volume = bright
    after = copy.copy(segmenter)
    after.network = copy.deepcopy(segmenter.network)
    with torch.no_grad():
        after.network.head.weight[1] = -1  # now the left half
    found = compare(segmenter, after, view_of(segmenter, volume))
    change, where, *turned = found.overlays
    assert (change.values[1, :, :6] > 0.9).all()
    assert (change.values[1, :, 6:] < -0.9).all()
    assert where.values.min() == 1
    assert found.answers.rows[1] == ("class 1", 48, 48, 0.0)
    assert len(turned) == 2
    assert not found.features.rows[0][1]  # the features are the same, the head is not


def test_a_stage_that_one_of_them_lacks_is_refused(known, image):
    view = view_of(known(2), image((8, 8)))
    with pytest.raises(ValueError, match="no layer 'nowhere'"):
        compare(known(2), known(2), view, layers=["nowhere"])


def test_networks_without_common_stages_are_compared_by_their_answers(tiny, image):
    one, other = tiny("gladnet"), tiny("lgmsnet")
    found = compare(one, other, view_of(one, image((32, 32))), layers=[])
    assert len(found.overlays) == 2
    assert "answers only" in found.notes[0]
