"""Model folders are watched, and news is told once things have settled."""

from __future__ import annotations

import os

import pytest
from qtpy.QtCore import QObject

from napari_medseg.widgets.model_watch import ModelWatch


@pytest.fixture
def owner(qtbot):
    owner = QObject()
    yield owner
    owner.deleteLater()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "Modelle für Ärzte"
    folder.mkdir()
    return folder


def test_files_that_come_go_and_change_are_told(qtbot, owner, folder):
    watch = ModelWatch(owner)
    file = folder / "m"
    watch.watch([], folder)
    with qtbot.waitSignal(watch.changed):
        file.write_text("new")
    watch.watch([file], folder)
    with qtbot.waitSignal(watch.changed):
        file.write_text("changed")
    other = folder / "other"
    with qtbot.waitSignal(watch.changed):
        other.write_text("replacement")
        os.replace(other, file)
    watch.watch([file], folder)
    with qtbot.waitSignal(watch.changed):
        file.unlink()


def test_many_changes_are_told_once(qtbot, owner, folder):
    watch, told = ModelWatch(owner), []
    watch.changed.connect(lambda: told.append(1))
    watch.watch([], folder)
    with qtbot.waitSignal(watch.changed):
        for number in range(20):
            (folder / str(number)).write_text("x")
    assert told == [1]


def test_what_is_not_watched_any_more_is_not_told(qtbot, owner, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    watch = ModelWatch(owner)
    watch.watch([folder / "gone"], folder)
    watch.watch([], other)
    with qtbot.assertNotEmitted(watch.changed, wait=500):
        (folder / "m").write_text("x")


def test_a_folder_that_does_not_exist_is_no_error(qtbot, owner, folder, tmp_path):
    watch = ModelWatch(owner)
    watch.watch([tmp_path / "a" / "b"], tmp_path / "none")
    watch.watch([], folder)  # and the next one is watched as ever
    with qtbot.waitSignal(watch.changed):
        (folder / "m").write_text("x")
