"""What the window of evaluation consists of, and where it lies."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.engine.lesions import LesionRule
from napari_medseg.widgets.background import Runner
from napari_medseg.widgets.evaluate.result_view import ResultView
from napari_medseg.widgets.evaluate.source_field import SourceField
from napari_medseg.widgets.forms import ConfigForm
from napari_medseg.widgets.pieces import ElidedLabel, Fold, main_button
from napari_medseg.widgets.run_bar import RunBar

_RULE_WORDS = {
    "iou": "Overlap of a found lesion (IoU)",
    "smallest": "Smallest lesion that counts (mm³)",
    "touching": "Voxels of one lesion share",
}


class EvaluateParts:
    """The parts of the window, laid out in it.

    Parameters
    ----------
    window : QWidget
        Gets the layout.
    runner : Runner
        What the bar below shows.
    """

    def __init__(self, window: QWidget, runner: Runner) -> None:
        self.truth, self.judged = SourceField("the true labels"), SourceField("the labels to judge")
        self.swap = QPushButton("⇅")
        self.swap.setToolTip("Take the true labels for those to judge, and the other way round")
        self.swap.setFixedWidth(34)
        self.tolerance = _tolerance()
        self.lesions = QCheckBox("Lesion by lesion")
        self.lesions.setToolTip(
            "Count which single lesions were found, missed and marked for nothing; for many small "
            "ones"
        )
        self.resample = QCheckBox("Resample")
        self.resample.setToolTip(
            "Labels on another grid are put onto that of the true ones: each voxel takes the "
            "nearest label. Without, they are not compared"
        )
        self.rule = ConfigForm(LesionRule(), list(_RULE_WORDS), words=_RULE_WORDS)
        self.more = Fold("More: when a lesion counts as found", self.rule)
        self.evaluate = main_button("Evaluate")
        self.preflight = ElidedLabel()
        self.classes = _rich_label()
        self.classes.setToolTip("The classes that are compared, and their colours")
        self.result = ResultView()
        self.definitions = QTextBrowser()
        self.pages = QTabWidget()
        self.pages.addTab(self.result, "Results")
        self.pages.addTab(self.definitions, "What the numbers mean")
        self.show_wrong = QPushButton("Show where it is wrong")
        self.legend = _rich_label()
        self.copy, self.save = QPushButton("Copy"), QPushButton("Save…")
        self.run_bar = RunBar(runner)
        window.setMinimumSize(640, 420)
        self._lay_out(window)

    def _lay_out(self, window: QWidget) -> None:
        column = QVBoxLayout(window)
        column.setContentsMargins(8, 8, 8, 8)
        column.addLayout(self._top())
        column.addWidget(self.more)
        said = QHBoxLayout()
        said.addWidget(self.preflight, 1)
        said.addWidget(self.classes)
        column.addLayout(said)
        column.addWidget(self.pages, 1)
        column.addLayout(self._bottom())
        column.addWidget(self.run_bar)

    def _top(self) -> QGridLayout:
        grid = QGridLayout()
        for row, (words, field) in enumerate(
            (("True labels", self.truth), ("Labels to judge", self.judged))
        ):
            label = QLabel(words)
            label.setToolTip("A label layer, a file, or a folder of many cases; drop it here")
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
        grid.addWidget(self.swap, 0, 2, 2, 1)
        tolerance = QLabel("Tolerance")
        tolerance.setToolTip(self.tolerance.toolTip())
        grid.addWidget(tolerance, 0, 3)
        grid.addWidget(self.tolerance, 0, 4)
        grid.addWidget(self.lesions, 1, 3)
        grid.addWidget(self.resample, 1, 4)
        grid.addWidget(self.evaluate, 0, 5, 2, 1)
        grid.setColumnStretch(1, 1)
        return grid

    def _bottom(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addWidget(self.show_wrong)
        line.addWidget(self.legend)
        line.addStretch(1)
        line.addWidget(self.copy)
        line.addWidget(self.save)
        return line


def _tolerance() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, 1000.0)
    box.setSingleStep(0.5)
    box.setValue(1.0)
    box.setSuffix(" mm")
    box.setToolTip(
        "How far the outlines may lie apart and still count as the same (for NSD); take what two "
        "physicians differ by"
    )
    return box


def _rich_label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.RichText)
    return label
