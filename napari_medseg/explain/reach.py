"""How far from a voxel what it depends on lies."""

from __future__ import annotations

import numpy as np

from napari_medseg.explain.place import Place
from napari_medseg.explain.view import View


def reach(values: np.ndarray, place: Place, view: View) -> str:
    """Say how far from ``view.at`` half and 95 % of a map ``(*S)`` of 0 and up lie."""
    squares = np.zeros((1,) * values.ndim)
    axes = zip(place.scale_mm, place.translate_mm, view.at, view.volume.spacing, strict=True)
    for axis, (mm, first, at, size) in enumerate(axes):
        away = np.square(np.arange(values.shape[axis]) * mm + first - at * size)
        squares = squares + away.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    order = np.argsort(squares, axis=None)
    mass = np.cumsum(values.ravel()[order], dtype=np.float64)
    if not len(mass) or not mass[-1] > 0:
        return "nothing lies anywhere: the answer there depends on no voxel"
    half, most = (
        float(np.sqrt(squares.ravel()[order][np.searchsorted(mass, share * mass[-1])]))
        for share in (0.5, 0.95)
    )
    unit = "mm" if view.volume.spacing_known else "voxels"
    return (
        f"half of it lies within {half:.1f} {unit} of voxel {', '.join(map(str, view.at))}, 95 % "
        f"within {most:.1f} {unit}"
    )
