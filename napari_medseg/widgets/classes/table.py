"""The class table: eye, lock, colour, name, voxels and volume of the classes one works on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QModelIndex, QPoint, QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QHBoxLayout, QMenu, QMessageBox, QPushButton, QVBoxLayout

from napari_medseg.widgets.active_labels import FollowsLabels
from napari_medseg.widgets.classes.class_list import (
    add_class,
    adopt_new_values,
    begin_classes,
    classes_of,
    recolour_class,
    remove_class,
)
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.classes.menu import Entry, class_menu
from napari_medseg.widgets.classes.places import go_to_class
from napari_medseg.widgets.classes.rows import ClassRows, Column
from napari_medseg.widgets.classes.stored import class_signals
from napari_medseg.widgets.classes.view import ClassView
from napari_medseg.widgets.classes.words import protected_words
from napari_medseg.widgets.layers import why_not_editable
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import ElidedLabel
from napari_medseg.widgets.sessions import Connectable
from napari_medseg.widgets.theme import colour, follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NOTHING = "No labels yet. Run a model, or make new labels, to see classes here."
_YES = QMessageBox.StandardButton.Yes
_COUNT_EVERY = 150  # ms, while somebody paints


class ClassTable(FollowsLabels):
    """The classes of the Labels layer one works on.

    The row that is chosen is the layer's selected label, both ways. Numbers follow the brush.

    Parameters
    ----------
    viewer : Viewer
        Whose active Labels layer is shown.
    """

    selected_changed = Signal(int)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.rows = ClassRows(self)
        self.view = ClassView(self.rows)
        self.hint = ElidedLabel()
        self.add = QPushButton("+  Add")
        self.add.clicked.connect(self._add)
        line = QHBoxLayout()
        line.addWidget(self.add)
        line.addWidget(self.hint, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.view)
        layout.addLayout(line)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_EVERY)
        self._timer.timeout.connect(self._count)
        self.view.clicked.connect(self.rows.switch)
        self.view.doubleClicked.connect(self._open)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.view.chosen.currentChanged.connect(self._choose)
        follow_theme(self.viewer, self, self._take_theme)
        self.look_for_layer()

    @property
    def selected(self) -> int:
        """The value one paints with; 0 for the background, or without a layer."""
        return 0 if self.layer is None else int(self.layer.selected_label)

    def show_layer(self, layer: Labels | None) -> None:
        """Show the classes of another layer."""
        if layer is not None:
            begin_classes(layer)
        self.rows.set_layer(layer)
        reason = _NOTHING if layer is None else why_not_editable(layer)
        self.add.setEnabled(not reason)
        self.add.setToolTip(reason or "Add a class in a colour of its own and paint with it")
        self.view.say(reason or "No class yet. Add one, or paint.")
        self.hint.say(reason if layer is not None else "")
        self._show_selected()

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        """Return what calls which method while the layer is shown."""
        signals = class_signals(layer)
        return [
            (signals.changed, self._read),
            (signals.counted, self._count_soon),
            (signals.protected, self._say_what_stayed),
            (layer.events.selected_label, self._show_selected),
            (layer.events.scale, self._read),
            (layer.events.units, self._read),
        ]

    def menu_of(self, row: int) -> QMenu:
        """Return the menu a right click on a row opens."""
        assert self.layer is not None
        value = self.rows.classes[row].value
        nowhere = "" if self.rows.counts.get(value) else "it has no voxels"
        own = [
            Entry("Rename", partial(self.view.edit, self.rows.index(row, Column.NAME))),
            Entry("Colour…", partial(self._recolour, value)),
            Entry("Go to its largest part", partial(self._go, value), nowhere),
        ]
        return class_menu(self, self.layer, value, own, partial(self._remove, value))

    def _read(self, _event: object = None) -> None:
        self.rows.read()
        self._show_selected()

    def _count_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _count(self) -> None:
        if self.layer is not None:
            adopt_new_values(self.layer)
            self.rows.read_counts()

    def _show_selected(self, _event: object = None) -> None:
        self.view.choose(self.rows.row_of(self.selected))
        self.selected_changed.emit(self.selected)

    def _choose(self, index: QModelIndex, _before: QModelIndex) -> None:
        if self.layer is not None and index.isValid():
            self.layer.selected_label = self.rows.classes[index.row()].value

    def _add(self) -> None:
        if self.layer is None:
            return
        try:
            add_class(self.layer)
        except ValueError as error:
            show_failure(error)

    def _open(self, index: QModelIndex) -> None:
        """Do what a double click does; on a name the view edits it."""
        value = self.rows.classes[index.row()].value
        if index.column() == Column.COLOUR:
            self._recolour(value)
        elif index.column() in (Column.VOXELS, Column.SIZE):
            self._go(value)

    def _go(self, value: int) -> None:
        if self.layer is not None and not go_to_class(self.viewer, self.layer, value):
            self.hint.say("This class has no voxels yet")

    def _recolour(self, value: int) -> None:
        layer, own = self.layer, self.rows.classes[self.rows.row_of(value)]
        chosen = QColorDialog.getColor(QColor(own.colour), self, f"Colour of {own.name}")
        if layer is not None and chosen.isValid():
            recolour_class(layer, value, chosen.name())

    def _remove(self, value: int) -> None:
        layer = self.layer
        if layer is None:
            return
        own = self.rows.classes[self.rows.row_of(value)]
        voxels = voxel_counts(layer).get(value, 0)
        question = (
            f"Remove '{own.name}'? Its {voxels:,} voxels become background. "
            "Undo (Ctrl+Z) brings them back."
        )
        if voxels and QMessageBox.question(self, "Remove class", question) != _YES:
            return
        try:
            remove_class(layer, value)
        except ValueError as error:
            show_failure(error)

    def _show_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if index.isValid() and self.layer is not None:
            viewport = self.view.viewport()
            assert viewport is not None
            self.menu_of(index.row()).exec(viewport.mapToGlobal(place))

    def _say_what_stayed(self, values: frozenset[int], voxels: int) -> None:
        if self.layer is not None:
            words = protected_words(classes_of(self.layer), values, voxels)
            self.hint.say(words)
            self.viewer.status = words

    def _take_theme(self, _event: object = None) -> None:
        self.rows.set_ink(colour(self.viewer, "text"))
        self.view.set_ink(colour(self.viewer, "text"))
