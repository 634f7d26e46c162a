"""What the window of measures consists of, and where it lies."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.measure.image_field import ImageField
from napari_medseg.widgets.measure.table_view import MeasureTable
from napari_medseg.widgets.pieces import ElidedLabel


class MeasureParts:
    """The parts of the window, laid out in it.

    Parameters
    ----------
    window : QWidget
        Gets the layout.
    """

    def __init__(self, window: QWidget) -> None:
        self.subject = ElidedLabel()
        self.image = ImageField()
        self.surface = QCheckBox("Surface area")
        self.surface.setToolTip("Measure the area of surfaces, too, which takes longer")
        self.update = QPushButton("Update")
        self.classes = QRadioButton("Classes")
        self.classes.setToolTip("A row for each class")
        self.objects = QRadioButton("Objects")
        self.objects.setToolTip("A row for each connected object of each class, the largest first")
        self.kind = QButtonGroup(window)
        self.kind.addButton(self.classes)
        self.kind.addButton(self.objects)
        self.classes.setChecked(True)
        self.status = ElidedLabel()
        self.table = MeasureTable()
        self.copy = QPushButton("Copy")
        self.save = QPushButton("Save CSV…")
        self.export = QPushButton("Export surface…")
        self.smooth = QDoubleSpinBox()
        self.smooth.setRange(0.0, 20.0)
        self.smooth.setSingleStep(0.5)
        self.smooth.setDecimals(1)
        self.smooth.setValue(1.0)
        self.smooth.setSuffix(" mm")
        self.smooth.setToolTip(
            "How far the steps of the voxels are smoothed in an exported surface, which keeps its "
            "volume; 0 keeps the steps"
        )
        window.setMinimumSize(560, 220)
        column = QVBoxLayout(window)
        column.setContentsMargins(8, 8, 8, 8)
        column.addLayout(self._top())
        column.addLayout(self._middle())
        column.addWidget(self.table, 1)
        column.addLayout(self._bottom())

    def _top(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addWidget(self.subject, 1)
        line.addWidget(QLabel("Grey values of"))
        line.addWidget(self.image)
        line.addWidget(self.surface)
        line.addWidget(self.update)
        return line

    def _middle(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addWidget(self.classes)
        line.addWidget(self.objects)
        line.addSpacing(12)
        line.addWidget(self.status, 1)
        return line

    def _bottom(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addWidget(self.copy)
        line.addWidget(self.save)
        line.addStretch(1)
        line.addWidget(QLabel("Smooth"))
        line.addWidget(self.smooth)
        line.addWidget(self.export)
        return line
