"""Keys that would be dead or are napari's own are refused, checked against napari itself."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding

from napari_medseg.widgets.hooks import MENU_KEYS, bind_key, taken_keys, unbind_key
from napari_medseg.widgets.keys import KEYS


def _nothing(_owner):
    raise AssertionError


@pytest.fixture
def model():
    return ViewerModel()


@pytest.fixture
def labels():
    return Labels(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(
    "key", ["Return", "Period", "Comma", "Foo", "", "Tab", "Shift-1", "Shift-."]
)
def test_keys_that_never_arrive_are_refused(model, labels, key):
    for owner in (model, labels):
        with pytest.raises(ValueError, match="no key"):
            bind_key(owner, key, _nothing)
        assert not owner.keymap


@pytest.mark.parametrize(
    "key", ["P", "1", "Enter", "Left", "Control-Z", "Ctrl-Shift-Z", "Space", "Ctrl-S", "Shift-Up"]
)
def test_keys_of_napari_are_refused(model, key):
    with pytest.raises(ValueError, match="napari's own"):
        bind_key(model, key, _nothing)
    assert not model.keymap


@pytest.mark.parametrize("key", [".", ",", "K", "Alt-K", "Shift-K", "F4", "Alt-1"])
def test_free_keys_are_bound_again_and_taken_back(model, labels, key):
    for owner in (model, labels):
        bind_key(owner, key, _nothing)
        bind_key(owner, key, _nothing)
        assert list(owner.keymap) == [coerce_keybinding(key)]
        unbind_key(owner, key)
        assert not owner.keymap


def test_a_key_that_a_person_gave_to_napari_is_taken(model):
    shortcuts = get_settings().shortcuts.shortcuts
    before = dict(shortcuts)
    get_settings().shortcuts.shortcuts = {**before, "napari:new_label": [coerce_keybinding("K")]}
    try:
        with pytest.raises(ValueError, match="new label"):
            bind_key(model, "K", _nothing)
    finally:
        get_settings().shortcuts.shortcuts = before


def test_our_keys_are_nobody_elses(model):
    taken = taken_keys(model)
    ours = [str(coerce_keybinding(key.key)) for key in KEYS.values()]
    assert not set(ours) & set(taken), "napari took one of the keys of `keys.KEYS`; choose another"
    assert len(set(ours)) == len(ours)


def test_the_menus_of_napari_have_no_keys_but_those_we_know(make_napari_viewer):
    from napari._app_model import get_app_model

    viewer = make_napari_viewer()
    known, menus = set(taken_keys(viewer)), get_app_model().keybindings
    keys = {str(key.keybinding) for key in menus}
    assert "Ctrl+O" in keys, "napari: the keys of its menus lie somewhere else now"
    assert keys <= known, f"napari: its menus take {keys - known} now; add them to MENU_KEYS"
    ours = {str(coerce_keybinding(key)) for key in MENU_KEYS}
    assert all(ours), "one of MENU_KEYS is dead"
