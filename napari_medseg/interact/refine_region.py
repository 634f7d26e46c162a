"""What is known of the part of an image that a prompt may change."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_medseg.interact.refine_grid import WorkGrid
from napari_medseg.interact.refine_score import normalised
from napari_medseg.interact.seeds import FREE, Seeds


@dataclass(frozen=True, eq=False)
class Region:
    """All that is known of the region a prompt may change.

    Parameters
    ----------
    image : ndarray
        ``(C, *S)``.
    labels : ndarray
        ``(*S)`` as they are shown.
    seeds : Seeds
        What all prompts say of it; its box is the region.
    spacing : tuple of float
        mm along each axis.
    values : tuple of int
        The classes a voxel may become, the background 0 first.
    probabilities : ndarray or None
        ``(K, *S)`` of `values`; None without a model. A class the model does not know is 0.
    may_change : ndarray of bool or None
        ``(*S)``; None is everywhere.
    """

    image: np.ndarray
    labels: np.ndarray
    seeds: Seeds
    spacing: tuple[float, ...]
    values: tuple[int, ...]
    probabilities: np.ndarray | None = None
    may_change: np.ndarray | None = None
    _looks: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict, repr=False)

    def grid(self, most: int) -> WorkGrid:
        """Return blocks of its voxels, at most `most` of them."""
        return WorkGrid.of(self.labels.shape, self.spacing, most)

    def look(self, grid: WorkGrid) -> np.ndarray:
        """Return how the image looks in blocks, ``(C, *blocks)`` from `normalised`; computed once.

        A region that differs but in labels, probabilities or `may_change` has the same.
        """
        if grid.factors not in self._looks:
            self._looks[grid.factors] = normalised(grid.means(self.image))
        return self._looks[grid.factors]

    def write(self, labels: np.ndarray, where: np.ndarray, value: int) -> None:
        """Write a class into `labels` where it may change."""
        if self.may_change is not None:
            where = where & self.may_change
        labels[where] = value

    def take_away(self, labels: np.ndarray, where: np.ndarray, value: int) -> None:
        """Write what `labels` are where a class is taken away: the background.

        Where a prompt or a lock forbids that, too, the model's next best class, or without a model
        the first one that may be.
        """
        if self.may_change is not None:
            where = where & self.may_change
        others = tuple(v for v in self.values if v != value)
        if not others or not where.any():
            return
        places = np.nonzero(where)
        open_ = self.seeds.allowed(others, places)
        if self.probabilities is None:
            liked = -np.arange(len(others), dtype=np.float32)[:, None]
        else:
            rows = [self.values.index(v) for v in others]
            liked = np.stack([self.probabilities[row][places] for row in rows])
        best = np.where(open_, liked, -np.inf).argmax(axis=0)
        if others[0] == 0:
            best[open_[0]] = 0
        labels[places] = np.asarray(others, labels.dtype)[best]

    def hold(self, labels: np.ndarray) -> None:
        """Make `labels` what the prompts say, wherever they may change."""
        required = self.seeds.required
        asked = required != FREE
        if self.may_change is not None:
            asked &= self.may_change
        if asked.any():
            asked[asked] = np.isin(required[asked], self.values)  # others are locked by now
            labels[asked] = required[asked]
        for value, denied in self.seeds.forbidden.items():
            self.take_away(labels, denied & (labels == value), value)
