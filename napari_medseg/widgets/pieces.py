"""Small pieces several panels use: labels that never widen the dock, and a part that folds."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPainter, QPaintEvent
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
    """One line that ends in "…" where there is no room, with the whole text as tooltip.

    It paints the line itself. Setting the text of a label makes Qt lay out the whole window again,
    which the run bar would do many times a second, at the cost of what it reports on.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.say(text)

    def say(self, text: str, tip: str = "") -> None:
        """Show `text`; `tip` is the tooltip, else the text itself."""
        self.setToolTip(tip or text)
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text)
            self.update()

    def whole(self) -> str:
        """Return the text without the ellipsis."""
        return self._whole

    def shown(self) -> str:
        """Return what there is room for."""
        room = self.contentsRect().width() - _PADDING
        return self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)  # the background of the style; there is no text of its own
        room = self.contentsRect().adjusted(_PADDING // 2, 0, -_PADDING // 2, 0)
        painter = QPainter(self)
        flags = int(self.alignment()) | int(Qt.TextFlag.TextSingleLine)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, flags, self.shown())

    def sizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height() + _PADDING // 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


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


def give_room(label: QLabel, lines: int) -> None:
    """Keep room for so many lines, so that nothing below moves when the text changes."""
    label.setMinimumHeight(label.fontMetrics().lineSpacing() * lines + 4)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)


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


def enable(control: QWidget, why_not: str, tip: str) -> None:
    """Let a control be used unless there is a reason why not, which is then its tooltip."""
    control.setEnabled(not why_not)
    control.setToolTip(why_not or tip)
