"""Notifications: a sentence, Details for the rest, and a button where there is something to do."""

from __future__ import annotations

from qtpy.QtWidgets import QDialog, QPlainTextEdit, QWidget

from napari_medseg.widgets.notices import offer, show_failure, warn_once


def _press(notice, parent):
    (verb, act) = notice.actions[0]
    act(parent)
    return verb


def test_a_failure_keeps_its_traceback_behind_details(qtbot, notices):
    parent = QWidget()
    qtbot.addWidget(parent)
    try:
        raise KeyError("boom")
    except KeyError as error:
        show_failure(error)
    assert "Traceback" not in notices[-1].message
    assert notices[-1].source == "MedSeg"
    assert _press(notices[-1], parent) == "Details"
    (dialog,) = parent.findChildren(QDialog)
    assert "KeyError: 'boom'" in dialog.findChild(QPlainTextEdit).toPlainText()
    dialog.reject()


def test_an_offer_does_what_its_button_says(qtbot, notices):
    parent, done = QWidget(), []
    qtbot.addWidget(parent)
    offer("study holds 2 cases.", "Open as worklist", lambda: done.append(1))
    assert not done
    assert _press(notices[-1], parent) == "Open as worklist"
    assert done == [1]


def test_an_offer_that_fails_says_so(qtbot, notices):
    parent = QWidget()
    qtbot.addWidget(parent)

    def fail():
        raise ValueError("the folder is gone; choose another one")

    offer("study holds 2 cases.", "Open", fail)
    _press(notices[-1], parent)
    assert notices[-1].message == "The folder is gone; choose another one"


def test_a_warning_is_said_once(notices):
    for _ in range(2):
        warn_once("a warning only this test knows")
    assert len(notices) == 1
