"""What came of prompts and is not accepted yet: boxes of labels before and after, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_medseg.editing.scope import intersection, union
from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box, PackedArray, bounding_box, moved, within


@dataclass(frozen=True, eq=False)
class Turn:
    """Prompts that were answered together.

    Parameters
    ----------
    prompts : tuple of Prompt
        The oldest first.
    box : tuple of slice
        Of the image's ``*S``: where the answer lies.
    before, after : ndarray or PackedArray
        Labels of the box's shape, without this turn and with it.
    notes : tuple of str
        What people should know of it.
    """

    prompts: tuple[Prompt, ...]
    box: Box
    before: np.ndarray | PackedArray
    after: np.ndarray | PackedArray
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, prompts: tuple[Prompt, ...], box: Box, before: np.ndarray, after: np.ndarray,
        notes: tuple[str, ...] = (),
    ) -> Turn:  # fmt: skip
        """Return a turn that holds no more than what changes."""
        inner = bounding_box(before != after)
        if inner is None:
            return Turn(prompts, *_nothing(before), notes)
        kept = np.array(before[inner]), np.array(after[inner])
        return cls(prompts, moved(inner, box), *kept, notes)

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return all(s.start < s.stop for s in self.box)

    def packed(self) -> Turn:
        """Return the same in less memory, for turns that are looked at seldom."""
        before, after = (PackedArray(np.asarray(one), 0) for one in (self.before, self.after))
        return replace(self, before=before, after=after)

    def write(self, labels: np.ndarray, corner: Sequence[int]) -> None:
        """Write what the turn changes into labels of a part of the image, in place.

        What somebody painted since the answer was computed stays.

        Parameters
        ----------
        labels : ndarray
            Of the part.
        corner : sequence of int
            The voxel of the image on which the part begins.
        """
        part = tuple(slice(c, c + n) for c, n in zip(corner, labels.shape, strict=True))
        shared = intersection(self.box, part)
        if shared is None or not self.changes:
            return
        here, own = labels[within(shared, part)], within(shared, self.box)
        before, after = np.asarray(self.before)[own], np.asarray(self.after)[own]
        new = (before != after) & (here == before)
        here[new] = after[new]


def overlaid(labels: np.ndarray, turns: Sequence[Turn], box: Box | None = None) -> np.ndarray:
    """Return a copy of labels ``(*S)``, or of a box of them, as they are with the turns."""
    where = box or tuple(slice(0, side) for side in labels.shape)
    shown = np.array(labels[where])
    for turn in turns:
        turn.write(shown, [s.start for s in where])
    return shown


def changed_box(turns: Sequence[Turn]) -> Box | None:
    """Return the smallest box with all that turns change; None where that is nothing."""
    return union([turn.box for turn in turns if turn.changes])


def _nothing(like: np.ndarray) -> tuple[Box, np.ndarray, np.ndarray]:
    empty = np.zeros((0,) * like.ndim, like.dtype)
    return (slice(0, 0),) * like.ndim, empty, empty
