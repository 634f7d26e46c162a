"""A strip that asks something without stopping anybody: words, and a button for each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from napari_medseg.widgets.pieces import wrapped_label
from napari_medseg.widgets.theme import colour, follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Strip(QFrame):
    """Words and answers above the panels; it takes no focus and covers nothing.

    Parameters
    ----------
    viewer : Viewer
        Whose theme it follows.
    name : str
        Of the widget, for its style.
    """

    def __init__(self, viewer: Viewer, name: str) -> None:
        super().__init__()
        self._viewer = viewer
        self.setObjectName(name)
        self.text = wrapped_label()
        self.buttons = QHBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.setSpacing(2)
        layout.addWidget(self.text)
        layout.addLayout(self.buttons)
        follow_theme(viewer, self, self._paint)

    def add_button(self, text: str, tip: str, act: Callable[[], Any]) -> QPushButton:
        """Add an answer, and return its button."""

        def press(_checked: bool) -> None:
            act()

        button = QPushButton(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(press)
        self.buttons.addWidget(button)
        return button

    def _paint(self) -> None:
        edge = colour(self._viewer, "warning").name()
        self.setStyleSheet(f"#{self.objectName()} {{ border-left: 4px solid {edge}; }}")
