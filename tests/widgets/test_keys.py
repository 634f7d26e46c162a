"""The keys: one table, free in napari, working with any layer, changed in the settings."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QObject, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_medseg.widgets import keys
from napari_medseg.widgets import notices as said
from napari_medseg.widgets.keys import KEYS, bind, key_of, label
from napari_medseg.widgets.keys_page import KeysPage
from napari_medseg.widgets.layers import taken_keys


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch):
    monkeypatch.setattr(said, "_said", set())


class Pressed(QObject):
    def __init__(self):
        super().__init__()
        self.times = 0

    def press(self):
        self.times += 1


def _type(viewer, key):
    """Type on the canvas, as a person does."""
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key)


def test_no_key_is_napari_s_own_or_another_one_s_and_every_one_reaches_us(windowless):
    taken = taken_keys(windowless)
    for key in KEYS.values():
        assert str(coerce_keybinding(key.key)) not in taken
    assert len({key.key for key in KEYS.values()}) == len(KEYS)
    for action in KEYS:
        bind(windowless, action, Pressed().press)  # refuses names that never arrive
    assert {coerce_keybinding(k.key) for k in KEYS.values()} <= set(windowless.keymap)


def test_a_key_works_whatever_layer_is_active(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    pressed = Pressed()
    bind(viewer, "next_case", pressed.press)
    _type(viewer, Qt.Key.Key_K)
    assert pressed.times == 1
    shapes = viewer.add_shapes()
    viewer.add_labels(np.zeros((4, 5), int)).mode = "paint"
    image = viewer.add_image(np.zeros((4, 5)))  # shapes are not the newest: that crashes drivers
    for times, layer in enumerate((shapes, viewer.layers[1], image), 2):
        viewer.layers.selection.active = layer
        _type(viewer, Qt.Key.Key_K)
        assert pressed.times == times, layer


def test_the_latest_living_owner_of_an_action_is_called(windowless):
    first, second = Pressed(), Pressed()
    bind(windowless, "next_case", first.press)
    bind(windowless, "next_case", second.press)
    keys._press("next_case", windowless)
    assert (first.times, second.times) == (0, 1)
    del second
    keys._press("next_case", windowless)
    assert first.times == 1


def test_a_changed_key_replaces_the_old_one(settings, workbench, viewer):
    pressed = Pressed()
    bind(viewer, "next_case", pressed.press)
    settings.keys.next_case = "Alt-K"
    assert label("next_case") == "Next case  [Alt-K]"
    bound = {str(key) for key in viewer.keymap}
    assert "Alt+K" in bound
    assert "K" not in bound


@pytest.mark.parametrize("bad", ["P", "Return", "J", "nonsense"])
def test_a_key_that_cannot_be_used_is_said_and_the_usual_one_stays(
    settings, windowless, notices, bad
):
    settings.keys.next_case = bad
    pressed = Pressed()
    bind(windowless, "next_case", pressed.press)
    assert notices[-1].message.startswith("Next case keeps the key K: ")
    assert "K" in {str(key) for key in windowless.keymap}


def test_two_viewers_have_their_own_keys(make_napari_viewer):
    one, two = make_napari_viewer(), make_napari_viewer()
    first, second = Pressed(), Pressed()
    bind(one, "next_case", first.press)
    bind(two, "next_case", second.press)
    keys._press("next_case", two)
    assert (first.times, second.times) == (0, 1)


def test_the_page_lists_every_key_as_it_is_set(qtbot, settings, workbench):
    settings.keys.previous_case = "F3"
    qtbot.mouseClick(workbench.strip.keys, Qt.MouseButton.LeftButton)
    (page,) = workbench.window().findChildren(KeysPage)
    words = " ".join(text.text() for text in page.findChildren(QLabel))
    for action, key in KEYS.items():
        if not action.startswith("class_"):  # these are one line
            assert key_of(action) in words
            assert key.words in words
    assert "<b>F3</b>" in words
    assert "Alt-1 … Alt-9" in words
    page.reject()
