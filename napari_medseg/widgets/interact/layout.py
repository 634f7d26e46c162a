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
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_medseg.widgets.interact.about import About

_HERE = (
    "Let the model segment what is inside the box you drew last, or the object you clicked on last"
)
_ON = "Carry the class on this slice to the slices beside it, as far as the image bears it out"
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
        self.segment_here, self.carry_on = QPushButton(), QPushButton()
        self.use_model = QCheckBox("Use the model")
        self.use_model.setChecked(True)
        self._image: Image | None = None
        self.width = QDoubleSpinBox()
        self.width.setRange(0, 1000)
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
        self.segment_here.setText(with_key("Segment here", "segment_here"))
        self.carry_on.setText(with_key("Carry on", "carry_on"))

    def show_width(self, about: About) -> None:
        """Begin with a width that suits another image than before."""
        if about.image is not self._image:
            self._image = about.image
            self.width.setValue(about.width())

    def show_model(self, model: ChosenModel | None, why_not: str) -> None:
        """Name the model that helps; where none does, say why."""
        self.use_model.setText("Use the model" if model is None else f"Use {model.title}")
        tip = "Answers go by what the model finds, too; without it by the image alone"
        enable(self.use_model, why_not, tip)

    def show_state(self, *, pending: bool, given: bool, why_not_here: str, why_not_on: str) -> None:
        """Offer what can be done now.

        Parameters
        ----------
        pending, given : bool
            Whether something is outlined or computed, and whether there is any prompt.
        why_not_here, why_not_on : str
            Why the model cannot segment here, and the slice not be carried on.
        """
        nothing = "" if pending else "Nothing is outlined yet"
        enable(self.accept, nothing, "Write what is outlined into the labels, as one step")
        enable(self.clear, nothing, "Drop all prompts that are not accepted")
        some = "" if given or pending else "No prompt was given yet"
        enable(self.back, some, "Take back the last prompt and what came of it")
        enable(self.segment_here, why_not_here, _HERE)
        self.show_why_not_on(why_not_on)

    def show_why_not_on(self, why_not: str) -> None:
        """Let the slice one sees be carried on, unless there is a reason why not."""
        enable(self.carry_on, why_not, _ON)

    def _lay_out(self, panel: QWidget) -> None:
        run, more = QHBoxLayout(), QWidget()
        run.addWidget(self.accept, 2)
        run.addWidget(self.back, 1)
        below = QHBoxLayout()
        below.addWidget(self.at_once, 1)
        below.addWidget(self.clear)
        region = QHBoxLayout()
        region.addWidget(self.segment_here, 1)
        region.addWidget(self.carry_on, 1)
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
