"""The list of models with its search, and what is said when nothing is found."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QPoint, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.widgets.model_import import ImportButton
from napari_medseg.widgets.model_list import ModelList
from napari_medseg.widgets.model_rows import ModelRow, Section
from napari_medseg.widgets.pieces import wrapped_label


class ModelShelf(QWidget):
    """Search field, *Open…* and the list.

    Emits ``picked(ModelRow)`` when a person marks a row, ``menu_asked(QPoint)`` for its menu, and
    ``dropped(list of Path)`` for files dropped onto the list.
    """

    picked = Signal(object)
    menu_asked = Signal(object)
    dropped = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search models")
        self.search.setToolTip(
            "Show only models with these words, in any order: organ, modality, 2D, name, data"
        )
        self.search.setClearButtonEnabled(True)
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip(f"Open a model file (*{SUFFIX}) made by MedSeg")
        self.import_button = ImportButton()
        self.list = ModelList()
        self.nothing = wrapped_label()
        self.clear_button = QPushButton("Clear the search")
        self.clear_button.setToolTip("Shows all models again")
        self._stack = QStackedWidget()
        self._lay_out()
        self.search.textChanged.connect(self.filter)
        self.clear_button.clicked.connect(self.search.clear)
        self.list.currentItemChanged.connect(self._pick)
        self.list.itemClicked.connect(self._pick)
        self.list.customContextMenuRequested.connect(self._ask_menu)
        self.list.dropped.connect(self.dropped)

    def show_sections(self, sections: list[Section], marked: Path | None) -> None:
        """Show these rows and mark that of the file `marked`."""
        self.list.show_sections(sections)
        self.list.mark(marked)
        self._stack.setFixedHeight(self.list.height_wanted())
        self.filter()

    def filter(self) -> None:
        """Show only the rows that have the words of the search field."""
        asked = self.search.text()
        any_left = self.list.search(asked)
        self.nothing.setText(f"No model has the words “{asked.strip()}”.")
        self._stack.setCurrentIndex(0 if any_left else 1)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.search)
        top.setSpacing(4)
        for button in (self.open_button, self.import_button):
            button.setMinimumWidth(64)
            top.addWidget(button)
        empty = QWidget()
        lines = QVBoxLayout(empty)
        lines.addWidget(self.nothing)
        lines.addWidget(self.clear_button)
        lines.addStretch(1)
        self._stack.addWidget(self.list)
        self._stack.addWidget(empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._stack)

    def _pick(self, *_: object) -> None:
        row: ModelRow | None = self.list.current
        if row is not None:
            self.picked.emit(row)

    def _ask_menu(self, at: QPoint) -> None:
        viewport = self.list.viewport()
        if self.list.current is not None and viewport is not None:
            self.menu_asked.emit(viewport.mapToGlobal(at))
