"""The settings page: what it holds, what a bad value does, and that changes take effect."""

from __future__ import annotations

from types import SimpleNamespace

import napari.settings
import numpy as np
import pytest

from napari_medseg.widgets import layers, step_log
from napari_medseg.widgets import notices as said
from napari_medseg.widgets import settings as settings_module
from napari_medseg.widgets.keys import KEYS
from napari_medseg.widgets.settings import DEVICES, Preferences, preferences


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch):
    monkeypatch.setattr(said, "_said", set())


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Write a settings file, as napari finds it before anybody opened the page."""
    napari_s = SimpleNamespace(config_path=tmp_path / "settings.yaml")
    monkeypatch.setattr(settings_module._settings, "live", None)
    monkeypatch.setattr(napari.settings, "get_settings", lambda: napari_s)

    def write(text):
        (tmp_path / "napari-medseg.yaml").write_text(text)

    return write


def test_the_page_has_the_same_defaults_as_the_program(settings):
    keys = {action: key.key for action, key in KEYS.items()}
    assert preferences() == Preferences(keys=keys)
    choices = type(settings.general).model_json_schema()["properties"]["device"]["enum"]
    assert tuple(choices) == DEVICES


def test_every_key_of_the_table_can_be_set(settings):
    assert set(type(settings.keys).model_fields) == set(KEYS)


def test_what_is_set_is_what_is_read(settings, tmp_path):
    settings.general.device = "cpu"
    settings.general.default_model = " liver "
    settings.general.data_directory = str(tmp_path)
    settings.keys.next_case = "Alt-K"
    now = preferences()
    assert (now.device, now.default_model, now.data_directory) == ("cpu", "liver", str(tmp_path))
    assert now.keys["next_case"] == "Alt-K"


def test_a_data_folder_that_is_not_there_is_said_once(settings, tmp_path, notices):
    settings.general.data_directory = str(tmp_path / "gone")
    assert preferences().data_directory == ""
    assert preferences().data_directory == ""
    (notice,) = notices
    assert "gone" in notice.message
    assert "Preferences" in notice.message


def test_a_device_starts_a_new_viewer_and_reaches_an_open_one(
    settings, make_napari_viewer, open_workbench
):
    settings.general.device = "cpu"
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((9, 8)))
    workbench = open_workbench(viewer)
    assert workbench.session.device == "cpu"
    settings.general.device = "auto"
    assert workbench.session.device == "auto"
    assert "automatic" in workbench.strip.model.whole()


def test_the_undo_memory_is_what_the_settings_say(settings, workbench, monkeypatch):
    monkeypatch.setattr(step_log, "_limit", layers.history_limit())
    settings.general.undo_memory = 64
    assert layers.history_limit() == 64 << 20


def test_the_model_of_the_settings_is_the_first_one(settings, make_napari_viewer, open_workbench):
    settings.general.default_model = "tiny-volume"
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((9, 8, 7)))
    assert open_workbench(viewer).session.model.card.name == "tiny-volume"


def test_a_file_is_read_before_napari_has_looked_at_all_plugins(stored):
    stored("general:\n  device: cpu\n  undo_memory: 64\nkeys:\n  next_case: F4\n")
    now = preferences()
    assert (now.device, now.undo_memory, now.keys) == ("cpu", 64, {"next_case": "F4"})


@pytest.mark.parametrize(
    "text",
    ["", "general: 3", "general: {device: abacus, undo_memory: much}", "[", "keys: {next_case: 1}"],
)
def test_a_broken_file_means_the_defaults(stored, text):
    stored(text)
    assert preferences() == Preferences()
