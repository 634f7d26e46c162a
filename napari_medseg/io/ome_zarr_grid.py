"""The grid of an OME-Zarr label image: axes, shapes, scales and translations of its levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.ome_zarr import ome_of, open_image
from napari_medseg.io.ome_zarr_axes import ANATOMICAL, axes_of, steps_of
from napari_medseg.io.pyramid import Pyramid

_LONGEST_SIDE = 256  # of the coarsest level, where levels are made


@dataclass(frozen=True)
class GridLevel:
    """One size of an image in a file.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the stored axes.
    scale, translation : tuple of float
        In the unit of the axes: from voxel to voxel, and the first one's centre.
    """

    shape: tuple[int, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]

    def dataset(self, path: str) -> dict[str, Any]:
        """Return the level as the metadata of a multiscale image list it."""
        return {
            "path": path,
            "coordinateTransformations": [
                {"type": "scale", "scale": [*self.scale]},
                {"type": "translation", "translation": [*self.translation]},
            ],
        }

    def nearest(self, coarser: GridLevel) -> list[np.ndarray]:
        """Return, for each axis, this level's index nearest to each voxel of a coarser one."""
        return [
            np.clip(
                # of two as near the first
                np.rint((start + step * np.arange(size) - own_start) / own_step - 1e-6).astype(int),
                0,
                own_size - 1,
            )
            for size, step, start, own_size, own_step, own_start in zip(
                coarser.shape,
                coarser.scale,
                coarser.translation,
                self.shape,
                self.scale,
                self.translation,
                strict=True,
            )
        ]


@dataclass(frozen=True)
class LabelGrid:
    """Where a label image lies.

    Parameters
    ----------
    version : str
        Of OME-Zarr, "0.4" or "0.5".
    axes : list of dict
        The spatial axes, as OME-Zarr's metadata describe them.
    levels : tuple of GridLevel
        Finest first.
    """

    version: str
    axes: list[dict[str, Any]]
    levels: tuple[GridLevel, ...]

    @property
    def order(self) -> list[int]:
        """Which of D, H, W (or H, W) each stored axis is."""
        spatial = axes_of(Path("labels"), {"axes": self.axes}, len(self.axes)).spatial
        return [spatial.index(axis) for axis in range(len(self.axes))]


def grid_for(like: Pyramid) -> LabelGrid:
    """Return the grid of labels for an image.

    Parameters
    ----------
    like : Pyramid
        The image. Labels for an OME-Zarr image have its version, stored axes, units, scales and
        levels; for others they are 0.5 in mm. A single level is halved, the finer sides first,
        until no side is longer than 256.
    """
    grid = _of_source(like) if like.format == "ome-zarr" else None
    grid = grid or _of_pyramid(like)
    if len(grid.levels) > 1:
        return grid
    return replace(grid, levels=tuple(_halved(grid.levels[0])))


def _of_pyramid(like: Pyramid) -> LabelGrid:
    axes: list[dict[str, Any]] = [
        {"name": name, "type": "space"} for name in "zyx"[-like.spatial_dims :]
    ]
    for axis in axes:
        if like.spacing_known:
            axis["unit"] = "millimeter"
        if like.anatomical:
            axis["orientation"] = {"type": "anatomical", "value": ANATOMICAL[axis["name"]]}
    levels = [
        GridLevel(like.shape(i), like.spacing[i], like.origins[i]) for i in range(len(like.levels))
    ]
    return LabelGrid("0.5", axes, tuple(levels))


def _of_source(like: Pyramid) -> LabelGrid | None:
    """Return the grid of an OME-Zarr image in the image's own words; None before 0.4."""
    import zarr

    node, _ = open_image(Path(like.path))
    if isinstance(node, zarr.Array):
        return None
    multiscale = ome_of(node)["multiscales"][0]
    axes, datasets = multiscale.get("axes") or [], multiscale["datasets"]
    if not axes or not all(isinstance(axis, dict) for axis in axes):
        return None
    spatial = sorted(axes_of(Path(like.path), multiscale, len(axes)).spatial)
    levels = []
    for dataset in datasets:
        stated = steps_of(Path(like.path), multiscale, dataset, len(axes))
        array: Any = node[dataset["path"]]
        if stated is None:
            return None
        scale, translation = (tuple(float(part[i]) for i in spatial) for part in stated)
        levels.append(GridLevel(tuple(array.shape[i] for i in spatial), scale, translation))
    version = "0.5" if node.metadata.zarr_format == 3 else "0.4"
    return LabelGrid(version, [axes[i] for i in spatial], tuple(levels))


def _halved(level: GridLevel) -> Sequence[GridLevel]:
    """Return ever coarser levels, this one first."""
    levels = [level]
    while max(level.shape) > _LONGEST_SIDE:
        finest = min(s for s, n in zip(level.scale, level.shape, strict=True) if n > 1)
        factors = [
            2 if n > 1 and step < 2 * finest else 1
            for n, step in zip(level.shape, level.scale, strict=True)
        ]
        sides = list(zip(factors, level.shape, level.scale, level.translation, strict=True))
        level = GridLevel(
            tuple(math.ceil(n / f) for f, n, _, _ in sides),
            tuple(step * f for f, _, step, _ in sides),
            tuple(start + step * (f - 1) / 2 for f, _, step, start in sides),
        )
        levels.append(level)
    return levels
