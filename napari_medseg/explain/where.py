"""Voxels and slices that are asked about, and the windows of a run that show them."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.plan import Plan
from napari_medseg.explain.blend import Windows, nearest_start
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


def window_around(plan: Plan, at: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return start and sides of the window whose middle is nearest to a voxel."""
    tiling = plan.tiling
    places = zip(tiling.starts, tiling.before, plan.window, at, strict=True)
    nearest = [nearest_start(starts, side, a + b) - b for starts, b, side, a in places]
    return nearest, list(plan.window)


def all_windows(plan: Plan) -> tuple[list[int], list[int]]:
    """Return start and sides of what all windows cover, sides that maps of any stride divide."""
    tiling, d = plan.tiling, plan.divisor
    return [-b for b in tiling.before], [-(-side // d) * d for side in tiling.padded]


def windows_of(plan: Plan) -> Windows:
    """Return the windows of a plan, along the axes that the network sees."""
    axes, starts = plan.network_axes, plan.tiling.starts
    return Windows(tuple(plan.window[a] for a in axes), tuple(tuple(starts[a]) for a in axes))
