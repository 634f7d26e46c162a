"""Labels on disk that fill in: as they are where one looks closely, coarse from further away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.engine.block_store import LabelStore
from napari_medseg.engine.part import Box

_MOST = 1 << 26  # voxels of the coarse labels, which are held in memory
_ACROSS = 1024  # of their sides at most, as long as that leaves two levels


class Filling:
    """The labels of a run over blocks: the file itself, and every n-th voxel of it in memory.

    Shown as two levels, a slice of the coarse one takes no reading however large the image is.

    Parameters
    ----------
    store : LabelStore
        The labels, some of which are there.
    """

    def __init__(self, store: LabelStore) -> None:
        self.store = store
        self.fine: Any = store.array
        shape = tuple(int(n) for n in self.fine.shape)
        self.steps = steps(shape)
        self.coarse = np.zeros(
            [-(-n // step) for n, step in zip(shape, self.steps, strict=True)], self.fine.dtype
        )

    @classmethod
    def of(cls, path: Path) -> Filling:
        """Open labels, with what an earlier run has done."""
        filling = cls(LabelStore(path))
        for box in filling.store.chunk_boxes():
            if filling.store.is_done(box):
                filling.take(box)
        return filling

    @property
    def levels(self) -> list[Any]:
        """What napari shows."""
        return [self.fine, self.coarse]

    def take(self, box: Box) -> None:
        """Take a block ``(D, H, W)`` that was written into the coarse labels."""
        sides = box[3 - len(self.steps) :]
        values = np.asarray(self.fine[sides])
        inside = tuple(
            slice((-side.start) % step, None, step)
            for side, step in zip(sides, self.steps, strict=True)
        )
        at = tuple(
            slice(-(-side.start // step), -(-side.stop // step))
            for side, step in zip(sides, self.steps, strict=True)
        )
        self.coarse[at] = values[inside]


def steps(shape: Sequence[int]) -> tuple[int, ...]:
    """Return of which voxels along each axis the coarse labels are made: every n-th."""
    across = max(2, -(-max(shape[-2:]) // _ACROSS))
    found = [1] * (len(shape) - 2) + [min(across, n) for n in shape[-2:]]
    while len(found) == 3 and np.prod([n / s for n, s in zip(shape, found, strict=True)]) > _MOST:
        found = [step * 2 for step in found]
    return tuple(found)
