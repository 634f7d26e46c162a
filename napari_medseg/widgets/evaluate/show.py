"""One window of evaluation for each viewer, floating above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medseg.widgets.evaluate.window import EvaluateWindow
from napari_medseg.widgets.floating import Floating

if TYPE_CHECKING:
    import napari

_windows = Floating(EvaluateWindow, "Evaluate", (1080, 700))


def show_evaluation(viewer: napari.Viewer) -> EvaluateWindow:
    """Open the window of evaluation of a viewer, or bring the one that is there to the front."""
    return _windows.show(viewer)
