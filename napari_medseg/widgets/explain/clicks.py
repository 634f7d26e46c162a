"""The two buttons that take clicks on the image: which voxel is meant, and why it got its label."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_medseg.widgets.explain.layout import Layout
from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.pointing import Pointing

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Clicks(QObject):
    """Takes clicks on the image while one of the buttons is down.

    Emits ``chosen()`` when another voxel is meant, ``asked()`` when a person wants to know why that
    voxel got its label, and ``told(text)``: what a person should read.
    """

    chosen = Signal()
    asked = Signal()
    told = Signal(str)

    def __init__(self, viewer: Viewer, panel: QWidget, parts: Layout, subject: Subject) -> None:
        super().__init__(panel)
        self._subject, self._buttons, self._why = subject, (parts.point, parts.why), parts.why
        self._pointing = Pointing(viewer, panel)
        self._pointing.pointed.connect(self._take)
        self._pointing.left.connect(self.leave)
        for button in self._buttons:
            button.clicked.connect(partial(self._press, button))

    @property
    def on(self) -> bool:
        """Whether clicks on the image are ours now."""
        return self._pointing.on

    def leave(self) -> None:
        """Leave the mouse to napari again."""
        if self.on:
            self._pointing.leave()
            self.told.emit("")
        for button in self._buttons:
            button.setChecked(False)

    def _press(self, button: QPushButton, on: bool) -> None:
        if not on:
            self.leave()
            return
        for other in self._buttons:
            other.setChecked(other is button)
        self._pointing.take()
        self.told.emit("")

    def _take(self, position: tuple[float, ...]) -> None:
        reason = self._subject.point(position)
        if reason:
            self.told.emit(reason)
        elif self._why.isChecked():
            self.asked.emit()
        else:
            self.chosen.emit()
