"""Score a model on held-out cases the way a user would get them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.engine.cases import Case
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.metrics import dice
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.progress import Report, Step, silent


def validate(
    segmenter: Segmenter, cases: Sequence[Case], report: Report = silent
) -> dict[str, float]:
    """Return the Dice of each class, averaged over cases, on the cases' own grid.

    Dice is per image; a class absent from both counts 1, as in `metrics.dice`.
    """
    scores: dict[str, list[float]] = {c.name: [] for c in segmenter.card.classes}
    for done, case in enumerate(cases):
        report(Step(done, len(cases), "case"))
        labels = segmenter.segment(case.volume, InferenceConfig()).labels
        for label_class in segmenter.card.classes:
            value = label_class.value
            scores[label_class.name].append(dice(labels == value, case.labels == value))
    return {name: float(np.mean(values)) for name, values in scores.items()}
