"""`Pyramid`: an image in pieces and several sizes, read where it is needed."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName
from napari_medseg.io.errors import UnusableFile, explained
from napari_medseg.io.paths import sniff
from napari_medseg.volume import Storage, Volume, canonical_affine

Box = Sequence[slice]


@dataclass(frozen=True, eq=False)
class Pyramid:
    """An image that lies in its file in pieces, in one size or several; may exceed memory.

    Levels, spacing, boxes and what `read` gives have the axes of a `Volume`: a file that says its
    axes run otherwise is turned piece by piece.

    Parameters
    ----------
    levels : tuple of array
        Finest first; each has ``shape``, ``dtype``, ``chunks`` and slices lazily to numpy.
    axes : str
        Of the levels: of "tczyx" in this order, or with "s" last for colours.
    spacing : tuple of tuple of float
        For each level, mm along D, H, W or H, W.
    origins : tuple of tuple of float
        For each level, mm of its first voxel's centre to superior, posterior and left.
    spacing_known : bool
        False if the file does not say; the finest spacing is then 1.
    name, path, format : str
        For people; where it lies; "ome-zarr" or "tiff".
    channels : tuple of str
        Name of each channel where known, else empty.
    notes : tuple of str
        What a person should know about how it is read.
    labels : tuple of str
        Names of the label images that lie inside; open one as ``PATH/labels/NAME``.
    classes : tuple of ClassName
        What the values of a label image are called, where the file says so.
    is_labels : bool
        Whether the file says that it is a label image.
    anatomical : bool
        Whether the file says how it lies in a body.
    alpha : bool
        Whether the last colour is transparency, which is left out of what is read.
    """

    levels: tuple[Any, ...]
    axes: str
    spacing: tuple[tuple[float, ...], ...]
    origins: tuple[tuple[float, ...], ...]
    spacing_known: bool
    name: str
    path: str
    format: str
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    classes: tuple[ClassName, ...] = ()
    is_labels: bool = False
    anatomical: bool = False
    alpha: bool = False

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return len(self.spacing[0])

    @property
    def origin(self) -> tuple[float, ...]:
        """The centre of the finest level's first voxel, mm."""
        return self.origins[0]

    @property
    def channel_count(self) -> int:
        """How many channels `read` gives."""
        return self._along("c") * self._along("s") - int(self.alpha)

    @property
    def time_points(self) -> int:
        """How many images there are one after the other; `read` gives one of them."""
        return self._along("t")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values as stored."""
        return np.dtype(self.levels[0].dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of one time point at the finest level: what `read` takes if no box is given."""
        return math.prod(self.shape()) * self.channel_count * self.dtype.itemsize

    @property
    def storage(self) -> Storage:
        """How the finest level lies, as a `Volume` says it: turned already."""
        order = tuple(range(self.spatial_dims))
        return Storage(
            axes=order,
            flips=(False,) * len(order),
            affine=self.affine() if self.anatomical else None,
            path=self.path,
            format=self.format,
            header={"classes": list(self.classes)},
        )

    def shape(self, level: int = 0) -> tuple[int, ...]:
        """Return the voxels of a level along each spatial axis, ``*S``."""
        sizes = dict(zip(self.axes, self.levels[level].shape, strict=True))
        return tuple(int(sizes[axis]) for axis in "zyx"[-self.spatial_dims :])

    def affine(self, level: int = 0) -> np.ndarray:
        """Return the (4, 4) matrix from a level's ``(0 or d, h, w, 1)`` to RAS+ mm."""
        affine = canonical_affine(self.spacing[level])
        depth, height, width = (0.0, *self.origins[level])[-3:]
        affine[:3, 3] = -width, -height, depth
        return affine

    def read(self, box: Box | None = None, *, level: int = 0, time: int = 0) -> Volume:
        """Read a region of a level into memory.

        Parameters
        ----------
        box : sequence of slice or None
            Of the level's voxels, one slice per spatial axis, without steps; None is all of it.
        level : int
            0 is the finest.
        time : int
            Which time point.

        Returns
        -------
        Volume
            ``(C, *S of the box)``, in its right place.

        Raises
        ------
        ValueError
            If there is no such level, time point or region, or the file is damaged.
        OSError
            If it cannot be read.
        """
        starts, stops = self._corners(box, level, time)
        spatial = dict(zip("zyx"[-self.spatial_dims :], map(slice, starts, stops), strict=True))
        index = tuple(time if axis == "t" else spatial.get(axis, slice(None)) for axis in self.axes)
        with explained(Path(self.path)):
            array = self._channels_first(np.asarray(self.levels[level][index]))
        affine = self.affine(level)
        affine[:, 3] = affine @ (*(0, *starts)[-3:], 1)
        return Volume(
            array=array,
            spacing=self.spacing[level],
            affine=affine,
            spacing_known=self.spacing_known,
            storage=self.storage,
            name=self.name,
            channels=self.channels,
            notes=self._notes(time),
        )

    def _along(self, axis: str) -> int:
        return int(self.levels[0].shape[self.axes.index(axis)]) if axis in self.axes else 1

    def _corners(self, box: Box | None, level: int, time: int) -> tuple[list[int], list[int]]:
        if not 0 <= level < len(self.levels):
            raise ValueError(f"{self.name} has {len(self.levels)} levels, no level {level}")
        if not 0 <= time < self.time_points:
            raise ValueError(f"{self.name} has {self.time_points} time points, no {time}")
        shape = self.shape(level)
        if box is None:
            return [0] * len(shape), list(shape)
        if len(box) != len(shape) or any(side.step not in (None, 1) for side in box):
            raise ValueError(
                f"a box of {self.name} is {len(shape)} slices without steps, got {tuple(box)}"
            )
        found = [side.indices(size)[:2] for side, size in zip(box, shape, strict=True)]
        if any(stop <= start for start, stop in found):
            raise ValueError(
                f"the box {tuple(box)} holds none of the {shape} voxels of {self.name}"
            )
        return [start for start, _ in found], [stop for _, stop in found]

    def _channels_first(self, array: np.ndarray) -> np.ndarray:
        """Bring one time point to ``(C, *S)``, contiguous, native, without transparency."""
        axes = self.axes.replace("t", "")
        colours = [i for i, axis in enumerate(axes) if axis in "cs"]
        array = np.moveaxis(array, colours, range(len(colours)))
        array = array.reshape(-1, *array.shape[len(colours) :])
        array = array[: self.channel_count]
        if array.dtype.kind == "b":
            array = array.astype(np.uint8)
        elif array.dtype == np.float16:
            array = array.astype(np.float32)
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
        return array if array.flags.writeable else array.copy()  # mapped from the file

    def _notes(self, time: int) -> tuple[str, ...]:
        if self.time_points == 1:
            return self.notes
        return (*self.notes, f"only time point {time + 1} of {self.time_points} is read")


def open_pyramid(path: str | os.PathLike[str]) -> Pyramid | None:
    """Open an image that lies in pieces or several sizes, without reading its values.

    Parameters
    ----------
    path : path
        The folder of an OME-Zarr image (0.1 to 0.5) or of one inside another store
        (``plate.zarr/A/1/0``, ``image.zarr/labels/liver``), a zipped store, or a TIFF file of
        several sizes or of more than 1 GiB.

    Returns
    -------
    Pyramid or None
        None for every other kind of image.

    Raises
    ------
    ValueError
        If it is damaged, holds several images, or has axes an image does not have.
    OSError
        If it is not there or cannot be read.
    """
    path = Path(path)
    kind = sniff(path)
    pyramid: Pyramid | None = None
    if kind == "zarr":
        from napari_medseg.io.ome_zarr import open_ome_zarr

        pyramid = open_ome_zarr(path)
    elif kind == "tiff":
        from napari_medseg.io.tiff_pyramid import open_tiff_pyramid

        pyramid = open_tiff_pyramid(path)
    if pyramid is not None and pyramid.dtype.kind not in "uifb":
        raise UnusableFile(
            f"{path.name} holds {pyramid.dtype} values; real numbers are needed: export it again"
        )
    return pyramid
