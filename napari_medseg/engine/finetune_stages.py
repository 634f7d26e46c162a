"""Which cases are learnt from and which are held out, run after run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.cases import Case, voxel_hash
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.sparse import weights_of

_EACH_IN_TURN = 8  # below so many cases each is held out in turn
_HELD_OUT = 0.2


@dataclass(frozen=True)
class Stage:
    """One run of learning.

    Parameters
    ----------
    name : str
        For people.
    learn, held : tuple of int
        Which cases are learnt from, and which the result is scored on.
    final : bool
        Whether its result is what is kept; others only tell how well learning carries over.
    """

    name: str
    learn: tuple[int, ...]
    held: tuple[int, ...]
    final: bool = False


def case_hash(case: Case) -> str:
    """Return the sha256 of an image and of what a person said about it, and of nothing else."""
    digest = hashlib.sha256(f"{voxel_hash(case.volume.array)} {case.weight}".encode())
    marks = weights_of(case, 2)
    labels = case.labels if marks is None else np.where(marks > 0, case.labels, 0)
    digest.update(np.ascontiguousarray(labels, dtype=np.int64).data)
    if marks is not None:
        digest.update(np.ascontiguousarray(marks).data)
    return digest.hexdigest()


def validation_of(config: FineTuneConfig, images: int) -> str:
    """Return how so many different images are validated: "leave-one-out", "hold-out", "none"."""
    if images < 2:
        return "none"
    if config.validation != "auto":
        return config.validation
    return "leave-one-out" if images < _EACH_IN_TURN else "hold-out"


def stages_of(cases: Sequence[Case], config: FineTuneConfig) -> list[Stage]:
    """Return the runs of a fine-tuning, the final one last.

    Cases of the same image are learnt from or held out together.
    """
    groups: dict[str, list[int]] = {}
    for index, case in enumerate(cases):
        groups.setdefault(voxel_hash(case.volume.array), []).append(index)
    every = tuple(range(len(cases)))
    how = validation_of(config, len(groups))
    if how == "hold-out":
        order = np.random.default_rng(config.seed).permutation(len(groups)).tolist()
        count = max(round(_HELD_OUT * len(groups)), 1)
        together = list(groups.values())
        held = tuple(sorted(i for g in order[:count] for i in together[g]))
        learn = tuple(i for i in every if i not in held)
        return [Stage("learning", learn, held, final=True)]
    final = Stage("learning", every, (), final=True)
    if how == "none":
        return [final]
    folds = [
        Stage(
            f"without case {number} of {len(groups)}",
            tuple(i for i in every if i not in held),
            tuple(held),
        )
        for number, held in enumerate(groups.values(), 1)
    ]
    return [*folds, final]
