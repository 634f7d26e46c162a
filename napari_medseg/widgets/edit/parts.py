"""What stands below the tools: what was painted, the review queue, the history, other windows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_medseg.widgets.history_list import HistoryList
from napari_medseg.widgets.painted_overlay import PaintedOverlay
from napari_medseg.widgets.pieces import Fold
from napari_medseg.widgets.review import ReviewStrip

if TYPE_CHECKING:
    from napari.viewer import Viewer


def companions(viewer: Viewer) -> list[QWidget]:
    """Return what stands below the tools of `viewer`, from top to bottom."""
    tip = "What was done to these labels; click a line to go back to it"
    history = Fold("History", HistoryList(viewer), tip)
    return [PaintedOverlay(viewer), ReviewStrip(viewer), history, _windows(viewer)]


def _windows(viewer: Viewer) -> QWidget:
    measure, views = QPushButton("Measure…"), QPushButton("Views")
    measure.setToolTip(
        "Volumes, diameters and grey values of each class and object; surfaces to save"
    )
    views.setToolTip(
        "Axial, coronal and sagittal beside each other, with one crosshair; again closes them"
    )
    measure.clicked.connect(partial(_measure, viewer))
    views.clicked.connect(partial(_show_views, viewer))
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(measure)
    layout.addWidget(views)
    return line


def _measure(viewer: Viewer, *_: object) -> None:
    from napari_medseg.widgets.measure import show_measures  # not before somebody measures

    show_measures(viewer)


def _show_views(viewer: Viewer, *_: object) -> None:
    from napari_medseg.widgets.views import toggle_views  # opens windows of its own

    toggle_views(viewer)
