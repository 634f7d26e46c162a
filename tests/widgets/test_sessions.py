"""What the panels of one viewer share, and connections that end with a panel."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QWidget

from napari_medseg.session import Session
from napari_medseg.widgets import sessions
from napari_medseg.widgets.sessions import (
    connect_while_alive,
    runner_of,
    session_of,
    when_gone,
)


class Listener(QWidget):
    def __init__(self):
        super().__init__()
        self.heard = 0

    def hear(self, *_):
        self.heard += 1


def _destroy(widget):
    deletion = QEvent.Type.DeferredDelete
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, getattr(deletion, "value", deletion))


def _session_signal():
    session = Session()
    return session, session.events.device, lambda: setattr(session, "device", session.device + "!")


def _napari_signal():
    viewer = ViewerModel()
    return viewer, viewer.layers.events.inserted, lambda: viewer.add_image(np.zeros((2, 2)))


@pytest.mark.parametrize("make", [_session_signal, _napari_signal])
def test_a_connection_ends_with_the_qt_half_of_its_widget(qapp, make):
    owner, signal, emit = make()
    listener = Listener()
    connect_while_alive(listener, signal, listener.hear)
    emit()
    assert listener.heard
    _destroy(listener)
    heard = listener.heard
    emit()
    assert listener.heard == heard
    assert owner is not None  # lives to the end of the test


@pytest.mark.parametrize("make", [_session_signal, _napari_signal])
def test_a_connection_keeps_nothing_alive(qapp, make):
    owner, signal, emit = make()
    listener = Listener()
    connect_while_alive(listener, signal, listener.hear)
    gone = weakref.ref(listener)
    del listener
    gc.collect()
    assert gone() is None
    emit()
    assert owner is not None


def test_every_viewer_has_its_own_session_and_runner_as_long_as_it_lives(qapp):
    one, two = ViewerModel(), ViewerModel()
    assert session_of(one) is session_of(one)
    assert session_of(one) is not session_of(two)
    assert runner_of(one) is not runner_of(two)
    session, viewer = weakref.ref(session_of(one)), weakref.ref(one)
    del one
    gc.collect()
    assert viewer() is None
    assert session() is None


def test_the_end_of_a_widget_is_told_once_and_also_to_functions_nobody_holds(qapp):
    told = []
    widget = QWidget()
    when_gone(widget, partial(told.append, "gone"))
    gc.collect()
    _destroy(widget)
    assert told == ["gone"]


def test_nothing_else_listens_to_the_end_of_a_widget():
    """What only Qt holds may have been cleared by the collector when the signal comes: a crash."""
    folder = Path(sessions.__file__).parent
    listening = {p.name for p in folder.glob("*.py") if "destroyed.connect" in p.read_text()}
    assert listening == {"sessions.py"}
