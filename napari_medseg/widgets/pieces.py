"""Small pieces several panels use: labels that never widen the dock, and a part that folds."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

_PADDING = 8  # what napari's style leaves free around a label's text


class ElidedLabel(QLabel):
    """One line that ends in "…" where there is no room, with the whole text as tooltip."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.say(text)

    def say(self, text: str, tip: str = "") -> None:
        """Show `text`; `tip` is the tooltip, else the text itself."""
        self._whole = text
        self.setToolTip(tip or text)
        self._elide()

    def whole(self) -> str:
        """Return the text without the ellipsis."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._elide()

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def _elide(self) -> None:
        room = self.contentsRect().width() - _PADDING
        mode = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(self._whole, mode, room))


class Fold(QWidget):
    """A part of a panel behind a line one clicks to open it."""

    def __init__(self, title: str, content: QWidget, tip: str = "") -> None:
        super().__init__()
        self.content = content
        self.header = QToolButton()
        self.header.setText(title)
        self.header.setToolTip(tip)
        self.header.setCheckable(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setArrowType(Qt.ArrowType.RightArrow)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.toggled.connect(self._fold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.header)
        layout.addWidget(content)
        content.setVisible(False)

    def _fold(self, opened: bool) -> None:
        self.header.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)


def wrapped_label(text: str = "", *, rich: bool = False) -> QLabel:
    """Return a label that breaks its lines instead of widening the dock."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText if rich else Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def main_button(verb: str) -> QPushButton:
    """Return the one main button of a panel."""
    button = QPushButton(verb)
    button.setMinimumHeight(34)
    font = button.font()
    font.setBold(True)
    button.setFont(font)
    return button


def narrow_combo(tip: str) -> QComboBox:
    """Return a choice that does not become as wide as its longest entry."""
    combo = QComboBox()
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    return combo
