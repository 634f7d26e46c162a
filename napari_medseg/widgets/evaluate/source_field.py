"""The choice of labels: a layer of the viewer, a file, or a folder; also by drag and drop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias
from weakref import ref

from napari.layers import Labels
from qtpy.QtCore import QMimeData, Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_medseg.widgets.pieces import narrow_combo

Source: TypeAlias = Labels | Path | None
_NOTHING = "Choose a layer, a file or a folder"
_FEW = 6  # files and folders that stay in the list


class SourceField(QWidget):
    """Offers the label layers of a viewer, and the files and folders that were chosen.

    Emits ``changed()`` when something else is chosen, also when a chosen layer is gone.

    Parameters
    ----------
    what : str
        What is chosen, for titles and tips: "the true labels".
    """

    changed = Signal()

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._layers: list[ref[Labels]] = []
        self._paths: list[Path] = []
        self._chosen: ref[Labels] | Path | None = None
        self.start = ""  # where dialogs begin
        self.combo = narrow_combo("")
        self.file, self.folder = QPushButton("File…"), QPushButton("Folder…")
        self.file.setToolTip(f"Choose a file with {what}; or drop one here")
        self.folder.setToolTip(
            f"Choose a folder with {what} of many cases, which are matched by name; or drop one "
            "here"
        )
        self.setAcceptDrops(True)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.combo, 1)
        line.addWidget(self.file)
        line.addWidget(self.folder)
        self.combo.activated.connect(self._take)
        self.file.clicked.connect(self._ask_file)
        self.folder.clicked.connect(self._ask_folder)
        self._show()

    @property
    def source(self) -> Source:
        """What is chosen."""
        return self._chosen if isinstance(self._chosen, Path | None) else self._chosen()

    def offer(self, layers: Sequence[Labels]) -> None:
        """Offer these layers; what is chosen stays so unless it is a layer that is gone."""
        before = self.source
        self._layers = [ref(layer) for layer in layers]
        gone = isinstance(before, Labels) and before not in layers
        self._chosen = None if gone else self._chosen
        self._show()
        if gone:
            self.changed.emit()

    def choose(self, source: Source) -> None:
        """Choose a layer, a file or a folder, or nothing."""
        before = self.source
        if isinstance(source, Path):
            self._paths = [source, *(path for path in self._paths if path != source)][:_FEW]
        self._chosen = ref(source) if isinstance(source, Labels) else source
        self._show()
        if source != before:
            self.changed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and _dropped(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        path = None if event is None else _dropped(event.mimeData())
        if event is not None and path is not None:
            event.acceptProposedAction()
            self.choose(path)

    def _show(self) -> None:
        """List what is offered."""
        alive = [layer for layer in (one() for one in self._layers) if layer is not None]
        self._entries: list[Source] = [*alive, *self._paths]
        source = self.source
        self.combo.clear()
        if source is None:
            self._entries.insert(0, None)
        for index, entry in enumerate(self._entries):
            self.combo.addItem(_name(entry))
            self.combo.setItemData(index, _tip(entry), Qt.ItemDataRole.ToolTipRole)
        at = next(i for i, entry in enumerate(self._entries) if entry is source)
        self.combo.setCurrentIndex(at)
        self.combo.setToolTip(_tip(source) or f"Choose {self._what}; files can be dropped here")

    def _take(self, index: int) -> None:
        self.choose(self._entries[index])

    def _ask_file(self) -> None:
        title = f"Choose {self._what}"
        path, _ = QFileDialog.getOpenFileName(QApplication.activeWindow(), title, self._start())
        if path:
            self.choose(Path(path))

    def _ask_folder(self) -> None:
        title = f"Choose the folder of {self._what}"
        path = QFileDialog.getExistingDirectory(QApplication.activeWindow(), title, self._start())
        if path:
            self.choose(Path(path))

    def _start(self) -> str:
        return str(self._paths[0].parent) if self._paths else self.start


def _name(source: Source) -> str:
    if source is None:
        return _NOTHING
    if isinstance(source, Path):
        return f"{source.name} ({'folder' if source.is_dir() else 'file'})"
    return source.name


def _tip(source: Source) -> str:
    if source is None:
        return ""
    return str(source) if isinstance(source, Path) else f"The label layer {source.name}"


def _dropped(mime: QMimeData | None) -> Path | None:
    """Return the file or folder that is dropped, if it is one and is there."""
    urls = mime.urls() if mime is not None else []
    path = Path(urls[0].toLocalFile()) if len(urls) == 1 else None
    return path if path is not None and path.exists() else None
