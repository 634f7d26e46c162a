"""One window of measures for each viewer, floating above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medseg.widgets.floating import Floating
from napari_medseg.widgets.measure.window import MeasureWindow

if TYPE_CHECKING:
    import napari

_windows = Floating(MeasureWindow, "Measures", (900, 380))


def show_measures(viewer: napari.Viewer) -> MeasureWindow:
    """Open the window of measures of a viewer, or bring the one that is there to the front."""
    return _windows.show(viewer)
