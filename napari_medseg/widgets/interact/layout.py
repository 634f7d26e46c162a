"""The parts of the Interact panel and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.session import ChosenModel
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.interact.class_row import ClassRow
from napari_medseg.widgets.interact.prompt_list import PromptList
from napari_medseg.widgets.interact.tool_row import ToolRow
from napari_medseg.widgets.keys import with_key
from napari_medseg.widgets.pieces import Fold, enable, give_room, main_button, wrapped_label

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LINES = 3  # that the hint has room for, so that nothing moves


class Layout:
    """The parts of a panel.

    Parameters
    ----------
    viewer : Viewer
        Whose layers are offered.
    panel : QWidget
        In which they stand.
    """

    def __init__(self, viewer: Viewer, panel: QWidget) -> None:
        self.images, self.classes = ImageChoice(viewer), ClassRow(viewer)
        self.tools, self.rows = ToolRow(), PromptList()
        self.hint = wrapped_label()
        give_room(self.hint, _LINES)
        self.at_once = QCheckBox("Apply at once")
        self.at_once.setToolTip("Write each answer into the labels as it comes; undo takes it back")
        self.accept, self.back, self.clear = main_button(""), QPushButton(), QPushButton("Clear")
        self.segment_box, self.propagate = QPushButton(), QPushButton()
        self.use_model = QCheckBox("Use the model")
        self.use_model.setChecked(True)
        self.width = QDoubleSpinBox()
        self.width.setRange(0.1, 100)
        self.width.setSuffix(" mm")
        self.width.setDecimals(1)
        self.width.setToolTip("How wide a scribble is")
        self.print_keys()
        self._lay_out(panel)

    def print_keys(self) -> None:
        """Print the keys on the buttons, as the settings say now."""
        self.tools.print_keys()
        self.accept.setText(with_key("Accept", "accept_prompts"))
        self.back.setText(with_key("Back one", "prompt_back"))
        self.segment_box.setText(with_key("Segment in the box", "segment_in_box"))
        self.propagate.setText(with_key("Carry on", "propagate"))

    def show_model(self, model: ChosenModel | None, why_not: str) -> None:
        """Name the model that helps; where none does, say why."""
        self.use_model.setText("Use the model" if model is None else f"Use {model.title}")
        tip = "Answers go by what the model finds, too; without it by the image alone"
        enable(self.use_model, why_not, tip)

    def _lay_out(self, panel: QWidget) -> None:
        run, more = QHBoxLayout(), QWidget()
        run.addWidget(self.accept, 2)
        run.addWidget(self.back, 1)
        below = QHBoxLayout()
        below.addWidget(self.at_once, 1)
        below.addWidget(self.clear)
        region = QHBoxLayout()
        region.addWidget(self.segment_box, 1)
        region.addWidget(self.propagate, 1)
        form = QFormLayout(more)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Width", self.width)
        column = QVBoxLayout(panel)
        for part in (self.images, self.classes, self.use_model, self.tools, self.hint):
            column.addWidget(part)
        column.addLayout(run)
        column.addLayout(below)
        column.addWidget(self.rows)
        column.addLayout(region)
        column.addWidget(Fold("More", more, "How wide a scribble is"))
        column.addStretch(1)
