"""Closing the window while labels are not saved: the person is asked first.

napari knows no veto, so this looks at the event that would close its window. A program that closes
a viewer (``viewer.close()``) takes its layers away before, and is not asked; what was not saved is
offered at the next opening then.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_medseg.widgets.case_questions import Choice
from napari_medseg.widgets.case_saving import save_case
from napari_medseg.widgets.keeping import questions
from napari_medseg.widgets.keeping.file_names import where_to_save
from napari_medseg.widgets.keeping.following import keepers_of
from napari_medseg.widgets.keeping.saving import known_file, save_now, saves_of
from napari_medseg.widgets.keeping.waiting import wait_for
from napari_medseg.widgets.opened_cases import case_labels, unsaved

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Closing(QObject):
    """Asks before a window with unsaved labels is closed.

    Parameters
    ----------
    parent : QWidget
        The dock; with it this ends.
    viewer : Viewer
        Whose labels they are.
    """

    def __init__(self, parent: QWidget, viewer: Viewer) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)

    def follow(self, widget: QWidget | None) -> None:
        """Watch the main window that `widget` is in; watching it twice is watching it once."""
        while widget is not None and not isinstance(widget, QMainWindow):
            widget = widget.parentWidget()
        if widget is not None:
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        viewer = self._viewer()
        if event is None or event.type() != QEvent.Type.Close or viewer is None:
            return False
        if may_close(viewer):
            return False
        event.ignore()
        return True


def unsaved_labels(viewer: Viewer) -> list[Labels]:
    """Return the labels that hold more than is on disk: those of a case, and those kept."""
    kept = [keeper.layer for keeper in keepers_of(viewer) if keeper.is_unsaved]
    return [*dict.fromkeys([*unsaved(viewer), *kept])]


def may_close(viewer: Viewer) -> bool:
    """Ask what becomes of unsaved labels, and save them if that is the answer.

    Returns
    -------
    bool
        Whether the window may be closed.
    """
    while saves_of(viewer).running:
        wait_for(_moment)
    layers = unsaved_labels(viewer) if len(viewer.layers) else []
    if not layers:
        return True
    choice = questions.ask_closing([layer.name for layer in layers])
    if choice is Choice.SAVE:
        return all(_save(viewer, layer) for layer in layers)
    if choice is Choice.DISCARD:
        for keeper in keepers_of(viewer):
            keeper.forget()
    return choice is Choice.DISCARD


def _save(viewer: Viewer, layer: Labels) -> bool:
    if layer in case_labels(viewer):
        return save_case(viewer, layer)
    path, known = known_file(layer)
    if path:
        return save_now(viewer, layer, path, known)
    path = where_to_save(viewer, layer)
    return bool(path) and save_now(viewer, layer, path, None)


def _moment() -> None:
    """Let what is being written go on."""
