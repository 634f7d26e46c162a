"""Score a model on held-out cases the way a user would get them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from napari_medseg.engine.cases import Case, region_of
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.metrics import dice
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.sparse import is_sparse
from napari_medseg.packed import bounding_box
from napari_medseg.progress import Report, Step, silent


def validate(
    segmenter: Segmenter, cases: Sequence[Case], report: Report = silent
) -> dict[str, float]:
    """Return the Dice of each class, averaged over cases, on the cases' own grid.

    Dice is per image; a class absent from both counts 1, as in `metrics.dice`; one that unites
    several label values is compared as that region. Of cases that a human saw in part, only the
    voxels looked at are segmented and counted, those of all such cases together: a slice may hold
    next to nothing of a class, and its own Dice would be chance.
    """
    scores: dict[str, list[float]] = {c.name: [] for c in segmenter.card.classes}
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for done, case in enumerate(cases):
        told = partial(_repeat, report, Step(done, len(cases), "case"))
        if is_sparse(case):
            parts.append(_seen_part(segmenter, case, told))
            continue
        found = segmenter.segment(case.volume, InferenceConfig(), told).labels
        for label_class in segmenter.card.classes:
            ours, theirs = (region_of(labels, label_class) for labels in (found, case.labels))
            scores[label_class.name].append(dice(ours, theirs))
    if parts:
        found, truth = (np.concatenate(each) for each in zip(*parts, strict=True))
        for label_class in segmenter.card.classes:
            ours, theirs = (region_of(labels, label_class) for labels in (found, truth))
            scores[label_class.name] += [dice(ours, theirs)] * len(parts)
    return {name: float(np.mean(values)) for name, values in scores.items()}


def _repeat(report: Report, step: Step, _window: Step) -> None:
    """Say which case it is, however far within."""
    report(step)


def _seen_part(segmenter: Segmenter, case: Case, report: Report) -> tuple[np.ndarray, np.ndarray]:
    """Return the model's labels and those of the case, of the voxels that were looked at."""
    assert case.reviewed is not None  # it is sparse
    box = bounding_box(case.reviewed)
    if box is None:
        raise ValueError(f"nobody looked at any voxel of {case.name}; leave it out")
    seen = case.reviewed[box]
    labels = segmenter.segment(case.volume, InferenceConfig(), report, box=box).labels
    return labels[seen], case.labels[box][seen]
