"""Voxels and slices that are asked about, checked and brought to a network's grid."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.engine.grid import Grid
from napari_medseg.volume import Volume


def checked_voxel(at: Sequence[int], volume: Volume) -> tuple[int, ...]:
    """Return `at` as plain numbers; `ValueError` if it is no voxel of `volume`."""
    voxel = tuple(int(a) for a in at)
    if len(voxel) != volume.spatial_dims or any(
        not 0 <= a < n for a, n in zip(voxel, volume.shape, strict=False)
    ):
        raise ValueError(
            f"voxel {', '.join(map(str, voxel))} is not in the image of "
            f"{'x'.join(map(str, volume.shape))} voxels; count from 0, one number per axis"
        )
    return voxel


def checked_slices(asked: slice | None, at: tuple[int, ...], axis: int, volume: Volume) -> slice:
    """Return which slices a 2D model is shown; None is the one of `at`.

    Raises
    ------
    ValueError
        If they do not hold `at`.
    """
    if volume.spatial_dims == 2:
        return slice(0, 1)
    if asked is None:
        return slice(at[axis], at[axis] + 1)
    start, stop, step = asked.indices(volume.shape[axis])
    if step != 1 or not start <= at[axis] < stop:
        raise ValueError(
            f"slices {start} to {stop - 1} do not hold slice {at[axis]}, which is asked about; "
            "choose neighbouring slices around it"
        )
    return slice(start, stop)


def on_grid(at: Sequence[int], grid: Grid) -> tuple[int, ...]:
    """Return the network's voxel that covers the centre of a voxel of the input."""
    sides = zip(at, grid.input_shape, grid.shape, strict=True)
    return tuple(min(int((a + 0.5) * m / n), m - 1) for a, n, m in sides)
