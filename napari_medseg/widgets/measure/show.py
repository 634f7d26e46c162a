"""One window of measures for each viewer, floating above it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_medseg.widgets.measure.window import MeasureWindow
from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QDockWidget

_SIZE = 900, 380
_docks: WeakKeyDictionary[napari.Viewer, QDockWidget] = WeakKeyDictionary()


def show_measures(viewer: napari.Viewer) -> MeasureWindow:
    """Open the window of measures of a viewer, or bring the one that is there to the front."""
    viewer = unwrapped(viewer)
    if viewer not in _docks:
        window = MeasureWindow(viewer)
        dock = viewer.window.add_dock_widget(
            window, name="Measures", area="bottom", add_vertical_stretch=False
        )
        dock.setFloating(True)
        dock.resize(*_SIZE)
        _docks[viewer] = dock
    dock = _docks[viewer]
    dock.show()
    dock.raise_()
    found = dock.findChild(MeasureWindow)
    assert isinstance(found, MeasureWindow)
    return found
