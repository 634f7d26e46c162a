"""Let a model learn from corrected cases and keep what it knew.

Source: Li & Hoiem 2016, Learning without Forgetting, arXiv:1606.09282, with replay and weight
       interpolation, see `teacher` and `interpolation`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_course import Course, OnProgress
from napari_medseg.engine.finetune_result import FineTuned, result_of
from napari_medseg.engine.finetune_state import StateFile, origin
from napari_medseg.engine.replay import Replay, load_replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.progress import Report, silent

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_LOG = logging.getLogger(__name__)


def finetune(
    segmenter: Segmenter,
    cases: Sequence[Case],
    config: FineTuneConfig | None = None,
    *,
    replay: str | Path | Replay | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    report: Report = silent,
    on_progress: OnProgress | None = None,
    fabric: Fabric | None = None,
) -> FineTuned:
    """Let a copy of a model learn from corrected cases, and compare it with the model.

    The student learns the corrected labels where a person looked, and follows the model as it was
    (the teacher) where that is sure and the person did not disagree, on these images and on those
    of `replay`. Below 8 cases it learns anew without each of them in turn, to tell what was
    gained on cases it has not seen. At the end weights between the old and the new ones are
    compared, and those taken that gain most and forget little.

    Parameters
    ----------
    segmenter : Segmenter
        The model; it stays as it is.
    cases : sequence of Case
        Images, labels, and what a person saw and changed of them.
    config : FineTuneConfig, optional
        The recipe.
    replay : path or Replay, optional
        ``NAME.replay.safetensors`` of the model; without it forgetting cannot be measured.
    out : path, optional
        Folder in which the state is kept, to go on after an interruption.
    resume : bool
        Go on with what `out` holds, begun with the same model, cases and config; on the CPU the
        result is the same to the bit as without the interruption.
    report : Report
        Called before every step; may raise `Cancelled`: what there is then is saved in `out`.
    on_progress : callable, optional
        Called with a `FineTuneProgress` before every step.
    fabric : Fabric, optional
        Of Lightning Fabric, launched: several processes learn together, each from its own patches;
        all of them call this function with the same arguments, the first one keeps the state.

    Returns
    -------
    FineTuned
        The new model beside the old one, and what speaks for it.

    Raises
    ------
    ValueError
        If model, cases, config or the saved state do not go together, or the loss is no number
        any more.
    OSError
        If a file cannot be read or written, or memory is too short.
    Cancelled
        If `report` stopped it.
    """
    config = config or FineTuneConfig()
    corrected = _looked_at(cases)
    known = load_replay(replay) if isinstance(replay, str | Path) else replay
    folder = None if out is None else Path(out)
    state = StateFile(folder, origin(segmenter, corrected, config, known))
    saved = state.resumed(segmenter.device) if resume else None
    with torch.random.fork_rng(devices=[]), keep_memory():
        course = Course(segmenter, corrected, config, known, state, report, on_progress, fabric)
        _LOG.info("%d cases, %d runs, %s", len(corrected), len(course.stages), course.trained)
        course.run(saved)
        return result_of(course, segmenter, corrected, config, known)


def _looked_at(cases: Sequence[Case]) -> list[Case]:
    """Count what was changed as seen, and refuse cases of which nothing was.

    Raises
    ------
    ValueError
        If there is no case, or nobody looked at any voxel of one.
    """
    if not cases:
        raise ValueError("there is no corrected case to learn from; add at least one")
    kept = []
    for case in cases:
        seen = case.reviewed
        if seen is not None and case.changed is not None:
            seen = seen | case.changed
        if seen is not None and not seen.any():
            raise ValueError(
                f"{case.name or 'a case'}: no voxel is marked as reviewed, so there is nothing to "
                "learn from it; review a slice or leave the case out"
            )
        kept.append(replace(case, reviewed=seen))
    return kept
