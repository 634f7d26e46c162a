"""The review strip, pressed as a person does: find, next, looks right, correct, cancel."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_medseg.engine.card import LabelClass
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.layers import apply_edit, class_look
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.review import ReviewStrip
from napari_medseg.widgets.review.marker import is_marker
from napari_medseg.widgets.sessions import session_of

_SCALE = (2.0, 1.0, 1.0)


def _odd_labels():
    z, y, x = np.indices((24, 40, 40))
    ball = (2 * (z - 11)) ** 2 + (y - 16) ** 2 + (x - 16) ** 2 <= 11**2
    labels = ball.astype(np.uint8)
    labels[10:13, 14:17, 14:17] = 0  # a hole
    labels[18:21, 33:37, 33:37] = 1  # an island
    return labels


@pytest.fixture
def viewer(windowless):
    """Only the keys need a window."""
    return windowless


def _strip_of(viewer):
    viewer.add_image(np.random.default_rng(0).random((24, 40, 40)), scale=_SCALE, units="mm")
    look = class_look([LabelClass(value=1, name="liver")])
    viewer.add_labels(_odd_labels(), name="organ", scale=_SCALE, units="mm", **look)
    return ReviewStrip(viewer)


@pytest.fixture
def strip(qtbot, viewer):
    strip = _strip_of(viewer)
    qtbot.addWidget(strip)
    strip.show()
    return strip


@pytest.fixture
def press(qtbot):
    def press(button):
        assert button.isEnabled(), button.toolTip()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    return press


@pytest.fixture
def find(qtbot, press):
    def find(strip):
        press(strip.search)
        qtbot.waitUntil(lambda: not strip.runner.busy)

    return find


def _marker(viewer):
    return next((layer for layer in viewer.layers if is_marker(layer)), None)


def test_a_person_goes_from_place_to_place_and_marks_or_corrects_each(strip, viewer, find, press):
    labels = viewer.layers["organ"]
    assert "Finds where these labels" in strip.why.text()
    assert not strip.onward.isEnabled()
    steps, selected = viewer.dims.nsteps, viewer.layers.selection.active
    find(strip)
    assert "2 doubtful places found" in strip.why.text()
    assert "no model is chosen" in strip.why.text()
    before = viewer.scene.camera.center

    press(strip.onward)
    assert strip.why.text().startswith("Place 1 of 2 · liver: a small island")
    assert viewer.dims.current_step[0] in (18, 19, 20)
    assert viewer.scene.camera.center != before
    marker = _marker(viewer)
    assert marker.visible
    assert (viewer.dims.nsteps, viewer.layers.selection.active) == (steps, selected)

    press(strip.right)
    assert "Place 2 of 2 · liver: a hole" in strip.why.text()
    assert painted_of(labels).reviewed[18:21, 33:37, 33:37].all()
    assert "1 of 2 looked at, 1 left" in strip.progress.whole()
    assert viewer.dims.current_step[0] == 11

    apply_edit(labels, np.ones((3, 3, 3), np.uint8), "Brush", box=np.s_[10:13, 14:17, 14:17])
    assert "Corrected." in strip.why.text()
    assert "100 % of the doubt" in strip.progress.whole()
    assert not strip.onward.isEnabled()
    labels.undo()
    assert "1 of 2 looked at" in strip.progress.whole()

    viewer.dims.set_current_step(0, 0)  # past the place: nothing is outlined there
    assert not (np.abs(marker.data[:, 0, 0]) <= 0.5).any()
    viewer.layers.remove(marker)  # a person may do that
    press(strip.back)
    assert _marker(viewer) is not None
    find(strip)  # what was reviewed is not asked again
    assert [place.kind for place in strip.queue.places] == ["hole"]


def test_the_keys_of_the_strip_work_on_the_canvas(make_napari_viewer, find):
    viewer = make_napari_viewer(show=True)
    strip = _strip_of(viewer)
    viewer.window.add_dock_widget(strip, name="review")
    find(strip)
    canvas = viewer.window._qt_viewer.canvas.native
    viewer.layers.selection.active = viewer.layers["organ"]
    for key, at in ((Qt.Key.Key_Period, 0), (Qt.Key.Key_Period, 1), (Qt.Key.Key_Comma, 0)):
        QTest.keyClick(canvas, key)
        assert strip.queue.current == at
    QTest.keyClick(canvas, Qt.Key.Key_N)
    assert strip.queue.states == ["right", "open"]


def test_each_layer_has_its_own_places_and_a_removed_one_leaves_nothing(strip, viewer, find):
    find(strip)
    strip.go_on()
    other = viewer.add_labels(np.zeros((24, 40, 40), np.uint8), name="other", scale=_SCALE)
    assert strip.queue.places == ()
    assert not _marker(viewer).visible
    viewer.layers.selection.active = viewer.layers["organ"]
    assert "Place 1 of 2" in strip.why.text()
    viewer.layers.remove("organ")
    assert strip.layer is other
    viewer.layers.clear()
    assert "No labels yet" in strip.why.text()
    assert not strip.search.isEnabled()


def test_a_new_answer_makes_the_places_stale_until_they_are_found_anew(strip, viewer, find):
    find(strip)
    labels = viewer.layers["organ"]
    painted_of(labels).write_answer(np.zeros_like(labels.data), "Segment: liver")
    assert "find the doubtful places anew" in strip.why.text()
    find(strip)
    assert "Nothing is doubtful here" in strip.why.text()


def test_the_chosen_model_is_asked_and_stays_in_memory(strip, viewer, find, models, qtbot):
    from napari_medseg.engine.checkpoint import read_card

    session = session_of(viewer)
    path = models / "tiny-volume.safetensors"
    session.model = ChosenModel(path, read_card(path))
    find(strip)
    assert "what the model is unsure of" in strip.queue.source
    assert "unsure" in [place.kind for place in strip.queue.places]
    assert session.loaded is not None
    assert strip.mirrored.isEnabled(), strip.mirrored.toolTip()
    strip.mirrored.setChecked(True)
    find(strip)
    assert strip.queue.places


def test_a_search_is_cancelled_and_leaves_the_queue_as_it_was(
    strip, viewer, press, qtbot, models, held
):
    from napari_medseg.engine.checkpoint import read_card

    path = models / "tiny-volume.safetensors"
    session_of(viewer).model = ChosenModel(path, read_card(path))
    with held():
        press(strip.search)
        assert not strip.search.isEnabled()
        strip.runner.cancel()
    with qtbot.waitSignal(strip.runner.ended) as ended:
        pass
    assert ended.args == ["cancelled"]
    assert strip.queue.places == ()
    assert strip.search.isEnabled()


def test_two_viewers_do_not_mix_and_one_may_close_during_a_search(
    strip, viewer, find, make_napari_viewer, qtbot
):
    other = make_napari_viewer()
    other.add_labels(_odd_labels())
    second = ReviewStrip(other)
    other.window.add_dock_widget(second, name="review")
    find(strip)
    assert (len(strip.queue.places), second.queue.places) == (2, ())
    qtbot.mouseClick(second.search, Qt.MouseButton.LeftButton)
    runner = second.runner
    other.close()
    qtbot.waitUntil(lambda: not runner.busy)
    strip.go_on()
    assert _marker(viewer).visible


def test_a_layer_that_cannot_be_edited_says_why(strip, viewer):
    import dask.array

    viewer.add_labels(dask.array.zeros((8, 20, 20), dtype=np.uint8))
    assert not strip.search.isEnabled()
    assert "piece by piece" in strip.search.toolTip()
