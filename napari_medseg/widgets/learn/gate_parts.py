"""The pieces of the gate and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.edit.scrolled import Scrolled
from napari_medseg.widgets.learn.gate_effort import EffortTable
from napari_medseg.widgets.learn.gate_preview import MixPreview
from napari_medseg.widgets.learn.gate_roll_back import RollBack
from napari_medseg.widgets.learn.gate_slider import MixSlider
from napari_medseg.widgets.learn.gate_table import CaseTable
from napari_medseg.widgets.pieces import Fold, give_room, main_button, wrapped_label

if TYPE_CHECKING:
    from napari.viewer import Viewer


class GateParts:
    """What the gate is made of, laid out in `page`."""

    def __init__(self, page: QWidget, viewer: Viewer) -> None:
        self.back = QToolButton()
        self.back.setText("← Cases")
        self.back.setToolTip("Back to the cases; this result stays until something else is learnt")
        self.gained, self.forgotten = wrapped_label(), wrapped_label()
        self.caution = wrapped_label()
        font = self.gained.font()
        font.setBold(True)
        self.gained.setFont(font)
        give_room(self.gained, 3)
        give_room(self.forgotten, 2)
        self.notes = wrapped_label()
        self.slider = MixSlider()
        self.preview = MixPreview(viewer)
        self.table = CaseTable()
        self.effort = EffortTable()
        self.effort_fold = Fold(
            "Work for a case, by round", self.effort, "Whether correcting takes less and less work"
        )
        self.notes_fold = Fold("About this run", self.notes, "How it learnt, and what to know")
        self.name = QLineEdit()
        self.folder = QToolButton()
        self.folder.setText("…")
        self.keep_replay = QCheckBox("Keep examples with the model")
        self.keep_replay.setToolTip(
            "Stores small pieces of these images beside the model, so that it forgets less when it "
            "learns again. They are images of people: leave this off unless you may keep them. "
            "They are never exported with the model"
        )
        self.promote, self.discard = main_button("Promote"), main_button("Discard")
        self.report = QPushButton("Report…")
        self.done = wrapped_label()
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take the discarded result up again")
        self.roll_back = RollBack(viewer)
        self._lay_out(page)

    def _lay_out(self, page: QWidget) -> None:
        top = QHBoxLayout()
        top.addWidget(self.back)
        top.addStretch(1)
        top.addWidget(self.report)
        done = QHBoxLayout()  # one of them stands there: a decision moves nothing
        done.addWidget(self.keep_replay)
        done.addWidget(self.done, 1)
        done.addWidget(self.undo)
        self.keep_replay.setMinimumHeight(self.undo.sizeHint().height())
        named = QHBoxLayout()
        named.addWidget(QLabel("Name"))
        named.addWidget(self.name, 1)
        named.addWidget(self.folder)
        decide = QHBoxLayout()
        decide.addWidget(self.promote, 1)
        decide.addWidget(self.discard, 1)
        said = (self.gained, self.caution, self.forgotten)
        folded = (self.effort_fold, self.notes_fold)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 4)
        column.addLayout(top)
        column.addWidget(
            Scrolled([*said, self.slider, self.preview, self.table, *folded]), 1
        )  # the decision below is always seen
        column.addLayout(named)
        column.addLayout(done)
        column.addLayout(decide)
        column.addWidget(self.roll_back)
