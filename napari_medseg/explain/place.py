"""Where an array lies over an image, exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_medseg.volume import Storage, Volume


@dataclass(frozen=True, eq=False)
class Place:
    """How voxels of an overlay lie over those of an image.

    Voxel ``j`` of the overlay covers ``scale`` voxels of the image along each axis; the centre of
    the first lies at ``translate``, counted in image voxels from the centre of the image's first.

    Parameters
    ----------
    shape : tuple of int
        Voxels ``*S`` of the image.
    scale, translate : tuple of float
        One entry per axis of ``*S``.
    spacing : tuple of float
        Of the image, mm.
    affine : ndarray
        (4, 4), of the image: index ``(d, h, w, 1)`` to RAS+ mm, ``(0, h, w, 1)`` in 2D.
    storage : Storage or None
        How the image's file lies, for writing.
    spacing_known : bool
        False if `spacing` is a guess.
    """

    shape: tuple[int, ...]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    spacing: tuple[float, ...]
    affine: np.ndarray
    storage: Storage | None = field(default=None, repr=False)
    spacing_known: bool = True

    @classmethod
    def over(cls, volume: Volume, scale: tuple[float, ...], translate: tuple[float, ...]) -> Place:
        """Return a place over `volume`."""
        return cls(
            shape=volume.shape,
            scale=scale,
            translate=translate,
            spacing=volume.spacing,
            affine=volume.affine,
            storage=volume.storage,
            spacing_known=volume.spacing_known,
        )

    @property
    def scale_mm(self) -> tuple[float, ...]:
        """Size of an overlay voxel in mm."""
        return tuple(s * mm for s, mm in zip(self.scale, self.spacing, strict=True))

    @property
    def translate_mm(self) -> tuple[float, ...]:
        """Centre of the overlay's first voxel in mm from that of the image's, along its axes."""
        return tuple(t * mm for t, mm in zip(self.translate, self.spacing, strict=True))

    @property
    def world(self) -> np.ndarray:
        """The (4, 4) matrix from an index of the overlay to RAS+ mm; 2D as in `Volume`."""
        steps, start = np.eye(4), np.zeros(4)
        axes = range(3 - len(self.shape), 3)
        for axis, scale, translate in zip(axes, self.scale, self.translate, strict=True):
            steps[axis, axis], start[axis] = scale, translate
        steps[:3, 3] = start[:3]
        return np.asarray(self.affine @ steps)

    def around(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """Return the overlay's voxel that covers a voxel of the image, perhaps beyond its end."""
        places = zip(at, self.scale, self.translate, strict=True)
        return tuple(int(np.floor((a - t) / s + 0.5)) for a, s, t in places)

    def centres(self, sizes: tuple[int, ...]) -> list[np.ndarray]:
        """Return where voxels of an overlay of `sizes` lie, in image voxels along each axis."""
        axes = zip(sizes, self.scale, self.translate, strict=True)
        return [first + scale * np.arange(n) for n, scale, first in axes]

    def volume(self, array: np.ndarray) -> Volume:
        """Return ``(n, *S)`` on the image's own voxels as a volume in its place."""
        return Volume(
            array,
            self.spacing,
            self.affine,
            spacing_known=self.spacing_known,
            storage=self.storage,
        )
