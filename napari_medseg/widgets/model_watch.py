"""Tells when model files come, go or change on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtpy.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

_SETTLED = 300  # ms without news: a file that is being copied changes many times


class ModelWatch(QObject):
    """Emits ``changed()`` a moment after watched folders or files changed.

    A help, not a promise: network drives tell nothing, so lists are also read anew when shown.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED)
        self._timer.timeout.connect(self.changed)
        self._watcher.directoryChanged.connect(self._note)
        self._watcher.fileChanged.connect(self._note)

    def watch(self, files: Iterable[Path], folder: Path) -> None:
        """Watch these files, their folders and `folder`, and no others."""
        listed = list(files)
        folders = {path.parent for path in listed} | {folder}
        wanted = {str(path) for path in (*listed, *folders) if path.exists()}
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if watched - wanted:
            self._watcher.removePaths(sorted(watched - wanted))
        if wanted - watched:
            self._watcher.addPaths(sorted(wanted - watched))

    def _note(self, _path: str) -> None:
        self._timer.start()
