"""`Volume`: the one image type of the engine, with its place in the world."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Storage:
    """How an image lies in its file, relative to the axes it has in a `Volume`.

    Parameters
    ----------
    axes : tuple of int
        Axis of the file for each spatial axis of the volume.
    flips : tuple of bool
        Whether that axis runs backwards in the file.
    affine : ndarray or None
        The file's own voxel index to RAS+ mm, (4, 4); None for formats without one.
    path : str
        Where it was read from; empty for arrays.
    format : str
        "nifti", "dicom", "image" or "array".
    header : dict
        What the format needs to write labels that match, opaque to everyone else.
    """

    axes: tuple[int, ...]
    flips: tuple[bool, ...]
    affine: np.ndarray | None = None
    path: str = ""
    format: str = "array"
    header: dict[str, Any] = field(default_factory=dict)

    def to_canonical(self, stored: np.ndarray) -> np.ndarray:
        """Turn an array ``(*S_file)`` into the volume's axes ``(*S)``; a view."""
        moved = stored.transpose(self.axes)
        return moved[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]

    def to_stored(self, canonical: np.ndarray) -> np.ndarray:
        """Turn an array ``(*S)`` back into the file's axes ``(*S_file)``; a view."""
        turned = canonical[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]
        return turned.transpose(tuple(np.argsort(self.axes)))


def canonical_affine(spacing: tuple[float, ...]) -> np.ndarray:
    """Return the (4, 4) matrix from ``(d, h, w, 1)`` to RAS+ mm of an image with no other place.

    D runs to superior, H to posterior, W to left; the first voxel is the origin. For 2D the
    index is ``(0, h, w, 1)``.
    """
    depth, height, width = (1.0, *spacing)[-3:]
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = depth, -height, -width, 1
    return affine


@dataclass(frozen=True, eq=False)
class Volume:
    """A 2D image or 3D volume with its spacing and its place in the world.

    Parameters
    ----------
    array : ndarray
        ``(C, D, H, W)`` or ``(C, H, W)``; D inferior to superior, H anterior to posterior,
        W right to left, as near as flips and transposes come to it.
    spacing : tuple of float
        Distance of neighbouring voxels in mm, one per spatial axis, in array order.
    affine : ndarray
        (4, 4); array index ``(d, h, w, 1)`` to RAS+ mm. For 2D the index is ``(0, h, w, 1)``.
        Left out, it is `canonical_affine` of the spacing: the first voxel at the origin.
    spacing_known : bool
        False if the file does not say; `spacing` is then 1.
    storage : Storage or None
        How the file it came from lies; None for an array that came from no file.
    name : str
        For people: the file's or layer's name.
    channels : tuple of str
        Name of each channel where known ("red", "FLAIR"), else empty.
    notes : tuple of str
        What a person should know about how it was read ("2 slices were there twice; ...").

    Raises
    ------
    ValueError
        If array, spacing or affine do not fit together.
    """

    array: np.ndarray
    spacing: tuple[float, ...]
    affine: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    spacing_known: bool = True
    storage: Storage | None = None
    name: str = ""
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.ndim not in (3, 4):
            raise ValueError(
                f"a volume is (C, H, W) or (C, D, H, W), got an array of {self.array.ndim} axes "
                f"{self.array.shape}"
            )
        if len(self.spacing) != self.spatial_dims:
            raise ValueError(f"spacing {self.spacing} must have {self.spatial_dims} entries (mm)")
        if not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise ValueError(f"spacing must be positive and finite (mm), got {self.spacing}")
        if self.affine.size == 0:
            object.__setattr__(self, "affine", canonical_affine(self.spacing))
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise ValueError("affine must be a finite 4x4 matrix")

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.array.ndim - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each spatial axis, ``*S``."""
        return self.array.shape[1:]

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm³ (area in mm² for 2D)."""
        return float(np.prod(self.spacing))

    def with_array(self, array: np.ndarray) -> Volume:
        """Return the same place in the world with other values ``(C, *S)``."""
        if array.shape[1:] != self.shape:
            raise ValueError(f"expected {self.shape} voxels, got {array.shape[1:]}")
        return replace(self, array=array)
