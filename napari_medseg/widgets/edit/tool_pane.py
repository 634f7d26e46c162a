"""The chosen tool: what it does, its options, the layers it reads, and the preview tick."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medseg.config import Config
from napari_medseg.editing.tool import Tool
from napari_medseg.widgets.edit.fields import fit_greys, name_classes, show_names, with_free_value
from napari_medseg.widgets.edit.layer_row import LayerRow
from napari_medseg.widgets.forms import ConfigForm
from napari_medseg.widgets.pieces import wrapped_label

_ROOM = 96  # pixels kept free, so that nothing below moves when another tool is chosen
_NO_TOOL = "Choose a tool: its options and an outline of what it would do appear."


class ToolPane(QWidget):
    """Shows one tool; each keeps the options it had.

    Emits ``changed()`` when a person changes something, ``cleared()`` when the clicks are to be
    forgotten, ``range_wanted()`` when grey values are to be taken from the slice.
    """

    changed = Signal()
    cleared = Signal()
    range_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._tool: Tool | None = None
        self._forms: dict[str, ConfigForm[Any]] = {}
        self._names: dict[int, str] = {}
        self.about = wrapped_label()
        self.image = LayerRow("Image", "The image whose grey values the tool reads")
        self.other = LayerRow("Layer", "Where the other class is", none="these labels")
        self.clicks, self.clear = QLabel(), QPushButton("Clear")
        self.clear.setToolTip("Forget the clicks")
        self.clicks_row = QWidget()
        line = QHBoxLayout(self.clicks_row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.clicks, 1)
        line.addWidget(self.clear)
        self.range = QPushButton("Range of what is painted here")
        self.range.setToolTip(
            "Takes the grey values of this class on the slice you see; where it has none, of the "
            "bright part of the slice"
        )
        self.preview = QCheckBox("Preview")
        self.preview.setChecked(True)
        self.preview.setToolTip(
            "Outline what Apply would do: yellow is how it will be, red is what goes"
        )
        self._forms_below = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.about)
        layout.addWidget(self.clicks_row)
        layout.addLayout(self._forms_below)
        for part in (self.range, self.image, self.other):
            layout.addWidget(part)
        layout.addStretch(1)
        self.setMinimumHeight(_ROOM)
        self._connect()
        self.show_tool(None)

    @property
    def options(self) -> Config:
        """The options of the chosen tool.

        Raises
        ------
        ValueError
            If they do not go together.
        """
        assert self._tool is not None
        return with_free_value(self._forms[self._tool.name].config, self._names)

    @property
    def chosen_image(self) -> Image | None:
        """The image that is read; None where the tool reads none."""
        layer = self.image.layer if self._needs_image() else None
        return layer if isinstance(layer, Image) else None

    @property
    def chosen_other(self) -> Labels | None:
        """The other labels the tool works with; None for those that are edited."""
        layer = self.other.layer if self._has("other") else None
        return layer if isinstance(layer, Labels) else None

    def show_tool(self, tool: Tool | None) -> None:
        """Show another tool, or none."""
        if self._tool is not None:
            self._forms[self._tool.name].hide()
        self._tool = tool
        self.about.setText(_NO_TOOL if tool is None else f"{tool.tip.rstrip('.')}.")
        if tool is not None:
            form = self.form(tool)
            show_names(form, self._names)
            form.show()
        self._show_rows()

    def show_layers(
        self, images: Sequence[Image], others: Sequence[Labels], names: Mapping[int, str]
    ) -> None:
        """Offer the layers that lie on the labels, and name their classes."""
        self.image.offer(images)
        self.other.offer(others)
        image = self.image.layer
        if self._tool is not None and image is not None:
            fit_greys(self.form(self._tool), image.data)
        if self._names != dict(names):
            self._names.clear()
            self._names.update(names)
            if self._tool is not None:
                show_names(self.form(self._tool), self._names)
        self._show_rows()

    def show_clicks(self, count: int) -> None:
        """Say how many clicks there are."""
        said = "Click on the image; Escape leaves" if not count else f"{count} clicked"
        self.clicks.setText(said)
        self.clear.setEnabled(bool(count))

    def form(self, tool: Tool) -> ConfigForm[Any]:
        """Return the form of a tool."""
        if tool.name not in self._forms:
            fields = [f.name for f in dataclasses.fields(tool.options)]
            form = self._forms[tool.name] = ConfigForm(tool.options(), fields)
            form.changed.connect(self.changed)
            name_classes(form, self._names)
            form.hide()
            self._forms_below.addWidget(form)
        return self._forms[tool.name]

    def _connect(self) -> None:
        self.image.changed.connect(self.changed)
        self.other.changed.connect(self.changed)
        self.preview.toggled.connect(self.changed)
        self.clear.clicked.connect(self.cleared)
        self.range.clicked.connect(self.range_wanted)

    def _needs_image(self) -> bool:
        return self._tool is not None and "image" in self._tool.needs

    def _has(self, option: str) -> bool:
        return self._tool is not None and option in self._tool.options.__dataclass_fields__

    def _show_rows(self) -> None:
        self.clicks_row.setVisible(self._tool is not None and "points" in self._tool.needs)
        self.range.setVisible(self._has("low") and self._has("high"))
        self.image.setVisible(self._needs_image() and self.image.is_choice)
        self.other.setVisible(self._has("other") and self.other.is_choice)
