"""The lines that say which model runs, and the button to another one."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medseg.session import ChosenModel
from napari_medseg.widgets.model_words import dimensions, what_it_finds
from napari_medseg.widgets.pieces import ElidedLabel, wrapped_label


class ModelLine(QWidget):
    """Names the model and what it finds; emits ``change_wanted()`` when a person wants another."""

    change_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = ElidedLabel()
        self.about = wrapped_label()
        self.change = QPushButton("Change…")
        self.change.setToolTip("Choose another model")
        self.change.clicked.connect(self.change_wanted)
        line = QHBoxLayout()
        line.addWidget(QLabel("Model"))
        line.addWidget(self.name, 1)
        line.addWidget(self.change)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self.about)

    def show_model(self, model: ChosenModel | None) -> None:
        """Name `model`."""
        if model is None:
            self.name.say("none yet", "Choose a model first")
            self.about.setText("")
            return
        card = model.card
        self.name.say(model.title, card.description or model.title)
        about = [what_it_finds(card), dimensions(card), card.preprocessing.modality]
        self.about.setText(" · ".join(word for word in about if word))
