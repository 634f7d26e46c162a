"""The slider between the old and the new model."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_medseg.widgets.pieces import enable

_STEPS = 20  # of the whole way
_QUARTER = _STEPS // 4


class MixSlider(QWidget):
    """Chooses how much of the new model is taken; emits ``changed(alpha)``, 0 old to 1 new."""

    changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._suggested = 0.0
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setPageStep(_QUARTER)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setTickInterval(_QUARTER)
        self.slider.setToolTip(
            "Mix the weights of the old and the new model: further left remembers more, further "
            "right learnt more"
        )
        self.says = QLabel()
        self.suggested = QPushButton("Suggested")
        self.suggested.clicked.connect(self._take_suggested)
        self.slider.valueChanged.connect(self._tell)
        line = QHBoxLayout()
        line.addWidget(QLabel("Old"))
        line.addWidget(self.slider, 1)
        line.addWidget(QLabel("New"))
        below = QHBoxLayout()
        below.addWidget(self.says, 1)
        below.addWidget(self.suggested)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(line)
        column.addLayout(below)

    @property
    def alpha(self) -> float:
        """The chosen mix."""
        return self.slider.value() / _STEPS

    def begin(self, suggested: float) -> None:
        """Go to the mix that was found best; tells nobody."""
        self._suggested = round(suggested * _STEPS) / _STEPS
        self.slider.blockSignals(True)
        self.slider.setValue(round(suggested * _STEPS))
        self.slider.blockSignals(False)

    def say(self, measured: bool) -> None:
        """Say what the mix is, and whether its numbers were measured."""
        alpha = self.alpha
        mix = {0.0: "the old model", 1.0: "the new model"}.get(alpha, f"{alpha:.0%} new")
        self.says.setText(f"{mix[0].upper()}{mix[1:]}" + ("" if measured else " · estimated"))
        self.says.setToolTip(
            "The numbers of this mix were measured"
            if measured
            else "This mix was not measured: its numbers lie between those beside it"
        )
        there = "This is the suggested mix" if alpha == self._suggested else ""
        enable(self.suggested, there, "Back to the mix that gained most without forgetting")

    def _take_suggested(self) -> None:
        self.slider.setValue(round(self._suggested * _STEPS))

    def _tell(self, _value: int) -> None:
        self.changed.emit(self.alpha)
