"""Windows of which each viewer has one, floating above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QDockWidget

WidgetT = TypeVar("WidgetT", bound=QWidget)


class Floating(Generic[WidgetT]):
    """Opens such a window, or brings the one that is there to the front.

    Parameters
    ----------
    make : callable
        Makes what is in the window of a viewer.
    name : str
        Of the window.
    size : (int, int)
        Width and height in pixels when it is opened first.
    """

    def __init__(
        self, make: Callable[[napari.Viewer], WidgetT], name: str, size: tuple[int, int]
    ) -> None:
        self._make, self._name, self._size = make, name, size
        self._docks: WeakKeyDictionary[napari.Viewer, QDockWidget] = WeakKeyDictionary()

    def show(self, viewer: napari.Viewer) -> WidgetT:
        """Open the window of a viewer."""
        viewer = unwrapped(viewer)
        if viewer not in self._docks:
            dock = viewer.window.add_dock_widget(
                self._make(viewer), name=self._name, area="bottom", add_vertical_stretch=False
            )
            dock.setFloating(True)
            dock.resize(*self._size)
            self._docks[viewer] = dock
        dock = self._docks[viewer]
        dock.show()
        dock.raise_()
        return cast(WidgetT, dock.widget())
