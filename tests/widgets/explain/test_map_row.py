"""The row that browses maps: wheel and keys, the same channel again, its colours, the stack."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.place import Place
from napari_medseg.volume import Volume
from napari_medseg.widgets.explain.map_row import MapRow
from napari_medseg.widgets.explain.placing import on_image
from napari_medseg.widgets.explain.seen import Seen
from napari_medseg.widgets.explain.stack_layer import open_stack


def channels_of(shape, *names):
    """Maps at half the size; channel c holds the value c."""
    sides = tuple(n // 2 for n in shape)
    values = np.stack([np.full(sides, int(n.split()[1]), np.float32) for n in names])
    volume = Volume(np.zeros((1, *shape), np.float32), (1.0,) * len(shape))
    place = Place.over(volume, (2.0,) * len(shape), (0.5,) * len(shape))
    return Overlay("enc2 channels", "channels of enc2", values, place, channels=names)


@pytest.fixture
def row(qtbot):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((8, 8)), name="case")
    row = MapRow(viewer)
    qtbot.addWidget(row)
    row.viewer = viewer
    row.show()
    return row


def turn(slider, eighths):
    """Turn the wheel over a slider; a notch is 120 eighths of a degree."""
    middle = QPointF(slider.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(slider.mapToGlobal(slider.rect().center())),
        QPoint(0, 0),
        QPoint(0, eighths),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slider, event)


def test_wheel_and_keys_go_from_map_to_map(row, qtbot):
    assert not row.which.isEnabled()
    [image] = row.viewer.layers
    names = [f"channel {i} (energy {9 - i})" for i in range(1, 21)]
    row.show_maps(Seen(image, (), (channels_of((8, 8), *names),)))
    shown = row.on_canvas.layer
    for _ in range(2):
        turn(row.which, -120)
    turn(row.which, -60)  # half a notch, as of a touchpad
    assert (row.number.text(), shown.data[0, 0]) == ("3/20", 3)
    turn(row.which, -60)
    assert row.says.whole() == "channel 4 (energy 5) · enc2 channels"
    turn(row.which, 240)
    assert row.number.text() == "2/20"
    row.which.setFocus()
    qtbot.keyClick(row.which, Qt.Key.Key_Right)
    qtbot.keyClick(row.which, Qt.Key.Key_PageUp)
    assert row.number.text() == "13/20"
    qtbot.keyClick(row.which, Qt.Key.Key_End)
    assert shown.data[0, 0] == 20


def test_another_slice_shows_the_same_channel_wherever_it_is_sorted_to(row):
    [image] = row.viewer.layers
    here = channels_of((8, 8), "channel 7 (energy 9)", "channel 2 (energy 3)")
    there = channels_of((8, 8), "channel 2 (energy 8)", "channel 5 (energy 2)")
    row.show_maps(Seen(image, (), (here,)))
    row.which.setValue(1)
    row.show_maps(Seen(image, (), (there,)))
    assert row.says.whole() == "channel 2 (energy 8) · enc2 channels"
    row.which.setValue(1)
    row.show_maps(Seen(image, (), (here,)))  # channel 5 is not there: the first
    assert row.number.text() == "1/2"


def test_the_legend_says_what_the_colours_of_the_layer_mean(row):
    [image] = row.viewer.layers
    row.show_maps(Seen(image, (), (channels_of((8, 8), "channel 3", "channel 4"),)))
    shown = row.on_canvas.layer
    assert (row.legend.low, row.legend.high) == ("0", "3")
    before = row.legend.grab().toImage()
    shown.contrast_limits, shown.colormap, shown.opacity = (1, 2.5), "green", 0.25
    assert (row.legend.low, row.legend.high) == ("1", "2.5")
    assert row.legend.grab().toImage() != before
    assert row.opacity.value() == 25
    row.forget()
    assert (row.legend.low, row.legend.high) == ("", "")
    assert not shown.visible


@pytest.mark.parametrize(
    ("shape", "step", "place"),
    [
        ((8, 10), (), {"scale": (0.7, 1.3), "translate": (5, -3), "rotate": 20.0}),
        ((6, 8, 10), (), {"scale": (2, 1, 1), "translate": (-4, 0, 3), "units": "mm"}),
        ((5, 6, 8, 10), (3,), {"scale": (3, 2, 1, 1)}),
    ],
)
def test_a_stack_has_an_axis_of_its_own_and_lies_on_the_image(shape, step, place):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(shape), name="case", **place)
    viewer.dims.set_point(range(len(shape)), image.data_to_world([n // 2 for n in shape]))
    before, selected = viewer.dims.point, viewer.layers.selection.active
    overlay = channels_of(shape[len(step) :], "channel 3", "channel 1", "channel 2")
    stack = open_stack(viewer, image, step, overlay)
    assert stack.data.shape == (3, *(1 for _ in step), *overlay.values.shape[1:])
    assert viewer.dims.nsteps[0] == 3
    assert viewer.dims.point[1:] == pytest.approx(before)
    assert viewer.layers.selection.active is selected
    at = np.arange(image.ndim) % 2
    alone = on_image(image, step, overlay.scale, overlay.translate)
    one = type(image)(np.zeros(stack.data.shape[1:]), **alone)
    for which in (0, 2):
        world = stack.data_to_world((which, *at))
        assert world[0] == which
        np.testing.assert_allclose(world[1:], one.data_to_world(at))


def test_the_stack_is_opened_by_its_button_where_there_are_several_maps(row, qtbot):
    [image] = row.viewer.layers
    assert "Nothing is shown" in row.stack.toolTip()
    row.show_maps(Seen(image, (), (channels_of((8, 8), "channel 1"),)))
    assert not row.stack.isEnabled()
    assert "one map only" in row.stack.toolTip()
    row.show_maps(Seen(image, (), (channels_of((8, 8), "channel 1", "channel 2"),)))
    qtbot.mouseClick(row.stack, Qt.MouseButton.LeftButton)
    [_, stack, one] = row.viewer.layers
    assert stack.name == "case · enc2 channels · stack"
    assert one is row.on_canvas.layer
    assert not one.visible  # the stack is seen instead
    row.forget()
    assert stack in row.viewer.layers  # it is the person's own


def test_another_question_begins_at_its_first_map_though_it_has_the_same(row):
    [image] = row.viewer.layers
    strongest = channels_of((8, 8), "channel 7 (energy 9)", "channel 2 (energy 3)")
    telling = channels_of((8, 8), "channel 2 (AUC 0.9)", "channel 7 (AUC 0.6)")
    row.show_maps(Seen(image, (), (strongest,), "features"))
    row.which.setValue(0)
    row.show_maps(Seen(image, (), (telling,), "separation"))
    assert row.says.whole() == "channel 2 (AUC 0.9) · enc2 channels"
    row.which.setValue(1)
    row.show_maps(Seen(image, (), (telling,), "separation"))
    assert row.says.whole() == "channel 7 (AUC 0.6) · enc2 channels"


def test_a_map_that_a_person_removed_comes_back_by_default_and_is_exported_all_the_same(row):
    [image] = row.viewer.layers
    overlay, saved = channels_of((8, 8), "channel 3", "channel 4"), []
    row.save_wanted.connect(saved.append)
    row.default.click()
    row.export.click()
    assert len(row.viewer.layers) == 1  # nothing was shown
    assert saved == []
    row.show_maps(Seen(image, (), (overlay,)))
    row.viewer.layers.remove(row.on_canvas.layer)
    row.opacity.setValue(20)
    row.export.click()
    assert saved == [overlay]
    row.default.click()
    assert row.on_canvas.layer in row.viewer.layers
    assert row.on_canvas.layer.opacity == 0.6
    row.on_canvas.layer.visible = False
    row.default.click()
    assert row.on_canvas.layer.visible
