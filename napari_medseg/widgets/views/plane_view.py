"""One more view of a viewer's volumes: a plane of its own, a crosshair, the mouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.qt import QtViewer
from napari.utils.action_manager import action_manager
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medseg.widgets import drawing_context
from napari_medseg.widgets.views.mirror import Mirror
from napari_medseg.widgets.views.overlay import Overlay
from napari_medseg.widgets.views.planes import Anatomy, order_across
from napari_medseg.widgets.views.pointing import stepped, zoom_at

if TYPE_CHECKING:
    from napari.viewer import Viewer

_EDGE = 0.04  # of the canvas: nearer to its border the crosshair is brought back to the middle


class PlaneView(QWidget):
    """A plane across one axis. Left drag moves the crosshair, the wheel steps through the slices.

    The right button and Ctrl with the wheel zoom, the middle button and Shift with the left one
    move the image. Emits ``pointed(point)``, a point of the world; ``zoomed(zoom)`` when a person
    zoomed.
    """

    pointed = Signal(object)
    zoomed = Signal(float)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.model = ViewerModel()
        self.model.theme = viewer.theme
        self.qt = _canvas_for(self.model)
        self.qt.dims.hide()  # the wheel and the crosshair are its sliders
        canvas = self.qt.canvas.native
        for widget in (self.qt, canvas):
            widget.setAcceptDrops(False)  # a dropped file is the window's
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the main canvas
        self.canvas: QWidget = canvas
        drawing_context.follow_view(self.model, canvas)
        self.overlay = Overlay(canvas, self.model)
        self.mirror: Mirror | None = None
        self._across, self._fitted, self._own_zoom = -3, False, False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.qt)
        self.setMinimumSize(120, 100)
        self.model.mouse_drag_callbacks.append(self._drag)
        self.model.mouse_wheel_callbacks[:] = [self._wheel]
        self.model.mouse_double_click_callbacks.clear()
        self.model.scene.camera.events.zoom.connect(self._on_zoom)
        self.model.canvas.events.size.connect(self._on_size)

    def begin(self, across: int, anatomy: Anatomy) -> None:
        """Show the viewer's volumes in the plane across an axis (-3, -2 or -1)."""
        if self.mirror is None:
            self.mirror = Mirror(self._viewer, self.model, self)
        self.turn(across, anatomy)

    def turn(self, across: int, anatomy: Anatomy) -> None:
        """Show the plane across another axis."""
        dims, self._across = self.model.dims, across
        if dims.ndim < 3:
            return
        order = order_across(dims.ndim, across)
        up_down = anatomy.vertical(order[-2] - dims.ndim)
        camera = self.model.scene.camera
        same = tuple(dims.order) == order and str(camera.orientation2d[0]) == up_down
        dims.order = order
        camera.orientation2d = (up_down, "right")
        if not same or not self._fitted:
            self.fit()

    def end(self) -> None:
        """Show nothing, follow nothing, and let go of the canvas; the view is of no use then."""
        if self.mirror is not None:
            self.mirror.end()
        self.mirror = None
        self.qt.close()
        # Without a parent the canvas goes with its last reference; as a child it would live until
        # the window is deleted, after the viewer is closed.
        self.qt.setParent(None)
        del self.qt, self.canvas, self.overlay

    def fit(self) -> None:
        """Show all of the plane."""
        if len(self.model.layers) and self.canvas.isVisible():
            self._fitted = True
            self.model.fit_to_view()
            self._own_zoom = False

    def show_point(self, point: tuple[float, ...], anatomy: Anatomy) -> None:
        """Go to the slice through a point of the world, and cross the lines there."""
        dims = self.model.dims
        if len(point) < dims.ndim or dims.ndim < 3:
            return
        point = point[-dims.ndim :]  # the viewer may have an axis more than its volumes
        hidden = list(dims.not_displayed)
        wanted = [point[a] for a in hidden]
        if not np.allclose([dims.point[a] for a in hidden], wanted):
            dims.set_point(hidden, wanted)
        self.overlay.show_point(point, anatomy)
        at = self.overlay.place_of_point()
        if at is not None and self._fitted and not self._sees(*at):
            centre = list(self.model.scene.camera.center)
            centre[-2:] = [point[a] for a in dims.displayed]
            self.model.scene.camera.center = tuple(centre)

    def sizeHint(self) -> QSize:
        return QSize(320, 260)

    def _sees(self, x: float, y: float) -> bool:
        width, height = self.overlay.width(), self.overlay.height()
        return (
            _EDGE * width <= x <= (1 - _EDGE) * width
            and _EDGE * height <= y <= (1 - _EDGE) * height
        )

    def _drag(self, _model: ViewerModel, event: Any) -> Iterator[None] | None:
        pans = event.button == 3 or (event.button == 1 and "Shift" in event.modifiers)
        if pans:
            return self._pan(event)
        return self._point(event) if event.button == 1 else None

    def _point(self, event: Any) -> Iterator[None]:
        event.handled = True
        self.pointed.emit(tuple(event.position))
        yield
        while event.type == "mouse_move":
            event.handled = True
            self.pointed.emit(tuple(event.position))
            yield

    def _pan(self, event: Any) -> Iterator[None]:
        event.handled = True
        camera = self.model.scene.camera
        start, centre = np.array(event.pos, float), np.array(camera.center, float)
        vertical, horizontal = (str(o) for o in camera.orientation2d)
        signs = np.array([-1 if horizontal == "right" else 1, -1 if vertical == "down" else 1])
        yield
        while event.type == "mouse_move":
            event.handled = True
            moved = (np.array(event.pos, float) - start) * signs / camera.zoom
            shifted = centre.copy()
            shifted[-2:] += moved[::-1]
            camera.center = tuple(shifted)
            yield

    def _wheel(self, _model: ViewerModel, event: Any) -> None:
        event.handled = True
        if "Control" in event.modifiers:
            zoom_at(self.model, event)
            return
        dims = self._viewer.dims
        self.pointed.emit(stepped(dims, dims.point, self._across, event))

    def _on_zoom(self, _event: object = None) -> None:
        self._own_zoom = True
        self.zoomed.emit(float(self.model.scene.camera.zoom))

    def _on_size(self, _event: object = None) -> None:
        if not self._own_zoom:  # a person's own zoom stays when the window changes
            self.fit()


def _canvas_for(model: ViewerModel) -> QtViewer:
    """Make what draws `model`, without telling all windows of their keys.

    napari binds its 180 shortcuts once more for every canvas, to what they are bound to already,
    and the welcome page of every window is written anew at each of them.
    """
    with action_manager.events.shortcut_changed.blocker():
        return QtViewer(model)
