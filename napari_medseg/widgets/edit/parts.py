"""What stands below the tools: the history, the review queue, and buttons to other windows."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_medseg.widgets.pieces import Fold

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PARTS = (
    "napari_medseg.widgets.painted_overlay:PaintedOverlay",
    "napari_medseg.widgets.review:ReviewStrip",
)
_WINDOWS = {
    "Measure…": (
        "napari_medseg.widgets.measure:show_measures",
        "Volumes, diameters and grey values of each class and object, and surfaces to save",
    ),
    "Views": (
        "napari_medseg.widgets.views:toggle_views",
        "Axial, coronal and sagittal beside each other, with one crosshair; again closes them",
    ),
}


def companions(viewer: Viewer) -> list[QWidget]:
    """Return the review strip, the folded history, and the buttons, from top to bottom."""
    found: list[QWidget] = []
    for where in _PARTS:
        made = _named(where)
        if made is not None:
            found.append(made(viewer))
    history = _named("napari_medseg.widgets.history_list:HistoryList")
    if history is not None:
        tip = "What was done to these labels; click a line to go back to it"
        found.append(Fold("History", history(viewer), tip))
    return [*found, _buttons(viewer)]


def _buttons(viewer: Viewer) -> QWidget:
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    for words, (where, tip) in _WINDOWS.items():
        button = QPushButton(words)
        button.setToolTip(tip)
        button.clicked.connect(partial(_open, where, viewer))
        layout.addWidget(button)
    return line


def _open(where: str, viewer: Viewer, *_: object) -> None:
    show = _named(where)
    if show is not None:
        show(viewer)


def _named(where: str) -> Any:
    """Return what "module:name" names; None where there is no such part yet."""
    module, name = where.split(":")
    try:
        return getattr(import_module(module), name, None)
    except ModuleNotFoundError:
        return None
