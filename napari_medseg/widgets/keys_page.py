"""One page that lists every key of MedSeg."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_medseg.widgets.keys import KEYS, key_of
from napari_medseg.widgets.pieces import wrapped_label


class KeysPage(QDialog):
    """All keys, as they are set now, and where they can be changed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("MedSeg: keys")
        rows = QFormLayout()
        rows.setHorizontalSpacing(24)
        for action, key in KEYS.items():
            label = QLabel(f"<b>{key_of(action)}</b>")
            rows.addRow(label, QLabel(key.words))
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
        self.setMinimumWidth(320)


def show_keys(parent: QWidget) -> KeysPage:
    """Open the page of keys over the window of `parent`."""
    page = KeysPage(parent)
    page.open()
    return page
