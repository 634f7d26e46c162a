"""Paint only where the image has certain grey values: a tick and two numbers."""

from __future__ import annotations

from functools import partial

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from napari_medseg.editing.intensity import in_range
from napari_medseg.packed import Box
from napari_medseg.widgets.layers import restrict_strokes

_TIP = (
    "Strokes of the brush change only voxels with grey values in this range; "
    "the rest of a stroke is put back"
)
_NO_IMAGE = "No image lies on these labels, so there are no grey values to go by"


class RangeRow(QWidget):
    """Restricts the strokes in a Labels layer to a range of grey values.

    Emits ``failed(text)`` where it cannot.
    """

    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._image: Image | None = None
        self._ranged: Image | None = None  # whose values the numbers were proposed for
        self.tick = QCheckBox("Paint only")
        self.low, self.high = _number("The smallest grey value"), _number("The largest grey value")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tick)
        layout.addWidget(self.low, 1)
        layout.addWidget(QLabel("to"))
        layout.addWidget(self.high, 1)
        self.tick.toggled.connect(self._restrict)
        self.low.valueChanged.connect(self._restrict)
        self.high.valueChanged.connect(self._restrict)
        self.show_for(None, None)

    def show_for(self, layer: Labels | None, image: Image | None) -> None:
        """Restrict the strokes in `layer` by the values of `image`, and no others."""
        if self._layer is not None and layer is not self._layer:
            restrict_strokes(self._layer, None)
        self._layer, self._image = layer, image
        usable = layer is not None and image is not None and _same_voxels(image, layer)
        for part in (self.tick, self.low, self.high):
            part.setEnabled(usable)
            part.setToolTip(_TIP if usable else _NO_IMAGE)
        if usable and image is not self._ranged:
            self._propose()
        self._restrict()

    def end(self) -> None:
        """Restrict nothing any more."""
        if self._layer is not None:
            restrict_strokes(self._layer, None)
            self._layer = None

    def _propose(self) -> None:
        """Start with the values one sees: the contrast limits of the image."""
        assert self._image is not None
        self._ranged = self._image
        for number, value in zip((self.low, self.high), self._image.contrast_limits, strict=True):
            number.blockSignals(True)
            number.setDecimals(0 if self._image.data.dtype.kind in "iu" else 3)
            number.setValue(float(value))
            number.blockSignals(False)

    def _restrict(self, *_: object) -> None:
        if self._layer is None:
            return
        if not self.tick.isChecked() or self._image is None or not self.tick.isEnabled():
            restrict_strokes(self._layer, None)
            return
        low, high = sorted((self.low.value(), self.high.value()))
        allowed = partial(_in_range, self._image, low, high)
        restrict_strokes(self._layer, allowed)


def _number(tip: str) -> QDoubleSpinBox:
    number = QDoubleSpinBox()
    number.setRange(-1e9, 1e9)
    number.setToolTip(tip)
    number.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    number.setMinimumWidth(56)
    return number


def _same_voxels(image: Image, labels: Labels) -> bool:
    """Whether a box of the labels is the same box of the image."""
    return not image.multiscale and image.data.shape[: labels.ndim] == labels.data.shape


def _in_range(image: Image, low: float, high: float, box: Box) -> np.ndarray:
    """Return where the grey values of `image` in `box` lie between `low` and `high`."""
    values = np.asarray(image.data[box])
    return in_range(values[..., :3].mean(axis=-1) if image.rgb else values, low, high)
