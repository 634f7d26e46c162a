"""`Overlay`: maps to lay over an image, in their place, with the words that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_medseg.explain.place import Place

KINDS = ("map", "share", "signed", "rgb")
_COLOURS = {"map": "magma", "share": "viridis", "signed": "coolwarm", "rgb": ""}
_SAMPLED = 1_000_000  # values that limits are made from


@dataclass(frozen=True, eq=False)
class Overlay:
    """A stack of maps over an image.

    Parameters
    ----------
    name : str
        What it is, short: "enc3, channels".
    words : str
        What it shows, for people.
    values : ndarray
        ``(n, *S')`` float32, finite; for kind "rgb" ``(3, *S')`` uint8.
    place : Place
        How ``*S'`` lies over the image.
    kind : str
        "map": 0 and up; "share": 0 to 1; "signed": 0 is neutral; "rgb": a colour picture.
    unit : str
        Of the values: "voxels", "probability"; empty where they have none.
    channels : tuple of str
        What each of the n maps is.
    notes : tuple of str
        What a person should know about how it was made.

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """

    name: str
    words: str
    values: np.ndarray
    place: Place
    kind: str = "map"
    unit: str = ""
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.values.ndim != 1 + len(self.place.shape):
            raise ValueError(
                f"an overlay over {len(self.place.shape)} axes is (n, *S), got values of shape "
                f"{self.values.shape}"
            )
        if not self.channels:
            named = tuple(str(i + 1) for i in range(len(self.values)))
            object.__setattr__(self, "channels", named)
        if len(self.channels) != len(self.values):
            raise ValueError(f"{len(self.values)} maps have {len(self.channels)} names")

    @property
    def scale(self) -> tuple[float, ...]:
        """Image voxels per voxel of the overlay, along each axis."""
        return self.place.scale

    @property
    def translate(self) -> tuple[float, ...]:
        """Where the centre of its first voxel lies, in image voxels."""
        return self.place.translate

    @property
    def colormap(self) -> str:
        """Name of colours that suit the kind, as napari and matplotlib have it."""
        return _COLOURS[self.kind]

    @property
    def opacity(self) -> float:
        """How much of the overlay hides the image, 0 to 1."""
        return 0.6

    @property
    def limits(self) -> tuple[float, float]:
        """Return the values of the first and the last colour: robust, symmetric where signed."""
        if self.kind == "rgb":
            return 0.0, 255.0
        some = self.values.ravel()[:: max(1, self.values.size // _SAMPLED)]
        if self.kind == "share" and not self.unit:
            low, high = 0.0, 1.0
        elif self.kind == "signed":
            high = float(np.percentile(np.abs(some), 99.5)) if some.size else 1.0
            low = -high
        else:
            low, high = (float(v) for v in np.percentile(some, (0.5, 99.5)))
            low = min(low, 0.0) if self.kind == "map" else low
        return (low, high) if high > low else (low, low + 1.0)

    def only(self, *which: int) -> Overlay:
        """Return some of the maps."""
        chosen = tuple(self.channels[i] for i in which)
        return replace(self, values=self.values[list(which)], channels=chosen)

    def at(self, voxel: tuple[int, ...]) -> np.ndarray | None:
        """Return the n values over a voxel of the image; None beyond the overlay."""
        inside = self.place.around(voxel)
        if any(not 0 <= i < n for i, n in zip(inside, self.values.shape[1:], strict=True)):
            return None
        index: tuple[slice | int, ...] = (slice(None), *inside)
        return np.asarray(self.values[index])

    def on_grid(self, fill: float = np.nan) -> np.ndarray:
        """Return the maps on the image's own voxels, interpolated linearly: ``(n, *S)``.

        Parameters
        ----------
        fill : float
            For voxels the overlay does not cover; 0 in a colour picture.
        """
        values = sampled(self.values, self.place, [np.arange(n) for n in self.place.shape], fill)
        if self.kind == "rgb":
            return np.nan_to_num(values, nan=0).round().astype(np.uint8)
        return values

    def save(self, path: str | Path) -> None:
        """Write the maps.

        Parameters
        ----------
        path : path
            ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha``, ``.tif``: on the image's own voxels, in its
            place, 0 where nothing was computed; ``.png``: the first map of a picture, or of the
            middle slice it covers, in colour; ``.csv``: a row per voxel of the overlay.

        Raises
        ------
        ValueError
            If the format cannot hold it.
        OSError
            If it cannot be written.
        """
        from napari_medseg.explain.saving import save_overlay

        save_overlay(Path(path), self)


def sampled(
    values: np.ndarray, place: Place, at: Sequence[np.ndarray], fill: float = np.nan
) -> np.ndarray:
    """Return maps at other places of their image, interpolated linearly.

    Parameters
    ----------
    values : ndarray
        ``(n, *S')``.
    place : Place
        Where they lie.
    at : sequence of ndarray
        Along each axis of the image, voxels of it, not necessarily whole ones.
    fill : float
        For what the maps do not cover.

    Returns
    -------
    ndarray
        ``(n, *sizes of at)`` float32.
    """
    values, covered = values.astype(np.float32), np.ones((1,) * len(at), bool)
    for axis, (wanted, scale, first) in enumerate(
        zip(at, place.scale, place.translate, strict=True)
    ):
        count = values.shape[1 + axis]
        there = (wanted - first) / scale  # in voxels of the maps
        inside = (there >= -0.5 - 1e-6) & (there <= count - 0.5 + 1e-6)
        others = tuple(a for a in range(len(at)) if a != axis)
        covered = covered & np.expand_dims(inside, others)
        values = _linear(values, there, 1 + axis)
    return np.where(covered[None], values, np.float32(fill))


def _linear(values: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate along one axis at `at`, constant beyond the ends."""
    count = values.shape[axis]
    at = at.clip(0, count - 1)
    low = np.floor(at).astype(np.intp)
    weight = (at - low).astype(np.float32)
    below = values.take(low, axis=axis)
    if not weight.any():
        return below
    above = values.take(np.minimum(low + 1, count - 1), axis=axis)
    weight = np.expand_dims(weight, tuple(a for a in range(values.ndim) if a != axis))
    return np.asarray(below + (above - below) * weight)
