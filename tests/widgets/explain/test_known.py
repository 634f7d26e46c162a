"""What is known of an image and a model is used again, as long as it fits what is asked."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.overlay import Overlay
from napari_medseg.progress import silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.explain.known import Look, beside, looking_at
from napari_medseg.widgets.explain.work import Asked, because, compared, listing, saved, shown
from napari_medseg.widgets.interact.question import Ground

AT = (4, 5)


@pytest.fixture(scope="module")
def segmenter(made_models):
    return Segmenter.load(made_models / "tiny-grey.safetensors", device="cpu")


@pytest.fixture
def ground(made_models, segmenter):
    """A grey picture of 90 x 40 pixels, which the model runs over in windows of 32 x 32."""
    values = np.random.default_rng(0).normal(100, 20, (1, 90, 40)).astype(np.float32)
    volume = Volume(values, (1.0, 1.0))
    return Ground("image", (volume,), made_models / "tiny-grey.safetensors", "cpu", segmenter)


def at(ground, voxel, known=None, look=Look()):  # noqa: B008  # it is frozen
    return looking_at(ground, voxel, known, silent, look)


def test_within_a_window_nothing_is_prepared_or_cut_anew(ground):
    first = at(ground, AT)
    again = at(ground, (9, 8), first)
    assert again.view.image is first.view.image
    assert again.view.at == (9, 8)
    beyond = at(ground, (80, 8), again)
    assert beyond.prepared is first.prepared
    assert beyond.view.image is not first.view.image
    assert beyond.view.holds((80, 8))


def test_more_or_less_of_the_image_is_cut_anew_and_said(ground):
    first = at(ground, AT)
    everything = at(ground, AT, first, Look(blend=True))
    assert everything.view.windows is not None
    assert everything.prepared is first.prepared
    larger = at(ground, AT, everything, Look(window=(64, 32)))
    assert larger.view.at_once == (64, 32)
    assert larger.view.notes[-1].startswith("64x32 voxels at once")
    assert at(ground, AT, larger).view.notes == first.view.notes


def test_another_image_is_prepared_and_the_other_model_is_kept(ground, made_models):
    first = beside(made_models / "tiny-grey.safetensors", at(ground, AT), silent)
    assert first.other is not None
    again = beside(made_models / "tiny-grey.safetensors", first, silent)
    assert again.other is first.other
    values = ground.volumes[0].array + 1
    other = Ground("other", (Volume(values, (1.0, 1.0)),), ground.model, "cpu", ground.segmenter)
    second = at(other, AT, first)
    assert second.prepared is not first.prepared
    assert second.loaded.segmenter is first.loaded.segmenter
    assert second.other is first.other


def test_a_listing_names_the_layers_and_where_to_begin(ground, segmenter):
    known, found = listing(ground.model, "cpu", segmenter, None)
    assert known is None  # of an image
    assert found.loaded.segmenter is segmenter
    assert {"features", "separation", "grad_cam"} <= set(found.choices)
    assert "splines" not in found.choices  # it has none
    assert all(found.firsts[key] in names for key, names in found.choices.items())
    strides = {layer.name: layer.stride for layer in found.root.walk()}
    assert strides[found.firsts["grad_cam"]] == max(s for s in strides.values() if s)
    assert strides[found.firsts["energy"]] == 1


def test_a_box_is_asked_about_at_its_voxel_nearest_to_the_one_pointed_at(ground):
    box = (slice(60, 70), slice(10, 20))
    known, [overlay] = shown(ground, AT, Asked("energy", "enc1", box=box), None)
    assert known.view.at == (60, 10)
    assert isinstance(overlay, Overlay)
    ends = overlay.place.centres(overlay.values.shape[1:])
    assert all(b.start <= e[0] and e[-1] < b.stop for b, e in zip(box, ends, strict=True))


def test_evidence_at_the_layer_to_begin_with_goes_on_where_it_is_silent(ground, segmenter):
    _, listed = listing(ground.model, "cpu", segmenter, None)
    first = listed.firsts["grad_cam"]
    _, [own] = shown(ground, AT, Asked("grad_cam", first, 1), None)
    _, [unnamed] = shown(ground, AT, Asked("grad_cam", None, 1), None)
    assert own.name == unnamed.name
    np.testing.assert_array_equal(own.values, unnamed.values)
    _, [named] = shown(ground, AT, Asked("grad_cam", "dec2", 1), None)
    assert named.name.endswith("at dec2")


def test_a_model_that_was_made_from_none_at_hand_is_explained_alone(ground):
    known, answer = because(ground, AT, {}, Look(), None)
    assert answer.changes is None
    assert answer.why.at == AT
    assert known.view.holds(AT)


def test_a_model_beside_itself_differs_nowhere(ground):
    known, found = compared(ground, AT, ground.model, Look(), None)
    assert known.other is not None
    assert not found.overlays[0].values.any()
    assert set(found.answers.column("Dice of the two")) == {1.0}


def test_what_is_saved_is_where_it_says(ground, tmp_path):
    _, [overlay] = shown(ground, AT, Asked("uncertainty"), None)
    assert saved(overlay, tmp_path / "map.csv") == tmp_path / "map.csv"
    assert (tmp_path / "map.csv").stat().st_size
