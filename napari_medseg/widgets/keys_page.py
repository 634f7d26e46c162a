"""One page that lists every key of MedSeg."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_medseg.widgets.keys import KEYS, key_of
from napari_medseg.widgets.pieces import wrapped_label


class KeysPage(QDialog):
    """All keys, as they are set now, and where they can be changed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("MedSeg: keys")
        rows = QGridLayout()
        rows.setHorizontalSpacing(12)
        shown = _rows()
        half = -(-len(shown) // 2)
        for place, (key, words) in enumerate(shown):
            column = 2 * (place // half)
            rows.addWidget(QLabel(f"<b>{key}</b>"), place % half, column)
            rows.addWidget(QLabel(words), place % half, column + 1)
        rows.setColumnMinimumWidth(1, 190)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        layout.addWidget(
            wrapped_label(
                "Change them in File > Preferences > MedSeg. Keys work while the image or a button "
                "has the focus, not while you type into a field."
            )
        )
        layout.addWidget(buttons)


def _rows() -> list[tuple[str, str]]:
    """Return each key and what it does; the classes in one line while they have their own keys."""
    classes = [action for action in KEYS if action.startswith("class_")]
    plain = all(key_of(action) == KEYS[action].key for action in classes)
    listed = [a for a in KEYS if not (plain and a in classes)]
    rows = [(key_of(action), KEYS[action].words) for action in listed]
    return [*rows, ("Alt-1 … Alt-9", "Choose a class of the table")] if plain else rows


def show_keys(parent: QWidget) -> KeysPage:
    """Open the page of keys over the window of `parent`."""
    page = KeysPage(parent)
    page.open()
    return page
