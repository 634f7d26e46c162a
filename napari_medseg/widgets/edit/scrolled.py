"""The upper part of a panel, which scrolls, so that its button is always seen."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

_LEAST = 160  # pixels


class Scrolled(QScrollArea):
    """Widgets below each other that take what room there is, and scroll up and down in it."""

    def __init__(self, parts: Sequence[QWidget]) -> None:
        super().__init__()
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(4, 4, 4, 0)
        layout.setSpacing(4)
        for part in parts:
            layout.addWidget(part)
        layout.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), _LEAST)  # else it asks for all it could show
