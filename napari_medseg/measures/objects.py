"""The connected objects of all classes of a label image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_medseg.editing.connected import connected
from napari_medseg.editing.scope import label_box
from napari_medseg.packed import Box


@dataclass(frozen=True, eq=False)
class Found:
    """The connected objects: `numbers` ``(*S_box)`` from 1, the rest of each by ``number - 1``."""

    corner: tuple[int, ...]
    numbers: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    boxes: tuple[Box, ...]

    def of(self, label: int) -> np.ndarray:
        """Return the objects of a class, the largest first."""
        own = np.flatnonzero(self.labels == label)
        return own[np.argsort(-self.counts[own], kind="stable")]

    def mask(self, index: int) -> np.ndarray:
        """Return an object's mask in its box."""
        return np.asarray(self.numbers[self.boxes[index]] == index + 1)

    def box(self, index: int) -> Box:
        """Return the box of an object in the whole array."""
        return tuple(
            slice(c + s.start, c + s.stop)
            for c, s in zip(self.corner, self.boxes[index], strict=True)
        )


def found_in(labels: np.ndarray) -> Found:
    """Find the connected objects of all classes at once, in the box around them."""
    from scipy.ndimage import find_objects

    box = label_box(labels)
    if box is None:
        nothing = np.zeros(0, np.int64)
        return Found((0,) * labels.ndim, nothing, nothing, nothing, ())
    part = labels[box]
    numbers, count = connected(part)
    inside = numbers != 0
    found = numbers[inside]
    values = np.zeros(count + 1, part.dtype)
    values[found] = part[inside]
    return Found(
        corner=tuple(s.start for s in box),
        numbers=numbers,
        labels=values[1:],
        counts=np.bincount(found, minlength=count + 1)[1:],
        boxes=tuple(find_objects(numbers)),
    )


def centre_of(mask: np.ndarray, box: Box) -> np.ndarray:
    """Return the mean index along each axis of a mask that lies in `box`."""
    centre = []
    for axis, s in enumerate(box):
        rest = tuple(a for a in range(mask.ndim) if a != axis)
        weights = np.count_nonzero(mask, axis=rest)
        centre.append(s.start + float(np.arange(len(weights)) @ weights) / float(weights.sum()))
    return np.array(centre)
