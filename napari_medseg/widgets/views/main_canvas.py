"""The canvas of napari's own window, as one more view; the only private names of the views.

napari has no public way to its canvas: ``viewer.window._qt_viewer`` (and ``canvas.native`` of it)
has a test that fails when it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


def canvas_of(viewer: Viewer) -> QWidget:
    """Return the widget in which napari draws the layers."""
    canvas: QWidget = viewer.window._qt_viewer.canvas.native
    return canvas
