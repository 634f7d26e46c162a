"""What of the cases is not learnt from, so that there is something to score a model on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_medseg.engine.cases import Case
from napari_medseg.engine.sparse import is_sparse, painted_axis, planes_along
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_plan import split_cases

BY_CASE_FROM = 6  # volumes; of fewer, one held out costs more than it tells
_FEWEST_SLICES = 4


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Cases to learn from, and cases, or parts of them, to score on.

    Parameters
    ----------
    learn, held_out : list of Case
        A case of which slices are held out is in both, with other voxels reviewed.
    words : str
        How it was done, for people.
    """

    learn: list[Case]
    held_out: list[Case]
    words: str


def hold_out(cases: Sequence[Case], config: TrainingConfig) -> HeldOut:
    """Hold out a share of what a human saw, the same for the same seed.

    Whole cases where there are images or at least `BY_CASE_FROM` volumes; of fewer volumes some of
    the slices that were looked at, those with labels first, each from another case as long as there
    are any; nothing where
    there are fewer than four of them, or where there is one image: then the score is that of the
    voxels the model learnt from.

    Parameters
    ----------
    cases : sequence of Case
        At least one.
    config : TrainingConfig
        With `validation`, the share, and `seed`.
    """
    flat = cases[0].volume.spatial_dims == 2
    some_unseen = any(is_sparse(case) for case in cases)
    enough = 2 if flat or not some_unseen else BY_CASE_FROM
    if len(cases) >= enough:
        learn, held_out = split_cases(cases, config)
        words = f"{len(held_out)} of {len(cases)} cases held out to score the model on"
        return HeldOut(learn, held_out, words)
    planes = [] if flat else _seen_planes(cases)
    if len(planes) < _FEWEST_SLICES:
        words = "too little is labelled to hold any out: the score is of what the model learnt from"
        return HeldOut(list(cases), list(cases), words)
    count = max(int(len(planes) * config.validation), 1)
    labelled = [_labelled(cases, plane) for plane in planes]
    chosen = _chosen(planes, labelled, count, config.seed)
    learn, held_out = [], []
    for index, case in enumerate(cases):
        mask = np.zeros(case.labels.shape, bool)
        for _, axis, at in (plane for plane in chosen if plane[0] == index):
            mask[(slice(None),) * axis + (at,)] = True
        seen = np.ones_like(mask) if case.reviewed is None else case.reviewed
        if (mask & seen).any():
            held_out.append(replace(case, reviewed=seen & mask))
        learn.append(replace(case, reviewed=seen & ~mask) if mask.any() else case)
    return HeldOut(
        learn, held_out, f"{count} of {len(planes)} labelled slices held out to score on"
    )


def _seen_planes(cases: Sequence[Case]) -> list[tuple[int, int, int]]:
    """Return the case, the axis and the place of each slice that was looked at."""
    planes = []
    for index, case in enumerate(cases):
        seen = np.ones(case.labels.shape, bool) if case.reviewed is None else case.reviewed
        axis = painted_axis(seen)
        planes += [(index, axis, int(at)) for at in planes_along(seen, axis)]
    return planes


def _labelled(cases: Sequence[Case], plane: tuple[int, int, int]) -> bool:
    """Whether a slice shows anything but background where it was looked at."""
    index, axis, at = plane
    case = cases[index]
    labels = case.labels.take(at, axis=axis)
    return bool((labels if case.reviewed is None else labels[case.reviewed.take(at, axis)]).any())


def _chosen(
    planes: Sequence[tuple[int, int, int]], labelled: Sequence[bool], count: int, seed: int
) -> list[tuple[int, int, int]]:
    """Choose slices at random, as evenly over the cases as can be, not all of any case."""
    order = np.random.default_rng(seed).permutation(len(planes)).tolist()
    by_case: dict[int, list[tuple[int, int, int]]] = {}
    for place in sorted(order, key=lambda place: not labelled[place]):  # stable: those first
        by_case.setdefault(planes[place][0], []).append(planes[place])
    turns = [(turn, case) for case, own in by_case.items() for turn in range(len(own) - 1)]
    return [by_case[case][turn] for turn, case in sorted(turns, key=lambda t: t[0])[:count]]
