"""The mouse on the canvas while a tool for prompts is on: what it draws becomes a prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.widgets.hooks import Drag, on_drag
from napari_medseg.widgets.interact.marks import drawn_line
from napari_medseg.widgets.interact.plane import Plane
from napari_medseg.widgets.interact.sketch import Sketch

if TYPE_CHECKING:
    from napari.viewer import Viewer

_BUTTONS = (1, 2)  # left adds, right removes
_PULL = "Press at one corner and pull to the opposite one."
_AROUND = "Press, draw around it, and let go where you began."
_OUTSIDE = "That is outside of the image; point at the image itself."


@dataclass(frozen=True)
class Pen:
    """With what is drawn.

    Parameters
    ----------
    kind : str
        "point", "scribble", "box" or "lasso".
    value : int
        The class.
    radius : float
        mm, of points and scribbles.
    """

    kind: str
    value: int
    radius: float


class Hand(QObject):
    """Draws prompts while a tool is on; the left button adds, the right one (or Shift) removes.

    Emits ``drawn(Prompt)``, or ``refused(text)`` where nothing came of a press, and ``left()`` when
    a person took another tool of napari.

    Parameters
    ----------
    viewer : Viewer
        Whose canvas it is.
    sketch : Sketch
        Where the line is seen while it is drawn.
    plane : callable
        Returns the slice one sees, or why none can be drawn on.
    pen : callable
        Returns with what is drawn now.
    """

    drawn = Signal(object)
    refused = Signal(str)
    left = Signal()

    def __init__(
        self,
        viewer: Viewer,
        sketch: Sketch,
        plane: Callable[[], Plane | str],
        pen: Callable[[], Pen],
    ) -> None:
        super().__init__(sketch)
        self._viewer, self._sketch = viewer, sketch
        self._plane_seen, self._pen = plane, pen
        self._stops: list[Callable[[], None]] = []
        self._panning = False
        self._plane: Plane | None = None
        self._with = Pen("point", 1, 0.0)
        self._line: list[np.ndarray] = []

    @property
    def on(self) -> bool:
        """Whether the mouse draws."""
        return bool(self._stops)

    @property
    def drawing(self) -> bool:
        """Whether a line is being drawn now."""
        return self._plane is not None

    def take(self) -> None:
        """Let the mouse draw from now on; with Space held it moves the image, as always."""
        if self.on:
            return
        viewer = self._viewer
        self._stops = [on_drag(viewer, self._take, button=b, when=self._is_ours) for b in _BUTTONS]
        viewer.bind_key("Space", self._pan, overwrite=True)
        viewer.layers.selection.events.active.connect(self._watch)
        self._watched: Any = None
        self._watch()

    def leave(self) -> None:
        """Leave the mouse to napari again."""
        if not self.on:
            return
        viewer, stops = self._viewer, self._stops
        self._stops, self._plane = [], None
        viewer.layers.selection.events.active.disconnect(self._watch)
        self._unwatch()
        viewer.bind_key("Space", None)
        viewer.cursor.style = "standard"
        for stop in stops:
            stop()

    def _watch(self, _event: object = None) -> None:
        """Follow the tool of the active layer: whoever takes the brush wants to paint."""
        self._unwatch()
        self._watched = self._viewer.layers.selection.active
        if self._watched is not None:
            self._watched.events.mode.connect(self._on_mode)
        self._viewer.cursor.style = "cross"

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.events.mode.disconnect(self._on_mode)
        self._watched = None

    def _on_mode(self, _event: object = None) -> None:
        if self._watched is not None and str(self._watched.mode) != "pan_zoom":
            self.left.emit()

    def _pan(self, _viewer: object) -> Iterator[None]:
        self._panning = True
        self._viewer.cursor.style = "standard"
        yield
        self._panning = False
        if self.on:
            self._viewer.cursor.style = "cross"

    def _is_ours(self) -> bool:
        if self._viewer.dims.ndisplay != 2:
            self.refused.emit("Prompts are drawn on a slice: go back to the 2D view.")
            return False
        return not self._panning

    def _take(self, drag: Drag) -> None:
        if drag.phase == "press":
            self._begin(drag)
        elif self._plane is not None:
            self._line.append(self._plane.voxel(drag.position))
            if drag.phase == "move":
                self._show()
            else:
                self._end(drag.click)

    def _begin(self, drag: Drag) -> None:
        plane = self._plane_seen()
        if isinstance(plane, str):
            self.refused.emit(plane)
            return
        self._plane, self._with = plane, self._pen()
        self._line = [plane.voxel(drag.position)]
        self._positive = drag.button == _BUTTONS[0] and "Shift" not in drag.modifiers
        if self._with.kind in POINTED:
            self._show()

    def _show(self) -> None:
        assert self._plane is not None
        flat = self._plane.on_slice(np.array(self._line))
        pixels = drawn_line(self._plane, flat, self._with.radius, kind=self._with.kind)
        self._sketch.draw(self._plane, pixels, positive=self._positive)

    def _end(self, click: bool) -> None:
        plane, pen, line = self._plane, self._with, np.array(self._line)
        assert plane is not None
        self._plane = None
        kind = pen.kind
        if kind in ("box", "lasso") and (click or len(line) < 3):
            self.refused.emit(_PULL if kind == "box" else _AROUND)
            return
        if kind in POINTED:
            kind = "point" if click else "scribble"
        points = {"point": line[:1], "box": line[[0, -1]]}.get(kind, line)
        if not plane.holds(points).any():
            self.refused.emit(_OUTSIDE)
            return
        self.drawn.emit(
            Prompt.drawn(
                plane.grid,
                points.tolist(),
                pen.value,
                kind=kind,
                positive=self._positive,
                radius=pen.radius,
                axis=plane.axis,
                time=time.time(),
            )
        )
