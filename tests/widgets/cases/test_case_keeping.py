"""Labels of a case when the window closes, and what is kept of them beside their file."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_medseg.io import read_labels
from napari_medseg.journal import find_journals
from napari_medseg.widgets.case_layers import open_case
from napari_medseg.widgets.case_questions import Choice, UnsavedAnswer
from napari_medseg.widgets.case_saving import save_case
from napari_medseg.widgets.keeping import following as keeping
from napari_medseg.widgets.keeping import questions as keeping_questions
from napari_medseg.widgets.keeping import waiting
from napari_medseg.widgets.keeping.closing import may_close
from napari_medseg.widgets.keeping.scribe import scribe
from napari_medseg.widgets.placement import same_grid


def test_closing_the_window_asks_about_the_labels_of_the_case_and_saves_them(
    viewer, worklist, folder, monkeypatch
):
    keeping.follow(viewer)
    (image,) = open_case(viewer, "a")
    labels = viewer.add_labels(np.zeros(image.data.shape, np.uint8), **same_grid(image))
    assert may_close(viewer)  # nothing is in it yet
    with labels.block_history():
        labels.paint((1, 3, 2), 2, refresh=False)
    answers = [Choice.STAY, Choice.SAVE]
    monkeypatch.setattr(keeping_questions, "ask_closing", lambda _names: answers.pop(0))
    assert not may_close(viewer)
    assert may_close(viewer)
    np.testing.assert_array_equal(read_labels(worklist.saved_labels("a")).array[0], labels.data)
    assert may_close(viewer)  # and asks no more
    assert answers == []


@pytest.mark.parametrize("choice", [Choice.SAVE, Choice.DISCARD])
def test_what_was_saved_or_discarded_with_its_case_is_not_offered_later(
    viewer, worklist, folder, asked, qtbot, choice
):
    keeping.follow(viewer)
    (image,) = open_case(viewer, "a")
    labels = viewer.add_labels(np.zeros(image.data.shape, np.uint8), **same_grid(image))
    with labels.block_history():
        labels.paint((1, 3, 2), 2, refresh=False)
    assert scribe().wait(scribe().submit(lambda: None), 60)
    assert len(find_journals([folder])) == 1
    asked(UnsavedAnswer(choice))
    open_case(viewer, "b")
    assert scribe().wait(scribe().submit(lambda: None), 60)
    assert find_journals([folder]) == []


def test_large_labels_are_written_in_a_thread_while_the_window_goes_on_drawing(
    viewer, worklist, qtbot, monkeypatch
):
    monkeypatch.setattr(waiting, "_AT_ONCE", 0)
    (image,) = open_case(viewer, "a")
    labels = viewer.add_labels(np.ones(image.data.shape, np.uint8), **same_grid(image))
    beats = []
    QTimer.singleShot(0, lambda: beats.append("drawn"))
    assert save_case(viewer, labels)
    assert beats == ["drawn"]
    assert (read_labels(worklist.saved_labels("a")).array == 1).all()
