"""Prompts: what a person points at, as data that can be saved, replayed and undone one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from napari_medseg.config import Config
from napari_medseg.interact.drawing import cuboid, polygon, stroke
from napari_medseg.packed import Box
from napari_medseg.volume import Volume

KINDS = ("point", "scribble", "box", "lasso")
POINTED = ("point", "scribble")
"""Of these, what lies over what is meant; a box or a lasso goes around it."""

_WORDS = {"point": "click", "scribble": "scribble", "box": "box", "lasso": "lasso"}


@dataclass(frozen=True, kw_only=True)
class Prompt(Config):
    """One thing a person pointed at; never tied to a network, nor to a grid of voxels.

    Parameters
    ----------
    kind : str
        "point"; "scribble", a line; "box", two corners; "lasso", a closed line.
    value : int
        The class; 0 is the background, so that a positive prompt of 0 says "nothing is here".
    points : tuple of (float, float, float)
        RAS+ mm, through `Volume.affine`; of images in 2D, too.
    positive : bool
        Whether this is of the class, or is not: what was of it there becomes background.
    radius : float
        mm, of points and scribbles; 0 is the voxels they touch and no more.
    axis : int or None
        The array axis (D, H, W) of the slice it was drawn on; None if it was not drawn on a slice
        of a volume. A box without one is a box in space.
    time : float
        When, in seconds since the epoch.
    with_next : bool
        Whether it was answered together with the prompt after it, which came before its answer.

    Raises
    ------
    ValueError
        If the fields do not make a prompt.
    """

    kind: str = field(metadata={"choices": KINDS})
    value: int
    points: tuple[tuple[float, float, float], ...]
    positive: bool = True
    radius: float = 0.0
    axis: int | None = None
    time: float = 0.0
    with_next: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a prompt is one of {', '.join(KINDS)}; got {self.kind!r}")
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            raise ValueError(f"the class of a prompt is a whole number from 0, got {self.value!r}")
        fits = {"point": (1, 1), "box": (2, 2), "lasso": (3, math.inf)}
        least, most = fits.get(self.kind, (1, math.inf))
        if not least <= len(self.points) <= most:
            wanted = str(least) if least == most else f"at least {least}"
            raise ValueError(f"a {self.kind} has {wanted} points, got {len(self.points)}")
        if not all(len(p) == 3 and all(math.isfinite(x) for x in p) for p in self.points):
            raise ValueError("every point of a prompt is three finite numbers, RAS+ mm")
        if not (math.isfinite(self.radius) and self.radius >= 0):
            raise ValueError(f"radius is a length in mm from 0, got {self.radius}")
        if self.axis not in (None, 0, 1, 2):
            raise ValueError(f"axis is 0, 1, 2 (D, H, W) or none, got {self.axis!r}")

    @classmethod
    def drawn(
        cls,
        volume: Volume,
        indices: Sequence[Sequence[float]],
        value: int,
        *,
        kind: str = "point",
        positive: bool = True,
        radius: float = 0.0,
        axis: int | None = None,
        time: float = 0.0,
    ) -> Self:
        """Make a prompt from voxel coordinates of `volume`, which may lie between voxels.

        Parameters
        ----------
        indices : sequence of sequence of float
            In array order: ``(h, w)`` in 2D, ``(d, h, w)`` in 3D.
        """
        given = np.asarray(indices, float).reshape(len(indices), -1)
        if given.shape[1:] != (volume.spatial_dims,):
            raise ValueError(
                f"points of this image have {volume.spatial_dims} coordinates, "
                f"got an array of {np.shape(indices)}"
            )
        flat = np.zeros((len(given), 3 - volume.spatial_dims))
        world = np.hstack([flat, given]) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        return cls(
            kind=kind,
            value=int(value),
            points=tuple((x, y, z) for x, y, z in world.tolist()),
            positive=positive,
            radius=float(radius),
            axis=axis if volume.spatial_dims == 3 else None,
            time=time,
        )

    @property
    def words(self) -> str:
        """How it is called to a person: "click on class 2", "lasso against class 1"."""
        return f"{_WORDS[self.kind]} {'on' if self.positive else 'against'} class {self.value}"

    def indices(self, volume: Volume) -> np.ndarray:
        """Return its points as voxel coordinates ``(N, axes)`` of `volume`, in array order."""
        world = np.asarray(self.points) - volume.affine[:3, 3]
        return np.linalg.solve(volume.affine[:3, :3], world.T).T[:, -volume.spatial_dims :]

    def voxels(self, volume: Volume) -> tuple[Box, np.ndarray]:
        """Return the voxels it covers on the grid of `volume`, cut at the image.

        Returns
        -------
        tuple of (tuple of slice, ndarray of bool)
            The smallest box that holds them, and which of it they are; at least one.

        Raises
        ------
        ValueError
            If all of it lies outside of the image, or a lasso does not say on which slice.
        """
        line, flat = self.indices(volume), self.plane(volume)
        if self.kind == "lasso" and volume.spatial_dims == 3 and flat is None:
            raise ValueError("a lasso in a volume is drawn on a slice; give the axis of that slice")
        if flat is not None:
            line[:, flat] = line[:, flat].mean()
        if self.kind == "box":
            found = cuboid(line, volume.shape)
        elif self.kind == "lasso":
            found = polygon(line, volume.shape, plane=flat)
        else:
            found = stroke(line, self.radius, volume.spacing, volume.shape, plane=flat)
        if found is None:
            where = ", ".join(f"{x:.0f}" for x in line.mean(axis=0))
            raise ValueError(
                f"the {self.words} lies outside of the image, near voxel ({where}) of "
                f"{'x'.join(map(str, volume.shape))}; point at the image itself"
            )
        return found

    def plane(self, volume: Volume) -> int | None:
        """Return the array axis along which it is flat on the grid of `volume`, None if none."""
        return self.axis if volume.spatial_dims == 3 else None
