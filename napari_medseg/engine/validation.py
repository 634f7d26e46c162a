"""Score a model on held-out cases the way a user would get them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.engine.cases import Case
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

    Dice is per image; a class absent from both counts 1, as in `metrics.dice`. Of a case that a
    human saw in part, only the voxels looked at are segmented and counted, and a class absent
    from both says nothing: it counts 1 only if no case has it.
    """
    scores: dict[str, list[float]] = {c.name: [] for c in segmenter.card.classes}
    for done, case in enumerate(cases):
        report(Step(done, len(cases), "case"))
        found, truth, partly = _answer(segmenter, case)
        for label_class in segmenter.card.classes:
            ours, theirs = (labels == label_class.value for labels in (found, truth))
            if not partly or ours.any() or theirs.any():
                scores[label_class.name].append(dice(ours, theirs))
    return {name: float(np.mean(values)) if values else 1.0 for name, values in scores.items()}


def _answer(segmenter: Segmenter, case: Case) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the model's labels and those of the case, of the voxels that were looked at."""
    if not is_sparse(case):
        return segmenter.segment(case.volume, InferenceConfig()).labels, case.labels, False
    assert case.reviewed is not None
    box = bounding_box(case.reviewed)
    if box is None:
        raise ValueError(f"nobody looked at any voxel of {case.name}; leave it out")
    seen = case.reviewed[box]
    labels = segmenter.segment(case.volume, InferenceConfig(), box=box).labels
    return labels[seen], case.labels[box][seen], True
