"""Going to a class: the middle of its largest part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_medseg.packed import bounding_box

if TYPE_CHECKING:
    from napari.viewer import Viewer

_ENOUGH = 1 << 20  # voxels in which the largest part of a class is found at once


def middle_of_class(labels: np.ndarray, value: int) -> tuple[int, ...] | None:
    """Return the voxel of a class in the middle of its largest part; None if there is no voxel.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``. In a box of more than a million voxels only every second, third, ... voxel along
        each axis is looked at.
    """
    from scipy import ndimage

    box = bounding_box(labels == value)
    if box is None:
        return None
    part = labels[box] == value
    stride = int(np.ceil((part.size / _ENOUGH) ** (1 / part.ndim)))
    coarse = part[(slice(None, None, stride),) * part.ndim]
    if not coarse.any():
        coarse, stride = part, 1
    islands, count = ndimage.label(coarse)
    largest = 1 + int(np.bincount(islands.ravel(), minlength=count + 1)[1:].argmax())
    voxels = np.argwhere(islands == largest)
    nearest = voxels[((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return tuple(int(s.start + stride * i) for s, i in zip(box, nearest, strict=True))


def go_to_class(viewer: Viewer, layer: Labels, value: int) -> bool:
    """Show the slice through the middle of the largest part of a class, and move it into sight.

    Returns
    -------
    bool
        Whether there is such a place.
    """
    voxel = middle_of_class(np.asarray(layer.data), value)
    if voxel is None:
        return False
    world = np.asarray(layer.data_to_world(voxel))
    first = viewer.dims.ndim - layer.ndim
    viewer.dims.set_point(range(first, viewer.dims.ndim), world.tolist())
    shown = [axis - first for axis in viewer.dims.displayed if axis >= first]
    if len(shown) == len(viewer.dims.displayed):
        centre = [float(world[axis]) for axis in shown]
        viewer.scene.camera.center = (0.0, *centre) if len(centre) == 2 else tuple(centre)
    return True
