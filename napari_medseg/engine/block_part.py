"""`segment_part`: a slice or box of an image larger than memory, which is never read as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from napari_medseg.engine.block_run import BlockRun
from napari_medseg.engine.block_values import Values
from napari_medseg.engine.card import Preprocessing
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box, checked_box
from napari_medseg.engine.segmenter import Segmentation, Segmenter
from napari_medseg.io import Pyramid
from napari_medseg.progress import Report, silent

# of images that are open: the next slice need not wait for it
_measured: WeakKeyDictionary[Pyramid, dict[Preprocessing, Values]] = WeakKeyDictionary()


def segment_part(
    segmenter: Segmenter,
    pyramid: Pyramid,
    box: Sequence[slice],
    config: InferenceConfig | None = None,
    report: Report = silent,
) -> Segmentation:
    """Segment a part of an image that lies in pieces.

    Only the pieces around the part are read, but for the first time: where the model's values
    depend on the whole image, all of it is read once, piece by piece.

    Parameters
    ----------
    segmenter : Segmenter
        The model.
    pyramid : Pyramid
        The image, with the channels the model expects; of several time points the first.
    box : sequence of slice
        Which voxels of its finest level, a slice per axis of ``*S``.
    config : InferenceConfig or None
        How to run the model; labels only.
    report : Report
        Called before every window and piece; may raise `Cancelled`.

    Returns
    -------
    Segmentation
        The labels of a whole run with ``exact=True``, cut to the box.

    Raises
    ------
    ValueError
        If model, image, config and box do not go together, in words for a person.
    OSError
        If the image cannot be read, or there is not enough memory.
    """
    config = config or InferenceConfig()
    part = checked_box(box, pyramid.shape())
    flat = pyramid.spatial_dims == 2
    wanted: Box = (slice(0, 1), *part) if flat else part
    run = BlockRun.of(segmenter, pyramid, config)
    values = _values(run, report)
    labels: np.ndarray = np.zeros([p.stop - p.start for p in wanted], np.uint16)

    def write(where: Box, found: np.ndarray) -> None:
        inside = zip(where, wanted, strict=True)
        labels[tuple(slice(w.start - p.start, w.stop - p.start) for w, p in inside)] = found

    said = run.column([wanted], values, write, report)
    notes = tuple(dict.fromkeys((*run.notes, *values.notes, *said)))
    labels = labels.astype(np.min_scalar_type(max(c.value for c in segmenter.card.classes)))
    return Segmentation(
        labels=labels[0] if flat else labels,
        probabilities=None,
        uncertainty=None,
        notes=notes,
        provenance=segmenter.provenance(run.template, config, run.plan, box=part, notes=notes),
    )


def _values(run: BlockRun, report: Report) -> Values:
    """Return the image's values as the model expects them, measured once for each image."""
    preprocessing = run.segmenter.card.preprocessing
    known = _measured.setdefault(run.source.pyramid, {})
    if preprocessing not in known:
        known[preprocessing] = run.measure(report)
    return known[preprocessing]
