"""Going to a place on the canvas: its slice, in the middle, close enough to judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer

from napari_medseg.packed import Box

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PART = 0.3  # of the canvas that the place takes
_LEAST = 10  # voxels that a smaller place counts as: what is around it is needed to judge it
_NEAR = 2.0  # times closer or farther than that is fine as it is


def go_to(viewer: Viewer, layer: Layer, centre: Sequence[int], box: Box) -> None:
    """Show a voxel of a layer in the middle of the canvas.

    The zoom stays where the place is neither tiny nor larger than the canvas.

    Parameters
    ----------
    centre : sequence of int
        Index over all axes of the layer.
    box : tuple of slice
        Around it, over all axes of the layer.
    """
    world = np.asarray(layer.data_to_world(centre), float)
    first = viewer.dims.ndim - len(world)
    viewer.dims.set_point(range(first, viewer.dims.ndim), list(world))
    point, displayed = np.asarray(viewer.dims.point, float), list(viewer.dims.displayed)
    camera = viewer.scene.camera
    camera.center = tuple(point[displayed])
    sides = [max(s.stop - s.start, _LEAST) for s in box]
    origin = np.asarray(layer.data_to_world([0] * len(box)), float)
    extent = np.zeros(viewer.dims.ndim)
    extent[first:] = np.abs(np.asarray(layer.data_to_world(sides), float) - origin)
    size, canvas = float(extent[displayed].max()), min(viewer.canvas.size)
    wanted = _PART * canvas / max(size, 1e-6)
    if not wanted / _NEAR <= camera.zoom <= wanted * _NEAR:
        camera.zoom = wanted
