"""The history of the labels one works on: named steps, done and undone; a click goes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QVBoxLayout

from napari_medseg.widgets.active_labels import FollowsLabels
from napari_medseg.widgets.layers import (
    go_to_step,
    history_bytes,
    history_limit,
    is_being_painted,
    stepped,
    steps,
    undone_steps,
)
from napari_medseg.widgets.pieces import ElidedLabel
from napari_medseg.widgets.sessions import Connectable
from napari_medseg.widgets.theme import colour, follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer

_BEGINNING = "As it was"
_MEBIBYTE = 1 << 20


class HistoryList(FollowsLabels):
    """The steps of the Labels layer one works on, the oldest first, and the memory they take.

    The chosen row is where one is; those below it were undone.

    Parameters
    ----------
    viewer : Viewer
        Whose active Labels layer is shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setToolTip("Click a step to undo or redo until there (Ctrl+Z, Ctrl+Shift+Z)")
        self.list.setFixedHeight(150)
        self.memory = ElidedLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.list)
        layout.addWidget(self.memory)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.read)
        self.list.itemClicked.connect(self._go)
        self.list.itemActivated.connect(self._go)
        follow_theme(self.viewer, self, self.read)
        self.look_for_layer()

    def show_layer(self, layer: Labels | None) -> None:
        """Show the steps of another layer."""
        self.read()

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        """Return what calls which method while the layer is shown."""
        return [(stepped(layer), self._read_soon)]

    def read(self, _event: object = None) -> None:
        """Show the steps as they are now."""
        layer = self.layer
        done = [] if layer is None else steps(layer)
        undone = [] if layer is None else undone_steps(layer)
        self.list.clear()
        if layer is None:
            self.memory.say("No labels yet, so there is nothing to undo")
            return
        pale = colour(self.viewer, "text")
        pale.setAlphaF(0.45)
        for place, words in enumerate([_BEGINNING, *(s.name for s in (*done, *undone))]):
            item = QListWidgetItem(words)
            item.setToolTip(words)
            if place > len(done):
                item.setForeground(pale)
            self.list.addItem(item)
        self.list.setCurrentRow(len(done))
        self.memory.say(
            f"{memory_words(history_bytes(layer), history_limit())} used for undo",
            "The oldest steps are forgotten beyond that; File > Preferences > MedSeg changes it",
        )

    def _read_soon(self) -> None:
        self._timer.start()  # what comes at once is read once

    def _go(self, item: QListWidgetItem) -> None:
        layer = self.layer
        if layer is not None and not is_being_painted(layer):
            go_to_step(layer, self.list.row(item))


def memory_words(used: int, most: int) -> str:
    """Return how much of the memory is used, for people: "12 of 512 MB"."""
    mebibytes = used / _MEBIBYTE
    shown = f"{mebibytes:.0f}" if mebibytes >= 10 or not used else f"{max(mebibytes, 0.1):.1f}"
    return f"{shown} of {most // _MEBIBYTE} MB"
