"""Errors planted in the exact labels of phantoms come first among the doubtful places."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.engine.doubt import doubtful_places
from napari_medseg.samples.ct import ct
from napari_medseg.samples.hippocampus import hippocampus


class Planted:
    """A phantom's exact labels, spoilt at known places.

    ``errors`` has a mask for each planted error, of the voxels that are wrong.
    """

    def __init__(self, phantom, seed):
        self.truth = phantom.labels
        self.labels = phantom.labels.copy()
        self.spacing = phantom.volume.spacing
        self.image = phantom.volume.array[0]
        self.errors: list[np.ndarray] = []
        self._rng = np.random.default_rng(seed)

    def island(self, label, radius=2.2):
        """Put a ball of a class where there is none, away from it."""
        far = ndimage.distance_transform_edt(self.truth != label, sampling=self.spacing)
        free = (self.labels == 0) & (far > 2.5 * radius * min(self.spacing))
        self._write(self._ball(self._any(self._inner(free)), radius) & free, label)

    def hole(self, label, radius=1.6):
        """Cut a ball out of the inside of a class."""
        inside = self.truth == label
        deep = ndimage.distance_transform_edt(inside) > radius + 1.5
        self._write(self._ball(self._any(deep), radius) & inside, 0)

    def missing_slice(self, label):
        """Leave a slice in the middle of a class empty."""
        slices = np.flatnonzero((self.truth == label).any((1, 2)))
        index = int(self._rng.choice(slices[2:-2]))
        where = np.zeros(self.truth.shape, bool)
        where[index] = self.truth[index] == label
        self._write(where, 0)

    def shifted_slice(self, label):
        """Move one slice of a class to the side by half its width."""
        slices = np.flatnonzero((self.truth == label).any((1, 2)))
        index = int(self._rng.choice(slices[2:-2]))
        mask = self.truth[index] == label
        columns = np.flatnonzero(mask.any(0))
        moved = np.roll(mask, max(len(columns) // 2, 2), axis=1) & ((self.truth[index] == 0) | mask)
        before = self.labels[index].copy()
        self.labels[index][mask], self.labels[index][moved] = 0, label
        self._note(index, before)

    def _note(self, index, before):
        where = np.zeros(self.truth.shape, bool)
        where[index] = self.labels[index] != before
        self.errors.append(where)

    def bulge(self, label, radius=3.0):
        """Let a class spill over its border in one spot."""
        mask = self.truth == label
        rim = mask & ~ndimage.binary_erosion(mask)
        ball = self._ball(self._any(self._inner(rim)), radius)
        self._write(ball & (self.truth == 0), label)

    def probabilities(self, blur=0.5):
        """Return ``(2, *S)``: sure of the truth, blurred at borders, unsure where it is wrong."""
        wrong = np.any(self.errors, axis=0)
        foreground = ndimage.gaussian_filter((self.truth > 0).astype(np.float32), blur)
        foreground[wrong] = 0.5 + 0.1 * self._rng.standard_normal(int(wrong.sum()))
        foreground = foreground.clip(0, 1)
        return np.stack([1 - foreground, foreground])

    def hits(self, places):
        """Return for each place which errors it shows; an error counts for the first one only."""
        open_errors, hits = list(self.errors), []
        for place in places:
            shown = [e for e in open_errors if e[place.box].sum() >= 0.5 * e.sum()]
            hits.append(len(shown))
            open_errors = [e for e in open_errors if not any(e is s for s in shown)]
        return hits

    def _write(self, where, label):
        assert where.any()
        self.labels[where] = label
        self.errors.append(where)

    def _any(self, mask):
        return self._rng.choice(np.argwhere(mask))

    def _inner(self, mask):
        inner = np.zeros_like(mask)
        inside = (slice(3, -3),) * mask.ndim
        inner[inside] = mask[inside]
        return inner

    def _ball(self, centre, radius):
        grid = np.indices(self.truth.shape)
        squares = [(g - c) ** 2 for g, c in zip(grid, centre, strict=True)]
        return np.sqrt(sum(squares)) <= radius


def average_precision(hits, errors):
    """Return the mean precision at each planted error; 0 for those never shown."""
    found, precisions = 0, []
    for rank, hit in enumerate(hits, 1):
        for _ in range(hit):
            found += 1
            precisions.append(min(found / rank, 1.0))
    return sum(precisions) / errors


def _spoilt(phantom, seed):
    planted = Planted(phantom, seed)
    organ, other = (1, 2) if phantom.volume.name == "ct" else (2, 1)
    planted.island(organ)
    planted.island(organ, radius=1.5)
    planted.hole(organ)
    planted.missing_slice(2)
    planted.shifted_slice(2 if organ == 1 else other)
    return planted


@pytest.mark.parametrize("make", [ct, hippocampus])
@pytest.mark.parametrize("with_model", [False, True])
def test_planted_errors_come_first(make, with_model):
    precisions, shown = [], []
    phantom = make(0)
    for seed in range(4):
        planted = _spoilt(phantom, seed)
        places = doubtful_places(
            planted.probabilities() if with_model else None,
            planted.labels,
            spacing=planted.spacing,
            image=planted.image,
        )
        wrong = np.any(planted.errors, axis=0)
        precisions.append(average_precision(planted.hits(places), len(planted.errors)))
        shown.append(sum(bool(wrong[place.box].any()) for place in places[:5]))
    assert np.mean(shown) >= 4, shown
    assert np.mean(precisions) >= 0.65, precisions


def test_what_a_model_gets_wrong_at_a_border_is_found_before_its_other_borders():
    planted = Planted(hippocampus(1), 1)
    planted.bulge(2)
    places = doubtful_places(planted.probabilities(), planted.labels, spacing=planted.spacing)
    assert planted.hits(places)[0] == 1
    assert "unsure" in places[0].reason
