"""Three linked planes: the canvas is one of them, the other two lie in a dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.pieces import ElidedLabel
from napari_medseg.widgets.sessions import connect_while_alive, unwrapped
from napari_medseg.widgets.views.main_canvas import canvas_of
from napari_medseg.widgets.views.main_mouse import MainMouse
from napari_medseg.widgets.views.overlay import Overlay
from napari_medseg.widgets.views.plane_view import PlaneView
from napari_medseg.widgets.views.planes import Anatomy
from napari_medseg.widgets.views.pointing import shows_all, snapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

_HOW = "Click: crosshair · wheel: slices · Ctrl and wheel: zoom"
_HOW_TIP = (
    "Click or drag in a view moves the crosshair; in the large view click, or hold Shift and move. "
    "The wheel steps through the slices, with Ctrl it zooms. The middle button, or Shift and a "
    "drag, moves the image."
)
_PART = 0.4  # of the window's height
_CORNERS = (
    (Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea),
    (Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea),
)


class OrthogonalViews(QWidget):
    """The two planes that the canvas of a viewer does not show, and a crosshair in all three.

    While it is hidden it holds no canvas and no layer, and listens to nothing.

    Parameters
    ----------
    viewer : Viewer
        Whose volumes are shown; where it stands (``dims.point``) is the crosshair.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer = unwrapped(viewer)
        self.anatomy = Anatomy()
        self.views: tuple[PlaneView, ...] = ()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self.hint = ElidedLabel()
        self.wheel = QCheckBox("Wheel steps")
        self.same_zoom = QCheckBox("Same zoom")
        self.fit = QPushButton("Fit")
        self._mouse: MainMouse | None = None
        self._overlay: Overlay | None = None
        self._zooming = self._all_shown = self._opening = False
        self._corners: list[tuple[Qt.Corner, Qt.DockWidgetArea]] = []
        self._wanted: tuple[float, ...] = ()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._go)
        self._lay_out()
        self.wheel.toggled.connect(self._choose_wheel)
        self.same_zoom.toggled.connect(self._start_same_zoom)
        self.fit.clicked.connect(self._fit)
        dims, layers = viewer.dims.events, viewer.layers.events
        for emitter, method in (
            (dims.point, self._show_point),
            (dims.order, self._turn),
            (dims.ndisplay, self._turn),
            (dims.ndim, self._turn),
            (layers.inserted, self._look),
            (layers.removed, self._look),
            (viewer.scene.camera.events.zoom, self._on_main_zoom),
            (viewer.scene.camera.events.zoom, self._on_main_view),
            (viewer.scene.camera.events.center, self._on_main_view),
            (viewer.canvas.events.size, self._on_main_size),
            (viewer.events.theme, self._take_theme),
        ):
            connect_while_alive(self, emitter, method)

    @property
    def is_on(self) -> bool:
        """Whether the views are shown and linked."""
        return self._mouse is not None

    def go_to(self, point: tuple[float, ...]) -> None:
        """Move the crosshair, and with it the slices of all views, to a point of the world."""
        dims = self.viewer.dims
        whole = (*dims.point[: dims.ndim - len(point)], *point)
        nearest = snapped(dims, whole[-dims.ndim :])
        if not np.allclose(nearest, dims.point):
            dims.set_point(range(dims.ndim), nearest)

    def dock(self) -> QDockWidget | None:
        """Return the dock the views lie in."""
        widget = self.parentWidget()
        while widget is not None and not isinstance(widget, QDockWidget):
            widget = widget.parentWidget()
        return widget

    def prepare(self) -> None:
        """Look at the canvas before room is taken from it: it may resize before this is shown."""
        self._opening, self._all_shown = True, shows_all(self.viewer)

    def take_room(self) -> None:
        """Take the lower part of the canvas, and leave the panels at its sides as they are."""
        window, dock = self.window(), self.dock()
        if isinstance(window, QMainWindow) and dock is not None:
            window.resizeDocks([dock], [int(_PART * window.height())], Qt.Orientation.Vertical)

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._begin()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        if event is None or not event.spontaneous():  # else the window is only minimised
            self._end()

    def sizeHint(self) -> QSize:
        return QSize(640, 300)

    def _begin(self) -> None:
        if self._mouse is not None:
            return
        self._take_corners()
        self.views = (PlaneView(self.viewer), PlaneView(self.viewer))
        for view in self.views:
            view.pointed.connect(self._go_soon)
            view.zoomed.connect(self._zoom_all)
            self._split.addWidget(view)
        self._mouse = MainMouse(self.viewer, self._go_soon)
        self._mouse.wheel_steps = self.wheel.isChecked()
        self._overlay = Overlay(canvas_of(self.viewer), self.viewer)
        self._look()
        QTimer.singleShot(0, self.take_room)  # when the dock has its place

    def _end(self) -> None:
        if self._mouse is None:
            return
        self._mouse.end()
        self._mouse, self._opening = None, False
        self._give_corners_back()
        if self._overlay is not None:
            self._overlay.hide()
            self._overlay.deleteLater()
            self._overlay = None
        for view in self.views:
            view.end()
            view.setParent(None)
            view.deleteLater()
        self.views = ()

    def _on_main_size(self, _event: object = None) -> None:
        """Go on showing all of the volume on a canvas of another size, where all of it was."""
        there = self.is_on or self._opening
        if there and self._all_shown and self.viewer.dims.ndisplay == 2:
            self.viewer.fit_to_view()

    def _on_main_view(self, _event: object = None) -> None:
        self._all_shown = shows_all(self.viewer)

    def _go_soon(self, point: tuple[float, ...]) -> None:
        """Go to the last of the points of a drag that came while the views were drawn."""
        self._wanted = point
        self._soon.start(0)

    def _go(self) -> None:
        self.go_to(self._wanted)

    def _take_corners(self) -> None:
        """Let the docks at the sides reach down to the bottom while the views are there."""
        window = self.window()
        if isinstance(window, QMainWindow):
            self._corners = [(corner, window.corner(corner)) for corner, _ in _CORNERS]
            for corner, area in _CORNERS:
                window.setCorner(corner, area)

    def _give_corners_back(self) -> None:
        window, corners = self.window(), self._corners
        self._corners = []
        if isinstance(window, QMainWindow):
            for corner, area in corners:
                window.setCorner(corner, area)

    def _look(self, _event: object = None) -> None:
        """Take in which layers there are."""
        if not self.is_on:
            return
        self.anatomy = Anatomy(self.viewer.layers)
        volumes = self.viewer.dims.ndim >= 3 and len(self.viewer.layers) > 0
        text = _HOW if volumes else "No volume yet: a 2D image has no other planes."
        self.hint.say(text, _HOW_TIP if volumes else text)
        self._turn()

    def _turn(self, _event: object = None) -> None:
        """Show the two planes the canvas does not show."""
        dims = self.viewer.dims
        if not self.is_on or dims.ndim < 3:
            return
        shown = dims.order[-3] - dims.ndim if dims.ndisplay == 2 else -3
        others = [axis for axis in (-3, -2, -1) if axis != max(shown, -3)]
        for view, across in zip(self.views, others, strict=False):
            view.begin(across, self.anatomy)
        self._show_point()

    def _show_point(self, _event: object = None) -> None:
        if not self.is_on:
            return
        point = tuple(self.viewer.dims.point)
        if self._overlay is not None:
            self._overlay.show_point(point, self.anatomy)
        for view in self.views:
            view.show_point(point, self.anatomy)

    def _choose_wheel(self, steps: bool) -> None:
        if self._mouse is not None:
            self._mouse.wheel_steps = steps

    def _start_same_zoom(self, _on: bool) -> None:
        self._zoom_all(float(self.viewer.scene.camera.zoom))

    def _on_main_zoom(self, _event: object = None) -> None:
        self._zoom_all(float(self.viewer.scene.camera.zoom))

    def _zoom_all(self, zoom: float) -> None:
        if not self.is_on or self._zooming or not self.same_zoom.isChecked():
            return
        self._zooming = True
        for model in (self.viewer, *(view.model for view in self.views)):
            model.scene.camera.zoom = zoom
        self._zooming = False

    def _fit(self) -> None:
        for view in self.views:
            view.fit()

    def _take_theme(self, _event: object = None) -> None:
        for view in self.views:
            view.model.theme = self.viewer.theme

    def _lay_out(self) -> None:
        self.wheel.setChecked(True)
        self.wheel.setToolTip(
            "In the large view the wheel steps through the slices and Ctrl with it zooms; off, it "
            "is the other way round, as usual in napari"
        )
        self.same_zoom.setToolTip("Show all three views equally large: a mm is a mm in each")
        self.fit.setToolTip("Show all of both planes")
        row = QHBoxLayout()
        row.addWidget(self.hint, 1)
        row.addWidget(self.wheel)
        row.addWidget(self.same_zoom)
        row.addWidget(self.fit)
        self._split.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 0, 2, 0)
        column.setSpacing(2)
        column.addWidget(self._split, 1)
        column.addLayout(row)
