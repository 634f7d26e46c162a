"""Files dropped on the canvas of a window in which MedSeg is open."""

from __future__ import annotations

import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer

_CANVAS = ("QtViewer", "QtWelcomeWidget")  # napari's; the second lies over an empty canvas


class Drops(QObject):
    """Takes the drops that `readers.drop_opens` claims, and leaves all others to napari.

    napari asks which reader to use as soon as two can open a file, and its own says it can open
    nearly everything. Here a person has MedSeg open, so nothing needs to be asked.

    Parameters
    ----------
    parent : QWidget
        The dock; with it this ends.
    viewer : Viewer
        Where files are opened.
    """

    def __init__(self, parent: QWidget, viewer: Viewer) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)

    def follow(self, window: QWidget | None) -> None:
        """Watch the canvas of `window`; watching it twice is watching it once."""
        for widget in window.findChildren(QWidget) if window is not None else ():
            if type(widget).__name__ in _CANVAS:
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if not isinstance(event, QDropEvent) or event.type() != QEvent.Type.Drop:
            return False
        from napari_medseg.widgets.readers import drop_opens, open_dropped

        mime, viewer = event.mimeData(), self._viewer()
        paths = [Path(url.toLocalFile()) for url in mime.urls()] if mime is not None else []
        asks_napari = bool(QApplication.keyboardModifiers())  # Shift stacks, Alt chooses a reader
        if not paths or viewer is None or asks_napari or not drop_opens(paths):
            return False
        event.acceptProposedAction()
        # the program a file was dragged from waits for the end of the drop, not of the reading
        QTimer.singleShot(0, partial(open_dropped, viewer, paths))
        return True
