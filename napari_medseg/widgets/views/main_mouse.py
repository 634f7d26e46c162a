"""The mouse on napari's own canvas while the orthogonal views are open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from napari_medseg.widgets.views.pointing import stepped, zoom_at

if TYPE_CHECKING:
    from napari.viewer import Viewer

_CLICK = 3  # pixels: less is no drag


class MainMouse:
    """Lets a click, or Shift and a move, point the crosshair; painting and panning stay napari's.

    Parameters
    ----------
    viewer : Viewer
        Whose canvas it is.
    point : callable
        Is given the point of the world.
    """

    def __init__(self, viewer: Viewer, point: Callable[[tuple[float, ...]], None]) -> None:
        self._viewer, self._point = viewer, point
        self.wheel_steps = True
        wheel = viewer.mouse_wheel_callbacks
        self._wheel_before = list(wheel)
        # napari's own steps through the slices with Ctrl, which zooms here as in the other views
        wheel[:] = [self._wheel, *(c for c in wheel if c.__name__ != "dims_scroll")]
        viewer.mouse_drag_callbacks.append(self._press)
        viewer.mouse_move_callbacks.append(self._move)

    def end(self) -> None:
        """Give the mouse back."""
        viewer = self._viewer
        ours = viewer.mouse_wheel_callbacks
        others = [c for c in ours if c != self._wheel and c not in self._wheel_before]
        ours[:] = [*self._wheel_before, *others]
        for callbacks, call in (
            (viewer.mouse_drag_callbacks, self._press),
            (viewer.mouse_move_callbacks, self._move),
        ):
            if call in callbacks:
                callbacks.remove(call)

    def _press(self, _viewer: object, event: Any) -> Iterator[None] | None:
        active = self._viewer.layers.selection.active
        pans = active is None or str(active.mode) == "pan_zoom"
        flat = self._viewer.dims.ndisplay == 2
        return self._click(event) if event.button == 1 and pans and flat else None

    def _click(self, event: Any) -> Iterator[None]:
        start, position = event.pos, tuple(event.position)
        yield
        while event.type == "mouse_move":
            yield
        if abs(event.pos[0] - start[0]) + abs(event.pos[1] - start[1]) < _CLICK:
            self._point(position)

    def _move(self, _viewer: object, event: Any) -> None:
        if "Shift" in event.modifiers and self._viewer.dims.ndisplay == 2:
            self._point(tuple(event.position))

    def _wheel(self, _viewer: object, event: Any) -> None:
        dims = self._viewer.dims
        if dims.ndisplay != 2 or not dims.not_displayed or "Alt" in event.modifiers:
            return
        control = "Control" in event.modifiers
        if control == self.wheel_steps:  # Ctrl does what the wheel alone does not
            if control:
                zoom_at(self._viewer, event)
            return  # alone: napari zooms
        event.handled = True
        self._point(stepped(dims, dims.point, dims.not_displayed[-1], event))
