"""Forms made from frozen configs: one row per field, its tip as tooltip, its limits as limits."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from napari_medseg.config import Config

ConfigT = TypeVar("ConfigT", bound=Config)


class ConfigForm(QWidget, Generic[ConfigT]):
    """Edits some fields of a config; the others keep the values of the config it was made with.

    Emits ``changed()`` whenever a person changes a field.

    Parameters
    ----------
    config : Config
        The values shown first.
    fields : sequence of str
        Which fields to show, in order; bool, int, float, and str with ``choices``.
    words : mapping
        Field name to what people call it; others by the field's own ``word``, else its name.
    tips : mapping
        Field name to a tooltip better than the field's own ``tip``.
    """

    changed = Signal()

    def __init__(
        self,
        config: ConfigT,
        fields: Sequence[str],
        *,
        words: Mapping[str, str] | None = None,
        tips: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._base = config
        self._editors: dict[str, QWidget] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        hints = typing.get_type_hints(type(config))
        known = {f.name: f for f in dataclasses.fields(config)}
        for name in fields:
            word = (words or {}).get(name) or str(known[name].metadata.get("word", ""))
            word = word or name.replace("_", " ").capitalize()
            tip = (tips or {}).get(name) or str(known[name].metadata.get("tip", ""))
            editor = self._editor(hints[name], known[name].metadata, word)
            editor.setToolTip(tip)
            editor.setObjectName(name)
            self._editors[name] = editor
            if isinstance(editor, QCheckBox):
                layout.addRow(editor)
            else:
                label = QLabel(word)
                label.setToolTip(tip)
                layout.addRow(label, editor)
        self.config = config

    @property
    def config(self) -> ConfigT:
        """The config as the form says now; what its ``__post_init__`` raises is raised here."""
        return self._base.replace(**{n: _value(e) for n, e in self._editors.items()})

    @config.setter
    def config(self, config: ConfigT) -> None:
        self._base = config
        for name, editor in self._editors.items():
            editor.blockSignals(True)
            _show(editor, getattr(config, name))
            editor.blockSignals(False)

    def _editor(self, hint: Any, about: Mapping[str, Any], word: str) -> QWidget:
        if hint is bool:
            box = QCheckBox(word)
            box.toggled.connect(self._tell)
            return box
        if hint is float:
            number = QDoubleSpinBox()
            length = "unit" in about
            number.setDecimals(int(about.get("decimals", 1 if length else 2)))
            number.setSingleStep(float(about.get("step", 0.5 if length else 0.05)))
            number.setSuffix(_suffix(about))
            number.setRange(float(about.get("min", -1e9)), float(about.get("max", 1e9)))
            number.valueChanged.connect(self._tell)
            return number
        if hint is int:
            whole = QSpinBox()
            whole.setSuffix(_suffix(about))
            whole.setRange(int(about.get("min", -(2**31))), int(about.get("max", 2**31 - 1)))
            whole.valueChanged.connect(self._tell)
            return whole
        if hint is str and "choices" in about:
            choice = QComboBox()
            choice.addItems([str(c) for c in about["choices"]])
            choice.currentIndexChanged.connect(self._tell)
            return choice
        raise TypeError(f"no editor for the field {word!r} of type {hint}")

    def _tell(self, *_: object) -> None:
        self.changed.emit()


def _suffix(about: Mapping[str, Any]) -> str:
    unit = about.get("unit", "")
    return f" {unit}" if unit else ""


def _value(editor: QWidget) -> Any:
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    if isinstance(editor, QComboBox):
        return editor.currentText()
    if isinstance(editor, QDoubleSpinBox):
        return round(editor.value(), editor.decimals())
    assert isinstance(editor, QSpinBox)
    return editor.value()


def _show(editor: QWidget, value: Any) -> None:
    if isinstance(editor, QCheckBox):
        editor.setChecked(value)
    elif isinstance(editor, QComboBox):
        editor.setCurrentText(value)
    elif isinstance(editor, QDoubleSpinBox | QSpinBox):
        editor.setValue(value)
