"""The slider that browses maps: one at each notch of the wheel, ten at Page Up and Page Down."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QSlider

_NOTCH = 120  # eighths of a degree, as Qt counts them
_PAGE = 10


class Browser(QSlider):
    """Takes the arrow keys once it was clicked; the wheel goes on downwards, as in a list."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setPageStep(_PAGE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._turned = 0

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is None:
            return
        self._turned += event.angleDelta().y()
        notches = int(self._turned / _NOTCH)
        self._turned -= notches * _NOTCH
        self.setValue(self.value() - notches)
        event.accept()
