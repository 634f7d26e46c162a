"""The overlay of what was reviewed and changed, switched on and off by the mouse."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_medseg.widgets.layers import apply_edit, history, is_preview
from napari_medseg.widgets.painted import follow, painted_of
from napari_medseg.widgets.painted_overlay import (
    CHANGED,
    REVIEWED,
    PaintedOverlay,
    part_in_sight,
    striped,
)


@pytest.fixture
def shown(viewer, qtbot):
    viewer.add_image(np.zeros((5, 30, 30)), scale=(2, 1, 1), name="scan")
    layer = viewer.add_labels(np.zeros((5, 30, 30), np.uint8), scale=(2, 1, 1), name="organs")
    follow(viewer)
    painted_of(layer).write_answer(np.ones((5, 30, 30), np.uint8), "Segment")
    overlay = PaintedOverlay(viewer)
    qtbot.addWidget(overlay)
    overlay.show()
    viewer.dims.set_point(0, 4)
    return overlay


def _switch(qtbot, overlay):
    qtbot.mouseClick(overlay.switch, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))


def _expected(layer):
    painted = painted_of(layer)
    marks = np.where(painted.changed, CHANGED, np.where(painted.reviewed, REVIEWED, 0))
    return striped(marks, tuple(slice(0, n) for n in marks.shape))


def test_it_is_off_until_it_is_asked_for_and_shows_the_slice_one_sees(shown, qtbot):
    viewer, layer = shown.viewer, shown.layer
    assert shown.overlay is None
    apply_edit(layer, np.full((5, 9, 9), 2, np.uint8), "Draw", box=(slice(None), *[slice(9)] * 2))
    painted_of(layer).mark_reviewed((slice(2, 3), slice(0, 20), slice(0, 20)))
    layers, active = list(viewer.layers), viewer.layers.selection.active
    _switch(qtbot, shown)
    overlay = shown.overlay
    assert list(viewer.layers) == [*layers, overlay]
    assert viewer.layers.selection.active is active is layer
    assert is_preview(overlay)
    assert not overlay.editable
    np.testing.assert_array_equal(overlay.data[2], _expected(layer)[2])
    assert set(np.unique(overlay.data[2]).tolist()) == {0, REVIEWED, CHANGED}
    assert not overlay.data[[0, 1, 3, 4]].any()  # nobody has seen them
    viewer.dims.set_point(0, 0)
    np.testing.assert_array_equal(overlay.data[0], _expected(layer)[0])
    _switch(qtbot, shown)
    assert list(viewer.layers) == layers


def test_it_follows_strokes_undo_confirmed_boxes_and_the_axes_one_sees(shown, qtbot):
    viewer, layer = shown.viewer, shown.layer
    _switch(qtbot, shown)
    with layer.block_history():
        layer.paint((2, 9, 9), 3, refresh=False)
    np.testing.assert_array_equal(shown.overlay.data[2], _expected(layer)[2])
    assert (shown.overlay.data[2] == CHANGED).sum() > 20
    layer.undo()
    assert not shown.overlay.data[2].any()
    layer.redo()
    painted_of(layer).mark_reviewed((slice(2, 3), slice(0, 30), slice(0, 30)))
    assert (shown.overlay.data[2] == REVIEWED).sum() > 180
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 9)
    np.testing.assert_array_equal(shown.overlay.data[:, 9], _expected(layer)[:, 9])
    viewer.dims.ndisplay = 3
    np.testing.assert_array_equal(shown.overlay.data, _expected(layer))
    assert history(layer) == ["Segment", "Brush"]


def test_it_goes_with_its_layer_and_another_layer_has_its_own(shown, qtbot):
    viewer, layer = shown.viewer, shown.layer
    _switch(qtbot, shown)
    first = shown.overlay
    second = viewer.add_labels(np.zeros((6, 7), np.uint8))
    assert shown.layer is second
    assert first not in viewer.layers
    assert shown.overlay.data.shape == (6, 7)
    second.data = np.ones((3, 4), np.uint8)
    assert shown.overlay.data.shape == (3, 4)
    viewer.layers.remove(shown.overlay)
    assert not shown.switch.isChecked()
    viewer.layers.remove(second)
    assert shown.layer is layer
    assert shown.overlay is None
    _switch(qtbot, shown)
    viewer.layers.clear()
    assert (shown.layer, shown.overlay, shown.switch.isEnabled()) == (None, None, False)
    assert len(viewer.layers) == 0


def test_lazy_layers_are_shown_and_those_of_several_resolutions_say_why_not(shown, qtbot):
    viewer = shown.viewer
    lazy = viewer.add_labels(dask.array.zeros((4, 20, 20), dtype=np.uint8, chunks=8))
    _switch(qtbot, shown)
    viewer.dims.set_point(0, 2)
    step = 2
    with lazy.block_history():
        lazy.paint((step, 9, 9), 3, refresh=False)
    np.testing.assert_array_equal(shown.overlay.data[step], _expected(lazy)[step])
    assert (shown.overlay.data[step] == CHANGED).sum() > 20
    levels = [np.ones((8, 8), np.uint8), np.ones((4, 4), np.uint8)]
    viewer.add_labels(levels, multiscale=True)
    assert shown.overlay is None
    assert not shown.switch.isEnabled()
    assert "several resolutions" in shown.switch.toolTip().lower()


def test_where_one_stands_outside_of_a_layer_nothing_of_it_is_in_sight(viewer):
    viewer.add_image(np.zeros((9, 20, 20)))
    layer = viewer.add_labels(np.zeros((3, 20, 20), np.uint8), translate=(5, 0, 0))
    viewer.dims.set_point(0, 6)
    assert part_in_sight(viewer, layer)[0] == slice(1, 2)
    viewer.dims.set_point(0, 2)
    assert part_in_sight(viewer, layer) is None


def test_stripes_leave_half_of_what_was_changed_and_lie_still_in_every_slice():
    box = (slice(2, 3), slice(3, 19), slice(1, 17))
    changed = striped(np.full((1, 16, 16), CHANGED, np.uint8), box)
    assert (changed == CHANGED).mean() == 0.5
    assert (striped(np.full((1, 16, 16), REVIEWED, np.uint8), box) == REVIEWED).mean() == 0.25
    inner = striped(np.full((1, 4, 4), CHANGED, np.uint8), (box[0], slice(5, 9), slice(4, 8)))
    np.testing.assert_array_equal(changed[:, 2:6, 3:7], inner)
