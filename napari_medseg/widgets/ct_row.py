"""One row of buttons: the CT windows, for the chosen image."""

from __future__ import annotations

from functools import partial

from napari.layers import Image
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_medseg.widgets.ct_windows import WINDOWS, Window, why_not_ct


class CTRow(QWidget):
    """Sets the contrast of an image to a CT window; disabled, with the reason, for all others."""

    def __init__(self) -> None:
        super().__init__()
        self._image: Image | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(QLabel("CT"))
        self.buttons = {}
        for window in WINDOWS:
            button = QPushButton(window.name)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setMinimumWidth(30)
            button.clicked.connect(partial(self._set, window))
            self.buttons[window.name] = button
            layout.addWidget(button, len(window.name) + 2)
        self.show_for(None)

    def show_for(self, image: Image | None) -> None:
        """Offer the windows for `image`."""
        self._image = image
        reason = why_not_ct(image)
        for window in WINDOWS:
            low, high = window.limits
            button = self.buttons[window.name]
            button.setEnabled(not reason)
            button.setToolTip(
                reason
                or f"Show {low:g} to {high:g} HU from black to white "
                f"(level {window.level}, width {window.width})"
            )

    def _set(self, window: Window) -> None:
        if self._image is not None:
            self._image.contrast_limits = window.limits
