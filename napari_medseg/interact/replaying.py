"""The same prompts again: on the image they were given for, with any model, or with none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.interact.interaction import InteractConfig, Interaction
from napari_medseg.interact.prompts import Prompt
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmenter


def replay(
    volume: Volume,
    prompts: Sequence[Prompt],
    segmenter: Segmenter | None = None,
    *,
    labels: np.ndarray | None = None,
    config: InteractConfig | None = None,
    locked: Collection[int] = (),
    report: Report = silent,
) -> np.ndarray:
    """Answer prompts one after the other, or together, as the Interact panel did.

    Parameters
    ----------
    volume : Volume
        ``(C, *S)``; prompts are in the world, so that another resolution of it will do.
    prompts : sequence of Prompt
        The oldest first, such as those a project keeps.
    segmenter : Segmenter or None
        Any model for such an image; None works on the image alone.
    labels : ndarray or None
        ``(*S)`` integers to start from, which stay as they are; None is the model's answer, or
        nothing where there is no model.
    config : InteractConfig or None
        How prompts are answered; None is the defaults.
    locked : collection of int
        Classes that may not change.
    report : Report
        May raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(*S)``, of the type of `labels`.

    Raises
    ------
    ValueError
        If a prompt lies outside of the image, or does not fit the labels.
    """
    if labels is None and segmenter is not None:
        labels = segmenter.segment(volume, report=report).labels
    current = np.zeros(volume.shape, np.uint8) if labels is None else np.array(labels)
    interaction = Interaction(volume, segmenter, config)
    together = 1
    for count, prompt in enumerate(prompts, 1):
        if prompt.with_next and count < len(prompts):
            together += 1
            continue
        answer = interaction.answer(
            current, prompts[:count], together=together, locked=locked, report=report
        )
        current[answer.box], together = answer.labels, 1
    return current
