"""Copies of layers: one array, every change followed, nothing left behind."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_medseg.widgets.layers import apply_edit
from napari_medseg.widgets.views.mirror import Mirror


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((6, 8, 10), np.int16), name="ct", scale=(5, 1, 1))
    viewer.add_labels(np.zeros((6, 8, 10), np.uint8), name="liver", scale=(5, 1, 1))
    return viewer


@pytest.fixture
def model():
    return ViewerModel()


@pytest.fixture
def mirror(qapp, viewer, model):
    owner = QObject()
    mirror = Mirror(viewer, model, owner)
    yield mirror
    mirror.end()


def _redrawn(copy):
    told = []
    copy.events.set_data.connect(lambda: told.append(1))
    return told


def test_copies_share_the_arrays_and_lie_in_the_same_order(viewer, model, mirror):
    assert [layer.name for layer in model.layers] == ["ct", "liver"]
    for layer in viewer.layers:
        copy = mirror.copy_of(layer)
        assert copy is not layer
        assert copy.data is layer.data
        np.testing.assert_array_equal(copy.scale, layer.scale)
    assert model.layers.selection.active is None


def test_layers_come_go_and_move(viewer, model, mirror):
    viewer.add_labels(np.zeros((6, 8, 10), np.uint8), name="spleen")
    viewer.add_shapes(name="box", ndim=3)
    viewer.add_image(np.zeros((8, 10)), name="flat")
    assert [layer.name for layer in model.layers] == ["ct", "liver", "spleen"]
    viewer.layers.move(0, 3)
    assert [layer.name for layer in model.layers] == ["liver", "spleen", "ct"]
    viewer.layers.remove("liver")
    assert [layer.name for layer in model.layers] == ["spleen", "ct"]
    assert model.layers.selection.active is None


@pytest.mark.parametrize(
    ("name", "attribute", "value"),
    [
        ("ct", "contrast_limits", [-100, 200]),
        ("ct", "gamma", 0.5),
        ("ct", "visible", False),
        ("ct", "opacity", 0.3),
        ("ct", "blending", "additive"),
        ("liver", "contour", 2),
        ("liver", "selected_label", 3),
        ("liver", "translate", [5, 1, 2]),
    ],
)
def test_what_changes_in_a_layer_changes_in_its_copy(viewer, mirror, name, attribute, value):
    layer = viewer.layers[name]
    setattr(layer, attribute, value)
    np.testing.assert_array_equal(getattr(mirror.copy_of(layer), attribute), value)


def test_colours_follow(viewer, mirror):
    viewer.layers["ct"].colormap = "magma"
    assert mirror.copy_of(viewer.layers["ct"]).colormap.name == "magma"
    viewer.layers["liver"].colormap = {None: "transparent", 1: "red"}
    np.testing.assert_array_equal(mirror.copy_of(viewer.layers["liver"]).get_color(1), (1, 0, 0, 1))


def test_strokes_edits_undo_and_redo_are_drawn_in_the_copy(viewer, mirror, qtbot):
    layer = viewer.layers["liver"]
    told = _redrawn(mirror.copy_of(layer))
    for do in (
        lambda: layer.paint((2, 3, 3), 1),
        lambda: apply_edit(layer, np.full((2, 2, 2), 2, np.uint8), "x", box=np.s_[:2, :2, :2]),
        layer.undo,
        layer.redo,
    ):
        told.clear()
        do()
        qtbot.waitUntil(lambda: bool(told))


def test_steps_through_the_slices_draw_nothing_anew(viewer, mirror, qtbot):
    layer = viewer.layers["liver"]
    layer.paint((2, 3, 3), 1)
    told = _redrawn(mirror.copy_of(layer))
    qtbot.waitUntil(lambda: bool(told))
    told.clear()
    for step in (0, 3, 4):
        viewer.dims.set_current_step(0, step)
    assert not mirror._dirty
    layer.paint((4, 3, 3), 1)
    qtbot.waitUntil(lambda: bool(told))


def test_another_array_is_taken_over_also_one_with_more_axes(viewer, model, mirror):
    layer = viewer.layers["liver"]
    layer.data = np.ones((6, 8, 10), np.uint8)
    assert mirror.copy_of(layer).data is layer.data
    image = viewer.layers["ct"]
    image.data = np.zeros((2, 6, 8, 10), np.int16)
    assert mirror.copy_of(image).data is image.data
    assert [o.name for o in model.layers] == ["ct", "liver"]


def test_vectors_and_points_follow_their_data(viewer, mirror):
    vectors = viewer.add_vectors(np.zeros((1, 2, 3)))
    vectors.data = np.ones((4, 2, 3))
    assert len(mirror.copy_of(vectors).data) == 4
    points = viewer.add_points(np.zeros((1, 3)), size=3)
    points.data = np.ones((2, 3))
    assert len(mirror.copy_of(points).data) == 2


def test_when_it_ends_nothing_of_the_viewer_is_held_or_followed(viewer, model, qapp):
    owner = QObject()
    mirror = Mirror(viewer, model, owner)
    copies = [ref(layer) for layer in model.layers]
    mirror.end()
    assert len(model.layers) == 0
    viewer.add_labels(np.zeros((6, 8, 10), np.uint8))
    viewer.layers["ct"].opacity = 0.2
    assert len(model.layers) == 0
    del mirror, owner
    gc.collect()
    assert [copy() for copy in copies] == [None, None]
