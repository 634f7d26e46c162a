"""A layer is removed while the canvas that draws it is current for the graphics driver.

The buffers of a removed layer are deleted at once, in whichever drawing context is current then.
Where that is another one, as after a click in a dock, the canvas goes on reading memory that is
gone, and some drivers end the process at its next draw (seen with Mesa's software renderer).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakSet, ref

from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

_followed: WeakSet[Any] = WeakSet()


def follow(viewer: Viewer) -> None:
    """Have a viewer's canvas current whenever a layer is removed; a second call does nothing."""
    viewer = unwrapped(viewer)
    if viewer not in _followed:
        _followed.add(viewer)
        viewer.layers.events.removing.connect(partial(_of_the_window, ref(viewer)))


def follow_view(model: ViewerModel, canvas: QWidget) -> None:
    """Have the canvas that draws a model of its own current whenever a layer of it is removed."""
    model.layers.events.removing.connect(partial(_of_a_view, ref(canvas)))


def _of_the_window(viewer: ReferenceType[Viewer], _event: object = None) -> None:
    from napari_medseg.widgets.views.main_canvas import canvas_of  # no view is needed to open

    alive = viewer()
    if alive is not None:
        with suppress(RuntimeError):  # the window is gone: nothing is drawn any more
            _make_current(canvas_of(alive))


def _of_a_view(canvas: ReferenceType[QWidget], _event: object = None) -> None:
    alive = canvas()
    if alive is not None:
        with suppress(RuntimeError):
            _make_current(alive)


def _make_current(canvas: Any) -> None:
    canvas.makeCurrent()
