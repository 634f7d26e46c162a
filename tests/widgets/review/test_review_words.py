"""What the review says and asks for, and where it goes: no window is needed for any of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtWidgets import QWidget

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.doubt_place import Place
from napari_medseg.progress import Cancelled
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.classes.class_list import set_classes
from napari_medseg.widgets.layers import apply_edit
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.review.jump import go_to
from napari_medseg.widgets.review.marker import Marker, is_marker
from napari_medseg.widgets.review.queue import CORRECTED, OPEN, RIGHT, queue_of
from napari_medseg.widgets.review.request import search_of, why_no_model, why_not_mirrored
from napari_medseg.widgets.review.search import search
from napari_medseg.widgets.review.words import progress, words
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import KEY

GRID = {"scale": (2.0, 1.0, 1.0), "units": "mm"}
SHAPE = (12, 20, 24)


def place(start, share, label=1, reason="a hole of 8 voxels"):
    box = tuple(slice(s, s + 4) for s in start)
    return Place(tuple(s + 1 for s in start), box, label, share, reason, "hole", share)


@pytest.fixture
def layer():
    return Labels(np.zeros(SHAPE, np.uint8), name="organ")


@pytest.fixture
def queue(layer):
    return queue_of(layer)


@pytest.fixture
def scene():
    """A viewer without a window: an image and labels with a hole and an island."""
    viewer = ViewerModel()
    viewer.add_image(np.random.default_rng(0).random(SHAPE, np.float32), name="scan", **GRID)
    values = np.zeros(SHAPE, np.uint8)
    values[2:9, 3:13, 3:13] = 1
    values[5, 6:9, 6:9] = 0
    values[9:11, 17:19, 20:22] = 1
    viewer.add_labels(values, name="organ", **GRID)
    return viewer


def model(name="tiny", *, channels=("CT",), classes=(1,), dims=3, mirrored=True):
    card = ModelCard(
        name=name,
        title=name.title(),
        architecture="lgmsnet",
        config={
            "spatial_dims": dims,
            "in_channels": len(channels),
            "num_classes": len(classes) + 1,
        },
        classes=tuple(LabelClass(value=v, name=f"class {v}") for v in classes),
        preprocessing=Preprocessing(channels=channels, window=(32,) * dims),
        mirrored=mirrored,
        data="random numbers",
        scores={},
    )
    return ChosenModel(Path(f"{name}.safetensors"), card)


def test_the_strip_says_at_each_step_what_there_is_and_what_to_do(layer, queue):
    set_classes(layer, [LabelClass(value=1, name="liver")])
    assert words(None, None) == "No labels yet: segment an image or add a label layer."
    assert words(queue, None) == words(None, layer) == words(None, None)
    assert words(queue, layer).startswith("Finds where these labels may be wrong")
    queue.fill([], "Looked at the shapes.")
    assert words(queue, layer) == "Nothing is doubtful here. Looked at the shapes."
    queue.fill([place((0, 0, 0), 1.0)], "Looked at the shapes.")
    assert words(queue, layer) == "1 doubtful place found. Looked at the shapes."
    queue.fill([place((0, 0, 0), 0.8), place((6, 6, 6), 0.2, label=9)], "all")
    assert words(queue, layer) == "2 doubtful places found. all"
    queue.next()
    assert words(queue, layer) == "Place 1 of 2 · liver: a hole of 8 voxels."
    queue.looks_right()
    assert words(queue, layer) == "Place 2 of 2 · a hole of 8 voxels."  # 9 has no name
    queue.previous()
    assert words(queue, layer).endswith("a hole of 8 voxels. Looks right.")
    layer.data = np.ones(SHAPE, np.uint8)
    assert "find the doubtful places anew" in words(queue, layer)


def test_how_far_one_is_is_counted_in_places_and_in_doubt(queue):
    assert (progress(None), progress(queue)) == ("", "")
    queue.fill([place((0, 0, 0), 0.55), place((6, 6, 6), 0.26), place((6, 14, 14), 0.19)], "all")
    assert progress(queue) == "0 of 3 looked at, 3 left · 0 % of the doubt seen"
    queue.next()
    queue.looks_right()
    queue.looks_right()
    assert progress(queue) == "2 of 3 looked at, 1 left · 81 % of the doubt seen"
    queue.looks_right()
    assert progress(queue) == "3 of 3 looked at, 0 left · 100 % of the doubt seen"


def test_without_places_there_is_nowhere_to_go(queue):
    for move in (queue.next, queue.previous, queue.looks_right):
        assert move() is None
    assert (queue.current, queue.done, queue.share_done) == (-1, 0, 0)
    queue.fill([place((0, 0, 0), 1.0)], "all")
    assert queue.looks_right() is None  # nobody has gone to it
    assert queue.states == [OPEN]
    assert queue.previous() is queue.places[0]
    assert queue.previous() is queue.places[0]


def test_undo_gives_a_place_back_as_it_was_judged(layer, queue):
    queue.fill([place((0, 0, 0), 0.6), place((6, 6, 6), 0.4)], "all")
    queue.next()
    queue.looks_right()
    assert queue.current == 1
    for value in (2, 3):  # both lie in the place that looked right
        apply_edit(layer, np.full((2, 2, 2), value, np.uint8), "Brush", box=np.s_[1:3, 1:3, 1:3])
        assert queue.states == [CORRECTED, OPEN]
    layer.undo()
    assert queue.states == [CORRECTED, OPEN]  # the first edit is still there
    layer.undo()
    assert queue.states == [RIGHT, OPEN]
    layer.redo()
    assert queue.states == [CORRECTED, OPEN]
    queue.fill([place((0, 0, 0), 1.0)], "anew")
    layer.undo()  # an edit from before these places were found
    assert queue.states == [OPEN]


def test_the_viewer_goes_there_and_the_zoom_stays_where_it_is_good_enough():
    viewer = ViewerModel()
    viewer.canvas.size = (400, 600)
    series = viewer.add_labels(np.zeros((3, 40, 200, 200), np.uint8), scale=(1, 4, 1, 1))
    camera = viewer.scene.camera
    camera.zoom = 3.0
    box = (slice(2, 3), slice(8, 12), slice(100, 140), slice(20, 50))
    go_to(viewer, series, (2, 9, 120, 35), box)
    assert viewer.dims.current_step[:2] == (2, 9)
    assert camera.center[-2:] == (120, 35)
    assert camera.zoom == 3.0  # 40 voxels take 120 of 400 pixels
    go_to(viewer, series, (0, 1, 5, 5), (slice(0, 1), slice(1, 2), slice(5, 6), slice(5, 6)))
    assert viewer.dims.current_step[:2] == (0, 1)
    assert camera.zoom == pytest.approx(0.3 * 400 / 10)  # a voxel is shown with what is around it
    go_to(viewer, series, (0, 1, 100, 100), (slice(0, 1), slice(1, 2), *[slice(0, 200)] * 2))
    assert camera.zoom == pytest.approx(0.3 * 400 / 200)


def test_the_outline_follows_the_slices_and_moves_with_the_labels(scene, qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    labels, selected = scene.layers["organ"], scene.layers.selection.active
    marker = Marker(scene, owner)
    box = (slice(4, 7), slice(5, 10), slice(5, 10))
    marker.show(labels, box)
    first = marker.layer
    assert is_marker(first)
    assert scene.layers.selection.active is selected
    assert scene.dims.nsteps == SHAPE
    np.testing.assert_array_equal(first.scale, labels.scale)
    for step in (5, 0):
        scene.dims.set_current_step(0, step)
        in_slice = np.abs(first.data[:, 0, 0] - step) <= 0.5
        assert in_slice.any() == (step == 5)
    marker.hide()
    assert not first.visible
    scene.dims.set_current_step(0, 5)
    assert not first.visible  # steps bring it not back
    marker.show(labels, box)
    assert marker.layer is first
    other = scene.add_labels(np.zeros((12, 20, 24), np.uint8), scale=(1, 1, 1), name="fine")
    marker.show(other, box)
    assert marker.layer is not first
    assert [is_marker(o) for o in scene.layers].count(True) == 1
    lines = marker.layer.data
    marker.show(Labels(np.zeros(SHAPE, np.uint8)), (slice(0, 1),) * 3)  # not in the viewer
    np.testing.assert_array_equal(marker.layer.data, lines)
    scene.layers.clear()
    assert marker.layer is None
    marker.hide()


def test_why_a_model_cannot_be_asked_is_said_one_reason_at_a_time(scene):
    labels, session = scene.layers["organ"], session_of(scene)
    assert why_no_model(scene, labels) == "no model is chosen"
    assert why_not_mirrored(scene, labels) == "No model can be asked: no model is chosen"
    session.model = model()
    assert why_no_model(scene, labels) == why_not_mirrored(scene, labels) == ""
    session.model = model(mirrored=False)
    assert "never saw mirrored images" in why_not_mirrored(scene, labels)
    session.model = model(channels=("FLAIR", "T1"))
    assert why_no_model(scene, labels) == "Tiny needs 2 images of the case"
    session.model = model(classes=(1, 2))
    assert why_no_model(scene, labels) == ""
    session.model = model(classes=(2,))
    assert why_no_model(scene, labels) == "Tiny finds other classes than these labels have"
    labels.metadata[KEY] = {"model": "liver-net"}
    assert why_no_model(scene, labels) == "these labels are of another model, liver-net"
    session.model = model("liver-net", classes=(2,))
    assert why_no_model(scene, labels) == ""  # it is its own answer, whatever was painted on it
    scene.layers.remove("scan")
    assert why_no_model(scene, labels) == "no image lies under these labels"


def test_a_search_holds_copies_and_says_what_is_looked_at(scene):
    labels = scene.layers["organ"]
    painted_of(labels).mark_reviewed(np.s_[0:3, :, :])
    asked = search_of(scene, labels)
    before = labels.data.copy()
    labels.data[:] = 7
    np.testing.assert_array_equal(asked.labels, before)
    assert (asked.axis, asked.spacing, asked.model) == (0, (2.0, 1.0, 1.0), None)
    assert asked.reviewed[:3].all()
    assert not asked.reviewed[3:].any()
    assert asked.words == "Looked at the shapes. The model was not asked: no model is chosen."
    session_of(scene).model = model(classes=(1, 7))
    again = search_of(scene, labels, mirrored=True)
    assert again.words == "Looked at what the model is unsure of and the shapes."
    assert again.mirrors == (2, 1)
    assert again.model.config.probabilities


def test_maps_that_are_there_spare_the_model_and_other_models_are_compared(scene):
    labels = scene.layers["organ"]
    labels.metadata[KEY] = {"model": "one", "image": "scan"}
    session_of(scene).model = model("one")
    unsure = np.random.default_rng(1).random(SHAPE, np.float32)
    about = {"of": str(labels.unique_id), "map": "unsure"}
    scene.add_image(unsure, metadata={KEY: about}, name="unsure", **GRID)
    other = scene.add_labels(np.ones(SHAPE, np.uint8), name="two", **GRID)
    for kept, differs in (({"model": "two", "image": "scan"}, 1), ({"model": "one"}, 0)):
        other.metadata[KEY] = kept
        asked = search_of(scene, labels)
        assert len(asked.others) == differs
        assert asked.model is None
        np.testing.assert_array_equal(asked.uncertainty, unsure)
    other.metadata[KEY] = {"model": "two", "image": "scan"}
    assert search_of(scene, labels).words == (
        "Looked at what the model is unsure of, the shapes and where the models differ."
    )
    other.data = np.ones((3, 3, 3), np.uint8)  # of another size: nothing to compare with
    assert search_of(scene, labels).others == ()


def test_a_search_finds_what_is_odd_and_skips_what_was_reviewed_and_can_be_stopped(scene):
    labels = scene.layers["organ"]
    found = search(search_of(scene, labels))
    assert {p.kind for p in found.places} >= {"hole", "island"}
    assert sum(p.share for p in found.places) == pytest.approx(1)
    assert found.loaded is None
    painted_of(labels).mark_reviewed(np.s_[8:12, :, :])
    assert "island" not in {p.kind for p in search(search_of(scene, labels)).places}

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        search(search_of(scene, labels), stop)
