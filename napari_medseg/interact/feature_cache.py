"""What a model knows of an image, kept in a bounded memory while a person works on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.interact.features import (
    RegionFeatures,
    feature_bytes,
    inside,
    network_shape,
    region_features,
)
from napari_medseg.packed import Box
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume

_SLICE_BYTES = 32 << 20  # features of a slice: it is run whole if they take no more than that
_VOLUME_BYTES = 8 << 20  # likewise a volume for a 3D model: about one window of it
_MORE = 0.25  # of a region's side: so much more is run around it, for the next prompt


class FeatureCache:
    """The features of the regions of one image asked for last.

    A small image, or the slices of a volume for a 2D model, are run whole, so that the next prompt
    anywhere on them finds what it needs.

    Parameters
    ----------
    segmenter : Segmenter
        Runs.
    volume : Volume
        The image.
    config : InferenceConfig or None
        How to run the model.
    most_bytes : int
        Kept at most, the prepared image not counted; the newest region is kept in any case.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        volume: Volume,
        config: InferenceConfig | None = None,
        *,
        most_bytes: int = 256 << 20,
    ) -> None:
        self.segmenter = segmenter
        self.volume = volume
        self.config = config or InferenceConfig()
        self.most_bytes = most_bytes
        self._known: list[RegionFeatures] = []
        self._prepared: Prepared | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the features that are kept."""
        return sum(known.nbytes for known in self._known)

    def of(self, box: Sequence[slice], report: Report = silent) -> RegionFeatures:
        """Return the features of a box ``*S``, from memory if they are there.

        Raises
        ------
        ValueError, OSError
            As `region_features`.
        """
        for place, known in enumerate(self._known):
            if inside(box, known.box):
                self._known.insert(0, self._known.pop(place))
                return known.crop(box)
        if self._prepared is None:
            with self.segmenter.running(report) as outer:
                self._prepared = self.segmenter.prepare(self.volume, self.config, outer)
        wanted = self._widened(box)
        found = region_features(
            self.segmenter, self.volume, wanted, self.config, report, prepared=self._prepared
        )
        self._known = [found, *(k for k in self._known if not inside(k.box, wanted))]
        while len(self._known) > 1 and self.nbytes > self.most_bytes:
            self._known.pop()
        return found.crop(box)

    def covers(self, box: Sequence[slice]) -> bool:
        """Whether the features of a box are there."""
        return any(inside(box, known.box) for known in self._known)

    def forget(self, box: Sequence[slice] | None = None) -> None:
        """Drop what is kept of a box, or of everything, because the image has changed."""
        self._prepared = None
        self._known = [
            known
            for known in self._known
            if box is not None and intersection(known.box, tuple(box)) is None
        ]

    def _widened(self, box: Sequence[slice]) -> Box:
        """Return what is run for a box: all of a small image or slice, else a little more."""
        shape = self.volume.shape
        along = self.segmenter.slice_axis(self.volume, self.config)
        stack = along if len(shape) == 3 else None
        whole = tuple(
            part if axis == stack else slice(0, n)
            for axis, (part, n) in enumerate(zip(box, shape, strict=True))
        )
        counted = tuple(slice(0, 1) if axis == stack else part for axis, part in enumerate(whole))
        assert self._prepared is not None  # `of` has prepared it
        size = network_shape(self._prepared.grid, counted)
        most = _VOLUME_BYTES if along is None else _SLICE_BYTES
        if feature_bytes(self.segmenter, size) <= most:
            return whole
        more = [0 if a == stack else _margin(b) for a, b in enumerate(box)]
        return tuple(
            slice(max(b.start - m, 0), min(b.stop + m, n))
            for b, m, n in zip(box, more, shape, strict=True)
        )


def _margin(part: slice) -> int:
    return int(np.ceil(_MORE * (part.stop - part.start) / 2))
