"""Axes, units and steps of an OME-Zarr image, as its metadata say them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.errors import UnusableFile, broken
from napari_medseg.io.units import mm_per_unit

_KINDS = {"time": "t", "channel": "c", "space": "s"}
_KIND_OF_NAME = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_DIRECTIONS = {
    "inferior-to-superior": ("z", 1), "superior-to-inferior": ("z", -1),
    "caudal-to-cranial": ("z", 1), "cranial-to-caudal": ("z", -1),
    "anterior-to-posterior": ("y", 1), "posterior-to-anterior": ("y", -1),
    "ventral-to-dorsal": ("y", 1), "dorsal-to-ventral": ("y", -1),
    "right-to-left": ("x", 1), "left-to-right": ("x", -1),
}  # fmt: skip
"""RFC-4: the axis of a volume that runs this way, and whether with or against it."""

ANATOMICAL = {"z": "inferior-to-superior", "y": "anterior-to-posterior", "x": "right-to-left"}
"""RFC-4's words for the axes of a volume."""


@dataclass(frozen=True)
class Axes:
    """The axes of an image in its file.

    Parameters
    ----------
    letters : str
        For each stored axis the one of "tczyx" it is to a `Volume`.
    signs : tuple of int
        -1 where it runs against the volume's axis.
    mm : tuple of (float or None)
        mm in a unit of the axis, None where no length is stated; 0 for time and channels.
    anatomical : bool
        Whether the file says how all spatial axes lie in a body.
    """

    letters: str
    signs: tuple[int, ...]
    mm: tuple[float | None, ...]
    anatomical: bool

    @property
    def spatial(self) -> list[int]:
        """Stored axes of D, H, W or H, W."""
        return [self.letters.index(axis) for axis in "zyx" if axis in self.letters]


def axes_of(path: Path, multiscale: dict[str, Any], dims: int) -> Axes:
    """Read the axes of a multiscale image.

    Parameters
    ----------
    path : Path
        For messages.
    multiscale : dict
        An entry of ``multiscales``; without ``axes`` (0.1, 0.2) the last `dims` of t, c, z, y, x.
    dims : int
        How many axes the arrays have.

    Raises
    ------
    UnusableFile
        If they are not those of an image or volume.
    """
    given = multiscale.get("axes") or [*"tczyx"[-dims:]]
    described = [{"name": one} if isinstance(one, str) else dict(one) for one in given]
    if len(described) != dims:
        raise broken(path, f"names {len(described)} axes but its arrays have {dims}")
    names = [str(one.get("name", "")).lower() for one in described]
    kinds = [
        one.get("type") or _KIND_OF_NAME.get(n) for n, one in zip(names, described, strict=True)
    ]
    count = kinds.count("space")
    if any(kind not in _KINDS for kind in kinds) or count not in (2, 3):
        raise _no_image(path, names)
    if kinds.count("time") > 1 or kinds.count("channel") > 1:
        raise _no_image(path, names)
    space = [i for i, kind in enumerate(kinds) if kind == "space"]
    turned = _body_axes([described[i] for i in space])
    spelled = [names[i] for i in space]
    if turned is None:
        usual = sorted(spelled, reverse=True) == [*"zyx"[-count:]]
        turned = [(name, 1) for name in (spelled if usual else "zyx"[-count:])]
        anatomical = False
    else:
        anatomical = True
    letters, signs = [_KINDS[str(kind)] for kind in kinds], [1] * dims
    for i, (letter, sign) in zip(space, turned, strict=True):
        letters[i], signs[i] = letter, sign
    mm = tuple(
        mm_per_unit(str(one.get("unit", ""))) if kind == "space" else 0.0
        for kind, one in zip(kinds, described, strict=True)
    )
    return Axes("".join(letters), tuple(signs), mm, anatomical)


def steps_of(
    path: Path, multiscale: dict[str, Any], dataset: dict[str, Any], dims: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return step and first coordinate of each stored axis in its unit, None if not stated.

    The dataset's transformations are applied first, then those of the whole image.

    Raises
    ------
    UnusableFile
        If there are transformations other than scale and translation, or they are no numbers.
    """
    lists = [part.get("coordinateTransformations") or [] for part in (dataset, multiscale)]
    if not lists[0]:
        return None
    step, start = np.ones(dims), np.zeros(dims)
    for one in (one for transforms in lists for one in transforms):
        kind = one.get("type")
        if kind == "identity":
            continue
        numbers = one.get(kind) if kind in ("scale", "translation") else None
        if not isinstance(numbers, list):
            raise UnusableFile(
                f"{path.name} is placed by a transformation of the kind {kind!r}, which is not "
                "read; save it with scale and translation"
            )
        try:
            values = np.array(numbers, dtype=float)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != (dims,) or not np.isfinite(values).all():
            raise broken(path, f"has a {kind} that is not {dims} numbers")
        if kind == "scale":
            step, start = step * values, start * values
        else:
            start = start + values
    return step, start


def _body_axes(described: Sequence[dict[str, Any]]) -> list[tuple[str, int]] | None:
    """Return where spatial axes point if each of them says so and no two say the same."""
    said = [one.get("orientation") or {} for one in described]
    values = [one.get("value") if isinstance(one, dict) else one for one in said]
    if any(value not in _DIRECTIONS for value in values):
        return None
    turned = [_DIRECTIONS[str(value)] for value in values]
    letters = {letter for letter, _ in turned}
    flat = len(turned) == 2 and letters != {"y", "x"}
    return None if len(letters) < len(turned) or flat else turned


def _no_image(path: Path, names: Sequence[str]) -> UnusableFile:
    return UnusableFile(
        f"{path.name} has the axes {', '.join(names)}; an image has rows, columns, perhaps slices, "
        "and at most channels and time besides: save one of its images"
    )
