"""From the mouse to a point of the world and a zoom, alike in every view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import Dims, ViewerModel

_ZOOM = 1.15  # a click of the wheel


def snapped(dims: Dims, point: Sequence[float]) -> tuple[float, ...]:
    """Return the middle of the voxel nearest to a point, within what the viewer shows."""
    found = []
    for value, extent in zip(point, dims.range, strict=True):
        low, high = sorted((extent.start, extent.stop))
        steps = round((float(np.clip(value, low, high)) - extent.start) / (extent.step or 1))
        found.append(float(extent.start + steps * (extent.step or 1)))
    return tuple(found)


def stepped(dims: Dims, point: Sequence[float], axis: int, event: Any) -> tuple[float, ...]:
    """Return the point a turn of the wheel further along an axis: one slice for each click."""
    notches = float(np.clip(event.delta[1], -1, 1))
    moved = list(point)
    moved[axis] += dims.range[axis].step * (notches if event.native.inverted() else -notches)
    return tuple(moved)


def zoom_at(model: ViewerModel, event: Any) -> None:
    """Zoom by a turn of the wheel; what is under the mouse stays there."""
    camera, factor = model.scene.camera, _ZOOM ** float(event.delta[1])
    here = np.array(event.position, float)[list(model.dims.displayed)]
    centre = np.array(camera.center, float)
    centre[-2:] = here[-2:] + (centre[-2:] - here[-2:]) / factor
    camera.zoom *= factor
    camera.center = tuple(centre)


def shows_all(model: ViewerModel) -> bool:
    """Whether all layers lie within the canvas."""
    if model.dims.ndisplay != 2 or not len(model.layers):
        return False
    corners = np.asarray(model.layers.extent.world, float)[:, list(model.dims.displayed)]
    camera = model.scene.camera
    away = np.abs(corners - np.asarray(camera.center, float)[-2:]).max(axis=0) * camera.zoom
    return bool((away <= np.asarray(model.canvas.size) / 2).all())
