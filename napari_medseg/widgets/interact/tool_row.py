"""Four tools for prompts in a row; one or none is on."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_medseg.widgets import keys
from napari_medseg.widgets.pieces import enable

TOOLS = {
    "point": ("Point", "Click on what belongs to the class; right-click on what does not"),
    "scribble": ("Scribble", "Draw over what belongs to the class; with the right button over what "
                 "does not"),
    "box": ("Box", "Pull a box around one object of the class; with the right button, the class is "
            "erased in it"),
    "lasso": ("Lasso", "Draw around what belongs to the class; with the right button, the class is "
              "erased in it"),
}  # fmt: skip


class ToolRow(QWidget):
    """A button for each tool; emits ``chosen(kind)`` when a person presses one, "" to leave it."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        for kind in TOOLS:
            button = self.buttons[kind] = QPushButton()
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the image
            button.setStyleSheet("padding: 4px 1px;")
            button.setMinimumHeight(40)
            button.clicked.connect(partial(self._press, kind))
            line.addWidget(button, 1)
        self.print_keys()
        self.show_reason("")

    @property
    def kind(self) -> str:
        """The tool that is on; empty for none."""
        return next((kind for kind, button in self.buttons.items() if button.isChecked()), "")

    def show_chosen(self, kind: str) -> None:
        """Show which tool is on; none with an empty word."""
        for other, button in self.buttons.items():
            button.setChecked(other == kind)

    def show_reason(self, reason: str) -> None:
        """Let the tools be used, unless there is a reason why not."""
        for kind, button in self.buttons.items():
            enable(button, reason, f"{TOOLS[kind][1]}. Space moves the image")

    def print_keys(self) -> None:
        """Print the keys on the buttons, as the settings say now."""
        for kind, button in self.buttons.items():
            button.setText(f"{TOOLS[kind][0]}\n[{keys.key_of(f'prompt_{kind}')}]")

    def _press(self, kind: str, checked: bool) -> None:
        self.chosen.emit(kind if checked else "")
