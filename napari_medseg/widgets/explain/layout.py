"""The parts of the Explain panel and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.explain.entry_list import EntryList
from napari_medseg.widgets.explain.layer_tree import LayerTree
from napari_medseg.widgets.explain.map_row import MapRow
from napari_medseg.widgets.explain.page import Page
from napari_medseg.widgets.explain.tabs import Tabs
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.model_line import ModelLine
from napari_medseg.widgets.pieces import (
    enable,
    give_room,
    main_button,
    narrow_combo,
    wrapped_label,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.entries import Entry

AT_ONCE, BOXED, EVERYWHERE = range(3)
_PARTS = ("what the model sees at once", "the box drawn on the image", "all of it, in windows")
_PART = "Which part of the image is looked at; a part takes less time and memory than all of it"
FOUND, HERE, LABELLED = range(3)
_WHERE = ("where the model finds it", "at the voxel pointed at", "where the labels have it")
_LINES = 2  # that the hint has room for, so that nothing moves
_POINT = "Click on the image to say which voxel is meant; Escape leaves"
_WHY = "Click on a voxel to read why it got its label; Escape leaves"
_LIVE = (
    "Show it anew when you go to another slice, point at another voxel or choose another layer; "
    "what takes long waits for Show"
)


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
        self.images, self.model = ImageChoice(viewer), ModelLine()
        self.hint, self.fix, self.maps = wrapped_label(), QPushButton(), MapRow(viewer)
        give_room(self.hint, _LINES)
        self.entries, self.layers = EntryList(), LayerTree()
        self.value = narrow_combo("The class asked about")
        self.where = narrow_combo("For which voxels of the class one asks")
        self.where.addItems(_WHERE)
        self.part = narrow_combo(_PART)
        self.part.addItems(_PARTS)
        self.show, self.live = main_button("Show"), QCheckBox("Follow")
        self.live.setToolTip(_LIVE)
        self.live.setChecked(True)
        self.point, self.why = QPushButton("Point at a voxel"), main_button("Why this voxel?")
        for button, tip in ((self.point, _POINT), (self.why, _WHY)):
            button.setCheckable(True)
            button.setToolTip(tip)
        self.other = narrow_combo("A model that finds the same classes, such as the one before")
        self.compare = QPushButton("Compare")
        self.numbers = Page(viewer)
        self.reasons = Page(viewer, "Press the button, then click on a voxel of the image.")
        self.differences = Page(viewer, "Where two models differ is shown over the image.")
        self.tabs = Tabs()
        self._lay_out(panel)

    def show_needs(self, entry: Entry | None, why_no_labels: str) -> None:
        """Offer what an entry needs, and grey the rest with the reason."""
        needs = frozenset() if entry is None else entry.needs
        enable(self.layers, "" if "layer" in needs else "What is chosen above is not of one layer",
               "The layer whose maps are shown; bold ones end a stage of the model")  # fmt: skip
        no_class = "" if "class" in needs else "What is chosen above is not about one class"
        enable(self.value, no_class, "The class asked about")
        enable(self.where, no_class, "For which voxels of the class one asks")
        if not no_class and self.where.currentIndex() == LABELLED:
            self.where.setToolTip(why_no_labels or "By the labels that lie on the image")

    def _lay_out(self, panel: QWidget) -> None:
        column = QVBoxLayout(panel)
        for part in (self.images, self.model, self.hint, self.fix, self.maps):
            column.addWidget(part)
        column.addWidget(self.tabs)
        column.addStretch(1)
        about = QFormLayout()
        about.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        about.addRow("Part", self.part)
        about.addRow("Class", self.value)
        about.addRow("Asked", self.where)
        run = QHBoxLayout()
        run.addWidget(self.show, 1)
        run.addWidget(self.live)
        inside = self.tabs.add("Look inside", "Feature maps, attention, evidence and curves")
        inside.addLayout(run)
        inside.addWidget(self.entries)
        inside.addWidget(self.layers)
        inside.addLayout(about)
        inside.addWidget(self.point)
        inside.addWidget(self.numbers)
        inside.addStretch(1)
        voxel = self.tabs.add("Why this voxel?", "What speaks for the label of one voxel")
        voxel.addWidget(self.why)
        voxel.addWidget(self.reasons)
        voxel.addStretch(1)
        two = self.tabs.add("Two models", "Where the answers and features of two models differ")
        with_other = QFormLayout()
        with_other.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        with_other.addRow("Before", self.other)
        two.addLayout(with_other)
        two.addWidget(self.compare)
        two.addWidget(self.differences)
        two.addStretch(1)
