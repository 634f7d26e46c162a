"""The button that makes a model of ours from weights published with a paper."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_medseg.engine.model_files import free_own_path
from napari_medseg.progress import Report
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.settings import preferences

if TYPE_CHECKING:
    from napari_medseg.engine.import_checkpoint import ImportReport

_KINDS = "Published weights (*.pth *.pt *.ckpt *.bin *.safetensors)"


class ImportButton(QPushButton):
    """Asks for a file and imports it in a thread; emits ``imported(Path)`` with the new model."""

    imported = Signal(object)

    def __init__(self) -> None:
        super().__init__("Import…")
        self._task: Task | None = None
        self.clicked.connect(self._ask)
        self._rest()

    def _ask(self) -> None:
        start = preferences().data_directory
        path, _ = QFileDialog.getOpenFileName(self, "Import published weights", start, _KINDS)
        if path:
            self._start(Path(path))

    def _start(self, path: Path) -> None:
        self.setEnabled(False)
        self.setToolTip(f"{path.name} is being imported")
        self._task = task = Task(partial(_import, path))
        task.returned.connect(self._done)
        task.finished.connect(self._rest)
        task.start()

    def _done(self, report: ImportReport) -> None:
        notes = " ".join(f"{note[0].upper()}{note[1:]}." for note in report.notes)
        show_info(f"{report.source.name} is now a model of yours: {report.build}. {notes}")
        self.imported.emit(report.checkpoint)

    def _rest(self) -> None:
        self.setEnabled(True)
        self.setToolTip(
            "Import published… makes a model of yours from weights published with the papers of "
            "LGMSNet or MSA²Net (*.pth); nothing in the file is run"
        )


def _import(path: Path, report: Report) -> ImportReport:
    from napari_medseg.engine.import_checkpoint import import_checkpoint

    return import_checkpoint(path, out=free_own_path(path.stem))
