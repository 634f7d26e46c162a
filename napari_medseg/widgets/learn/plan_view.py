"""What learns, and how: the model or a new one, the plan in words, what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_presets import PRESETS
from napari_medseg.networks import architectures
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.forms import ConfigForm
from napari_medseg.widgets.learn.forecast import Forecast, NewModel
from napari_medseg.widgets.pieces import Fold, narrow_combo, wrapped_label

_WORDS = {
    "steps": "Steps",
    "trained": "What of it learns",
    "learning_rate": "Learning rate",
    "changed_weight": "Corrected voxels count",
    "distillation": "Keep close to before",
    "replay": "Rehearse what it knew",
    "validation": "How the gain is told",
    "batch_size": "Patches a step",
}
_MARKS = {"stop": "✕", "warning": "!", "note": "·"}  # told apart without colours, too


class PlanView(QWidget):
    """Asks what learns from the cases, and says what that means.

    Emits ``changed()`` when a person asks for something else.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._model: ChosenModel | None = None
        self.what = narrow_combo("Which model learns from the cases")
        self.preset = narrow_combo("How long and how large the new model learns")
        self.architecture = narrow_combo("The network of the new model")
        self.preset_label, self.architecture_label = QLabel("Effort"), QLabel("Network")
        self.new_classes = QCheckBox()
        self.words = wrapped_label()
        self.findings = wrapped_label(rich=True)
        self.pictures = QCheckBox("Keep small pictures with the cases")
        self.form: ConfigForm[FineTuneConfig] = ConfigForm(
            FineTuneConfig(), tuple(_WORDS), words=_WORDS
        )
        self._offered: tuple[str, ...] = ()
        self._lay_out()
        self.show_model(None)
        self.show_new_classes(())
        self.what.currentIndexChanged.connect(self._on_what)
        self.preset.currentIndexChanged.connect(self.changed)
        self.architecture.currentIndexChanged.connect(self.changed)
        self.new_classes.toggled.connect(self.changed)
        self.form.changed.connect(self.changed)

    @property
    def model(self) -> ChosenModel | None:
        """The model that goes on learning; None for a new one."""
        return self._model if self.what.currentData() == "further" else None

    @property
    def config(self) -> FineTuneConfig:
        """How it goes on learning.

        Raises
        ------
        ValueError
            If the form says what cannot be.
        """
        added = self._offered if self.new_classes.isChecked() else ()
        return self.form.config.replace(new_classes=added)

    @property
    def new(self) -> NewModel:
        """What is trained where no model is."""
        return NewModel(str(self.architecture.currentData()), str(self.preset.currentData()))

    def show_model(self, model: ChosenModel | None) -> None:
        """Offer the session's model, or only a new one."""
        chosen = self.what.currentData()
        had_one = self._model is not None
        self._model = model
        self.what.blockSignals(True)
        self.what.clear()
        if model is not None:
            self.what.addItem(f"Teach {model.title}", "further")
        self.what.addItem("Train a new model", "new")
        keep_new = chosen == "new" and had_one
        self.what.setCurrentIndex(self.what.findData("new") if keep_new else 0)
        self.what.blockSignals(False)
        self._show_fields()

    def show_dims(self, dims: int | None) -> None:
        """Offer the networks for images of so many dimensions."""
        chosen = self.architecture.currentData()
        self.architecture.blockSignals(True)
        self.architecture.clear()
        for name, one in architectures().items():
            if dims is None or dims in one.spatial_dims:
                self.architecture.addItem(one.title, name)
                tip = f"{one.title}, {one.paper}"
                self.architecture.setItemData(
                    self.architecture.count() - 1, tip, Qt.ItemDataRole.ToolTipRole
                )
        self.architecture.setCurrentIndex(max(self.architecture.findData(chosen), 0))
        self.architecture.blockSignals(False)

    def show_new_classes(self, classes: Sequence[str]) -> None:
        """Offer to teach the model classes it does not know: ``"5=cyst"``."""
        if tuple(classes) != self._offered:
            self._offered = tuple(classes)
            self.new_classes.blockSignals(True)
            self.new_classes.setChecked(False)
            self.new_classes.blockSignals(False)
        named = ", ".join(text.partition("=")[2] or text for text in self._offered)
        plural = "es" if len(self._offered) > 1 else ""
        self.new_classes.setText(f"Teach it the new class{plural} {named}")
        self.new_classes.setToolTip(
            "The labels hold values the model does not know; with this it learns them besides "
            "what it finds already"
        )
        self.new_classes.setVisible(bool(self._offered) and self.model is not None)

    def show_forecast(self, forecast: Forecast | None) -> None:
        """Say the plan and what a person should know."""
        self.words.setText("" if forecast is None else forecast.words)
        self.words.setVisible(bool(self.words.text()))
        lines = [] if forecast is None else [_line(f) for f in forecast.findings]
        self.findings.setText("<br>".join(lines))
        self.findings.setVisible(bool(lines))

    def _lay_out(self) -> None:
        for key, preset in PRESETS.items():
            self.preset.addItem(preset.title, key)
            self.preset.setItemData(
                self.preset.count() - 1, preset.tip, Qt.ItemDataRole.ToolTipRole
            )
        self.show_dims(None)
        self.pictures.setToolTip(
            "Small pictures of the images are written beside the cases, to be seen at once when "
            "the project is opened again; without it they are drawn from the images"
        )
        choices = QFormLayout()
        choices.setContentsMargins(0, 0, 0, 0)
        choices.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        choices.addRow(self.what)
        choices.addRow(self.preset_label, self.preset)
        choices.addRow(self.architecture_label, self.architecture)
        more = QWidget()
        inside = QVBoxLayout(more)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.form)
        inside.addWidget(self.pictures)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(choices)
        column.addWidget(self.new_classes)
        column.addWidget(self.words)
        column.addWidget(self.findings)
        tip = "How the model learns; the defaults are good for a few corrected images"
        column.addWidget(Fold("More", more, tip))

    def _on_what(self, *_: object) -> None:
        self._show_fields()
        self.changed.emit()

    def _show_fields(self) -> None:
        new = self.model is None
        for widget in (self.preset, self.preset_label, self.architecture, self.architecture_label):
            widget.setVisible(new)
        self.form.setEnabled(not new)
        tip = "These are of a model that goes on learning; a new one follows its effort"
        self.form.setToolTip(tip if new else "")
        self.new_classes.setVisible(bool(self._offered) and not new)


def _line(finding: object) -> str:
    severity, case, text = (getattr(finding, name) for name in ("severity", "case", "text"))
    mark = _MARKS[severity]
    name = f"{escape(case)}: " if case else ""
    sentence = f"{mark}&nbsp; {name}{escape(text)}"
    return f"<b>{sentence}</b>" if severity == "stop" else sentence
