"""What speaks for a class on the slices next to a corrected one: the image's look and a model."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from napari_medseg.editing.islands import grown
from napari_medseg.interact.adapt import Head, fit_head
from napari_medseg.interact.adapt_config import AdaptConfig
from napari_medseg.interact.features import RegionFeatures
from napari_medseg.interact.refine_score import appearance, log_odds, normalised, smoothed
from napari_medseg.interact.seeds import Seeds
from napari_medseg.packed import Box, bounding_box
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume

_MARGIN = 0.3  # of an outline's side: so much around it is looked at, and room to grow
_FEWEST = 8  # voxels around it at least
_AT_ONCE = {2: 8, 3: 32}  # slices whose features are computed together, by what the model sees
_IMAGE, _MODEL = 0.7, 0.7  # weights
_TIE, _ROUNDS = 1.0, 5
_LEARNT_BY = AdaptConfig(near=0.0, image=0.0, features=2.0)


class Knows(Protocol):
    """Who can say what a model knows of a box: an `Interaction`."""

    def features(self, box: Box, report: Report = silent) -> RegionFeatures | None:
        """Return the features of a box; None without a model."""


class SliceEvidence:
    """Log-odds of a class on any slice, learnt from one slice.

    Parameters
    ----------
    labels : ndarray
        ``(D, H, W)``.
    volume : Volume
        The image.
    index, axis : int
        The slice to learn from.
    value : int
        The class, of which there is something on it.
    interaction : Interaction or None
        Knows what the model says.
    report : Report
        Called by the network; may raise `Cancelled`.
    """

    def __init__(
        self,
        labels: np.ndarray,
        volume: Volume,
        index: int,
        axis: int,
        value: int,
        interaction: Knows | None = None,
        report: Report = silent,
    ) -> None:
        self.volume, self.index, self.axis, self.value = volume, index, axis, value
        self.slices = volume.shape[axis]
        self.thickness = volume.spacing[axis]
        self.spacing = tuple(s for a, s in enumerate(volume.spacing) if a != axis)
        self._interaction, self._report = interaction, report
        whole = labels.take(index, axis) == value
        tight = bounding_box(whole)
        assert tight is not None  # there is something on it
        margin = [max(_FEWEST, round(_MARGIN * (b.stop - b.start))) for b in tight]
        self.plane = grown(tight, margin, whole.shape)
        self.outline = whole[self.plane]
        self._together = 1
        self._head = self._learnt(labels)

    def box_of(self, first: int, last: int) -> Box:
        """Return the box of the slices from `first` to `last`."""
        return (*self.plane[: self.axis], slice(first, last + 1), *self.plane[self.axis :])

    def of(self, at: int) -> np.ndarray:
        """Return the log-odds of the class on a slice, ``(*plane)``."""
        pair = [self._values(self.index), self._values(at)]
        look = normalised(np.stack(pair, axis=1))
        like = np.stack([self.outline, np.zeros_like(self.outline)])
        unlike = np.stack([~self.outline, np.zeros_like(self.outline)])
        score = _IMAGE * appearance(look, like, unlike)[1]
        if self._head is not None:
            score += _MODEL * self._by_model(self._head, at)
        return smoothed(score, look[:, 1], _TIE, _ROUNDS)

    def _values(self, at: int) -> np.ndarray:
        return self._image(self.box_of(at, at)).take(0, self.axis + 1)

    def _learnt(self, labels: np.ndarray) -> Head | None:
        if self._interaction is None:
            return None
        box = self.box_of(self.index, self.index)
        region = self._interaction.features(box, self._report)
        if region is None or self.value not in region.values:
            return None
        self._together = _AT_ONCE[region.card.spatial_dims]
        said = np.where(np.isin(labels[box], region.values), labels[box], 0)
        seeds = Seeds(box, said.astype(np.int32), {})
        return fit_head(
            region, seeds, self._no_look(), self.volume.spacing, _LEARNT_BY, report=self._report
        )

    def _by_model(self, head: Head, at: int) -> np.ndarray:
        start = at // self._together * self._together
        chunk = self.box_of(start, min(start + self._together, self.slices) - 1)
        assert self._interaction is not None  # it gave what the head was fitted on
        known = self._interaction.features(chunk, self._report)
        assert known is not None
        box = self.box_of(at, at)
        adapted = head.probabilities(
            known.crop(box), self._no_look(), self.volume.spacing, self._report
        )
        return log_odds(adapted, head.values, self.value).take(0, self.axis)

    def _no_look(self) -> np.ndarray:
        """Return an even image: the head learns by the features alone, the look is compared."""
        size = self.outline.shape
        return np.zeros((1, *size[: self.axis], 1, *size[self.axis :]), np.float32)

    def _image(self, box: Box) -> np.ndarray:
        return self.volume.array[(slice(None), *box)]
