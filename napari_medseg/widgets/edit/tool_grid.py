"""The tools in five groups: a row of tabs, and the tools of the chosen group in two columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.editing.tool import Tool
from napari_medseg.widgets import keys

GROUPS = {
    "clean": ("Clean\nup", "Islands, holes and pieces that do not belong there"),
    "grow": ("Grow &&\nsmooth", "Make a class larger, smaller or smoother, in mm"),
    "slices": ("Between\nslices", "Fill in slices you did not paint, or copy to the next one"),
    "intensity": ("By\nintensity", "Find a class by its grey values"),
    "split": ("Split &&\nmerge", "Take objects apart, join classes, give them other numbers"),
}
_TAB, _ROW, _GAP = 38, 25, 2  # pixels
_LEFT = "text-align: left; padding-left: 3px; padding-right: 1px;"
_LEAST = 3  # rows kept free, so that little moves when another group is opened


class ToolGrid(QWidget):
    """A button for each tool; those that cannot be used are grey and say why.

    Emits ``chosen(name)`` when a person presses a button; the name is empty where that was the
    pressed one, which leaves the tool.
    """

    chosen = Signal(str)

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        super().__init__()
        self._tools = tools
        self.buttons: dict[str, QPushButton] = {}
        self.groups: dict[str, QPushButton] = {}
        self._pages = QStackedWidget()
        self._one = QButtonGroup(self)
        tabs = QHBoxLayout()
        tabs.setSpacing(_GAP)
        for group, (title, tip) in GROUPS.items():
            button = self.groups[group] = _button(title, tip, _TAB)
            self._one.addButton(button)
            button.clicked.connect(partial(self.open, group))
            tabs.addWidget(button)
            self._pages.addWidget(self._page(group))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(tabs)
        layout.addWidget(self._pages)
        self.open("clean")

    def open(self, group: str, *_: object) -> None:
        """Show the tools of a group."""
        self.groups[group].setChecked(True)
        self._pages.setCurrentIndex(list(GROUPS).index(group))
        count = sum(tool.group == group for tool in self._tools.values())
        self._pages.setFixedHeight(max(-(-count // 2), _LEAST) * (_ROW + _GAP))

    def show_chosen(self, name: str) -> None:
        """Show the button of a tool as pressed; none with an empty name."""
        if name and not self.buttons[name].isChecked():
            self.open(self._tools[name].group)
        for other, button in self.buttons.items():
            button.setChecked(other == name)

    def show_reasons(self, reasons: Mapping[str, str]) -> None:
        """Grey out the tools that have a reason not to be used, and say it."""
        for name, button in self.buttons.items():
            reason = reasons.get(name, "")
            button.setEnabled(not reason)
            button.setToolTip(reason or self._tools[name].tip)

    def print_keys(self) -> None:
        """Print the keys on the buttons, as the settings say now."""
        for name, button in self.buttons.items():
            button.setText(self._words(name))

    def _words(self, name: str) -> str:
        """Return title and key; one space between, for the longest just fit."""
        return keys.with_key(self._tools[name].title, name).replace("  [", " [")

    def _page(self, group: str) -> QWidget:
        page = QWidget()
        cells = QGridLayout(page)
        cells.setContentsMargins(0, 0, 0, 0)
        cells.setSpacing(_GAP)
        names = [name for name, tool in self._tools.items() if tool.group == group]
        for place, name in enumerate(names):
            tool = self._tools[name]
            button = self.buttons[name] = _button(self._words(name), tool.tip, _ROW, _LEFT)
            button.setObjectName(name)
            button.clicked.connect(partial(self._press, name))
            cells.addWidget(button, place // 2, place % 2)
        cells.setColumnStretch(0, 1)
        cells.setColumnStretch(1, 1)
        cells.setRowStretch(len(names), 1)
        return page

    def _press(self, name: str, checked: bool) -> None:
        self.chosen.emit(name if checked else "")


def _button(text: str, tip: str, height: int, style: str = "") -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.setFixedHeight(height)
    button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    button.setStyleSheet(f"padding: 2px 1px; {style}")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the image
    return button
