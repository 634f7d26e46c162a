"""The File button, the strip that offers unsaved work, and closing, as a person meets them."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_medseg.io import read_labels
from napari_medseg.journal import find_journals, journal_directory
from napari_medseg.widgets.case_questions import Choice
from napari_medseg.widgets.keeping import opening, questions
from napari_medseg.widgets.keeping.closing import Closing
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.keeping.saving import saves_of
from napari_medseg.widgets.layers import history


def _press(button, qtbot):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _window_of(widget):
    while not isinstance(widget, QMainWindow):
        widget = widget.parentWidget()
    return widget


def _close_event(widget):
    """Send what the window system sends when somebody closes the window; whether it may."""
    event = QEvent(QEvent.Type.Close)
    watcher = next(f for f in widget.findChildren(Closing))
    return not watcher.eventFilter(_window_of(widget), event)


@pytest.fixture
def painted(viewer, workbench, image_values, stroke):
    """A workbench with an image and labels in which somebody painted twice."""
    viewer.add_image(image_values, name="case_017")
    labels = viewer.add_labels(np.zeros(image_values.shape, np.uint8), name="liver")
    stroke(labels, (2, 9, 9), value=2)
    stroke(labels, (4, 9, 9), value=1)
    return labels


def test_the_file_button_says_what_is_unsaved_and_saves_it(
    viewer, workbench, painted, stroke, qtbot, monkeypatch, tmp_path
):
    button = workbench.strip.files
    assert button.text() == "File ●"
    assert "'liver' has 2 steps that are not saved yet" in button.toolTip()
    button.refresh()
    assert button.save.text() == "Save 'liver'"
    path = tmp_path / "liver.nii.gz"
    monkeypatch.setattr(questions, "ask_where_to_save", lambda *_, **__: str(path))
    button.save.trigger()
    assert button.text() == "Saving…"
    qtbot.waitUntil(lambda: button.text() == "File")
    np.testing.assert_array_equal(read_labels(path).array[0], painted.data)
    painted.undo()
    assert button.text() == "File ●"
    painted.redo()
    assert button.text() == "File"
    viewer.layers.clear()
    button.refresh()
    assert not button.save.isEnabled()
    assert "segment or paint first" in button.save.toolTip()
    assert not button.save_project.isEnabled()


def test_projects_are_saved_opened_and_listed_from_the_file_button(
    viewer, workbench, painted, qtbot, monkeypatch, tmp_path
):
    button, path = workbench.strip.files, tmp_path / "fall.medseg.json"
    monkeypatch.setattr(questions, "ask_project", lambda _start: str(path))
    button.save_project.trigger()
    qtbot.waitUntil(lambda: opening.project_path(viewer) == path)
    state = painted.data.copy()
    button.refresh()
    (recent,) = button.recent.actions()
    assert recent.text() == "fall"
    assert recent.toolTip() == str(path)
    recent.trigger()
    qtbot.waitUntil(lambda: painted not in viewer.layers and len(viewer.layers) == 2)
    np.testing.assert_array_equal(viewer.layers["liver"].data, state)
    path.unlink()
    recent.trigger()
    button.refresh()
    assert not button.recent.isEnabled()


def test_unsaved_work_is_offered_in_the_dock_without_taking_the_focus_and_later_keeps_it(
    viewer, workbench, painted, qtbot
):
    strip, focus = workbench.restore, QApplication.focusWidget()
    assert strip.isHidden()
    viewer.layers.remove(painted)
    qtbot.waitUntil(lambda: not strip.isHidden())
    assert QApplication.focusWidget() is focus
    assert strip.minimumSizeHint().width() <= 380
    _press(strip.later, qtbot)
    assert strip.isHidden()
    assert len(find_journals([journal_directory()])) == 1


def test_restore_puts_it_back_as_one_step_and_discard_deletes_it(
    viewer, workbench, painted, written, qtbot
):
    strip, state = workbench.restore, painted.data.copy()
    viewer.layers.remove(painted)
    qtbot.waitUntil(lambda: not strip.isHidden())
    assert strip.text.text().startswith("2 corrections of case_017 from today")
    _press(strip.restore, qtbot)
    qtbot.waitUntil(lambda: "liver" in viewer.layers)
    again = viewer.layers["liver"]
    assert history(again) == ["Restored"]
    np.testing.assert_array_equal(again.data, state)
    assert strip.isHidden()
    viewer.layers.remove(again)
    qtbot.waitUntil(lambda: not strip.isHidden())
    _press(strip.discard, qtbot)
    written()
    assert find_journals([journal_directory()]) == []
    assert strip.isHidden()


def test_closing_with_unsaved_labels_asks_and_does_what_is_answered(
    viewer, workbench, painted, stroke, written, qtbot, monkeypatch, tmp_path
):
    asked, answers = [], [Choice.STAY, Choice.SAVE, Choice.SAVE, Choice.DISCARD]

    def ask(names):
        asked.append(names)
        return answers.pop(0)

    monkeypatch.setattr(questions, "ask_closing", ask)
    path = tmp_path / "liver.nii.gz"
    monkeypatch.setattr(questions, "ask_where_to_save", lambda *_, **__: "")
    assert not _close_event(workbench)
    assert not _close_event(workbench)  # no file was named after all
    monkeypatch.setattr(questions, "ask_where_to_save", lambda *_, **__: str(path))
    assert _close_event(workbench)
    np.testing.assert_array_equal(read_labels(path).array[0], painted.data)
    assert _close_event(workbench)  # nothing is unsaved any more: nobody is asked
    stroke(painted, (6, 9, 9))
    assert _close_event(workbench)
    assert asked == [["liver"]] * 4
    written()
    assert find_journals([journal_directory()]) == []


def test_the_main_window_itself_cannot_be_closed_over_unsaved_labels(
    make_napari_viewer, open_workbench, image_values, stroke, qtbot, monkeypatch
):
    viewer = make_napari_viewer(show=True)
    workbench = open_workbench(viewer)
    qtbot.waitUntil(workbench.isVisible)
    window = _window_of(workbench)
    labels = viewer.add_labels(np.zeros(image_values.shape, np.uint8))
    monkeypatch.setattr(questions, "ask_closing", lambda _names: Choice.STAY)
    stroke(labels, (2, 9, 9))
    window.close()
    assert window.isVisible()
    assert labels in viewer.layers


def test_a_program_that_closes_a_viewer_is_not_asked_and_loses_nothing(
    make_napari_viewer, open_workbench, image_values, stroke, monkeypatch, written
):
    viewer = make_napari_viewer()
    open_workbench(viewer)
    labels = viewer.add_labels(np.zeros(image_values.shape, np.uint8))
    stroke(labels, (2, 9, 9))
    monkeypatch.setattr(questions, "ask_closing", pytest.fail)
    viewer.close()
    written()
    assert len(find_journals([journal_directory()])) == 1


def test_two_viewers_do_not_mix(viewer, workbench, painted, make_napari_viewer, open_workbench):
    other = open_workbench(make_napari_viewer())
    assert other.strip.files.text() == "File"
    assert workbench.strip.files.text() == "File ●"
    assert saves_of(other.viewer) is not saves_of(viewer)
    assert keeper_of(painted).is_unsaved
