"""A button that does not widen the dock: words that have no room end in "…"."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QPushButton, QSizePolicy

_BORDER = 16  # pixels that the style keeps free around words


class ShortButton(QPushButton):
    """Says as much of its words as there is room for; its tooltip says all.

    Parameters
    ----------
    words : str
        On the button.
    tip : str
        What it does.
    """

    def __init__(self, words: str, tip: str) -> None:
        super().__init__()
        self.words = words
        self.setAccessibleName(words)
        self.setToolTip(f"{words}\n{tip}")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        room = self.width() - _BORDER
        self.setText(self.fontMetrics().elidedText(self.words, Qt.TextElideMode.ElideRight, room))
