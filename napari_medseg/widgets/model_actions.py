"""What one can do with the file of a model: keep it, remove it, show it, export it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QFile, QPoint, QUrl, Signal
from qtpy.QtGui import QAction, QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QMessageBox, QPushButton, QWidget

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.engine.model_files import (
    card_beside,
    delete_model,
    export_model,
    keep_model,
    write_card,
)
from napari_medseg.widgets.background import Task, forget, quit_all
from napari_medseg.widgets.model_rows import OPENED, ModelRow
from napari_medseg.widgets.model_words import tip_page
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.sessions import when_gone

KEEP_TIP = "Copies the file into your models folder, so that it is listed next time, too"
_WITHOUT_CHOICE = "Choose a model in the list first"


class ModelActions(QWidget):
    """Buttons for the marked row of the list.

    Emits ``kept(opened, copy)`` with both paths, ``taken_off(Path)`` for an opened file that is to
    leave the list, ``removed(Path)`` for one that was deleted, and ``files_changed()`` when the
    folders should be read anew.
    """

    kept = Signal(object, object)
    removed = Signal(object)
    taken_off = Signal(object)
    files_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._row: ModelRow | None = None
        self._tasks: list[Task] = []
        self.keep = QPushButton("Keep")
        self.remove = QPushButton("Remove")
        self.reveal = QPushButton("Show file")
        self.export = QPushButton("Export")
        self.export_menu = QMenu(self.export)
        for words, method in (
            ("Model file…", self._export_file),
            ("Model file and its card as text…", self._export_with_card),
            ("Card only…", self._export_card),
        ):
            self.export_menu.addAction(words, method)
        self.export.setMenu(self.export_menu)
        self.keep.clicked.connect(self._keep)
        self.remove.clicked.connect(self._remove)
        self.reveal.clicked.connect(self._reveal)
        when_gone(self, partial(quit_all, self._tasks))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for button in (self.keep, self.remove, self.reveal, self.export):
            button.setMinimumWidth(64)  # four of them fit the dock, whatever the style's own idea
            layout.addWidget(button)
        self.show_row(None)

    def show_row(self, row: ModelRow | None) -> None:
        """Work on this row from now on."""
        self._row = row
        why = why_not(row)
        tips = {
            self.keep: KEEP_TIP,
            self.remove: _remove_tip(row),
            self.reveal: "Shows the file in your file browser",
            self.export: "Copies the model to a place of your choice",
        }
        for name, button in self._buttons().items():
            button.setEnabled(not why[name])
            button.setToolTip(tip_page(why[name] or tips[button]))

    def open_menu(self, at: QPoint) -> QMenu:
        """Return the context menu of the row, shown at a place on the screen."""
        menu = QMenu(self)
        for button, words in (
            (self.keep, "Keep in my models"),
            (self.reveal, "Show file"),
            (self.remove, "Remove"),
        ):
            action = QAction(words, menu)
            action.triggered.connect(button.click)
            action.setEnabled(button.isEnabled())
            menu.addAction(action)
        copy = QAction("Copy path", menu)
        copy.triggered.connect(self._copy_path)
        menu.addAction(copy)
        if self.export.isEnabled():
            self.export_menu.setTitle("Export")
            menu.addMenu(self.export_menu)
        menu.popup(at)
        return menu

    def _buttons(self) -> dict[str, QPushButton]:
        names = ("keep", "remove", "reveal", "export")
        return {name: getattr(self, name) for name in names}

    def _keep(self) -> None:
        if self._row is not None:
            path = self._row.path
            self._start(partial(keep_model, path), partial(self._kept, path))

    def _kept(self, opened: Path, copy: Path) -> None:
        show_info(f"{copy.name} is now one of your models, in {copy.parent}")
        self.kept.emit(opened, copy)

    def _remove(self) -> None:
        row = self._row
        if row is None:
            return
        if row.origin == OPENED:
            self.taken_off.emit(row.path)
        elif self._asked("Remove a model", f"Move {row.path.name} to the trash?"):
            try:
                self._throw_away(row.path)
            except (ValueError, OSError) as error:
                show_failure(error)
            if not row.path.exists():
                self.removed.emit(row.path)

    def _throw_away(self, path: Path) -> None:
        if not path.exists() or QFile(str(path)).moveToTrash():
            return
        question = f"There is no trash for this folder. Delete {path.name} for good?"
        if self._asked("Remove a model", question):
            delete_model(path)

    def _reveal(self) -> None:
        if self._row is None:
            return
        folder = self._row.path.parent
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._copy_path()
            show_info(f"No file browser was found; the path is in the clipboard: {self._row.path}")

    def _copy_path(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if self._row is not None and clipboard is not None:
            clipboard.setText(str(self._row.path))

    def _export_file(self) -> None:
        self._export(with_card=False)

    def _export_with_card(self) -> None:
        self._export(with_card=True)

    def _export(self, *, with_card: bool) -> None:
        row = self._row
        if row is None:
            return
        target = self._ask_where("Export the model", row.path.name, f"MedSeg models (*{SUFFIX})")
        if target is None:
            return
        beside = card_beside(target)
        if with_card and beside.exists() and not self._may_replace(beside):
            return
        work = partial(export_model, row.path, target, with_card=with_card)
        self._start(work, self._exported)

    def _export_card(self) -> None:
        row = self._row
        if row is None or row.card is None:
            return
        kinds = "Text for people (*.md);;JSON for programs (*.json)"
        target = self._ask_where("Export the card", f"{row.name}.md", kinds)
        if target is not None:
            try:
                self._exported([write_card(row.card, target)])
            except (ValueError, OSError) as error:
                show_failure(error)

    def _exported(self, written: list[Path]) -> None:
        names = " and ".join(path.name for path in written)
        show_info(f"{names} written to {written[0].parent}")
        self.files_changed.emit()

    def _ask_where(self, title: str, name: str, kinds: str) -> Path | None:
        """Ask for a file; what the dialog did not ask about (a suffix we add) is asked here."""
        chosen, kind = QFileDialog.getSaveFileName(self, title, name, kinds)
        if not chosen:
            return None
        target = Path(chosen)
        suffixes = [part.split(")")[0] for part in (kind or kinds).split("*")[1:]]
        if target.suffix not in suffixes:
            target = target.with_name(target.name + suffixes[0])
            if target.exists() and not self._may_replace(target):
                return None
        return target

    def _may_replace(self, path: Path) -> bool:
        return self._asked("Replace a file", f"{path.name} is there already. Replace it?")

    def _asked(self, title: str, question: str) -> bool:
        return bool(QMessageBox.question(self, title, question) == QMessageBox.StandardButton.Yes)

    def _start(self, work: Callable[..., Any], then: Callable[[Any], None]) -> None:
        task = Task(work)
        task.returned.connect(then)
        self._tasks.append(task)
        task.finished.connect(partial(forget, self._tasks, task))
        task.start()


def why_not(row: ModelRow | None) -> dict[str, str]:
    """Return for each action why it cannot be done with a row; nothing if it can."""
    if row is None:
        return dict.fromkeys(("keep", "remove", "reveal", "export"), _WITHOUT_CHOICE)
    absent = "" if row.path.exists() else f"{row.path.name} is not on this machine"
    unusable = "" if row.card is not None else f"This file cannot be used: {row.reason}"
    listed = "" if row.origin == OPENED else "It is listed in every session already"
    bundled = "This model comes with MedSeg and stays; hide it by searching for others"
    fixed = {"bundled": bundled, "download": "It is not on this machine yet"}
    return {
        "keep": listed or absent or unusable,
        "remove": fixed.get(row.origin, ""),
        "reveal": absent,
        "export": absent or unusable,
    }


def _remove_tip(row: ModelRow | None) -> str:
    if row is not None and row.origin == OPENED:
        return "Takes the file off this list; the file itself stays where it is"
    return "Moves the file to the trash, after asking"
