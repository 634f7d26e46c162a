"""Writing what came of prompts into the labels: one undo step, a person's voxels kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from napari.layers import Labels

from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.packed import Box
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.turns import Turn, changed_box, overlaid
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import place_of


def write_turns(layer: Labels, at: tuple[int, ...], turns: Sequence[Turn], name: str) -> int:
    """Write what turns change as one undo step; return how many voxels changed.

    Parameters
    ----------
    at : tuple of int
        Index along the layer's axes before the spatial ones.
    name : str
        What a person undoes.

    Raises
    ------
    ValueError
        If the layer cannot be edited, or is being painted right now.
    """
    box = changed_box(turns)
    if box is None:
        return 0
    lead = tuple(slice(i, i + 1) for i in at)
    edited = overlaid(layer.data[at], turns, box)
    prompts = [prompt for turn in turns for prompt in turn.prompts]
    return painted_of(layer).write_prompted(
        edited.reshape((1,) * len(at) + edited.shape),
        name,
        (*lead, *box),
        list(_evidence(place_of(layer).volume(), lead, prompts)),
    )


def painted_at(layer: Labels, at: tuple[int, ...]) -> tuple[Box, np.ndarray] | None:
    """Return where a person painted or confirmed at a time, as a box of ``*S`` and its mask."""
    painted = painted_of(layer)
    whole = painted.reviewed_box()
    if whole is None:
        return None
    lead = len(at)
    if any(not s.start <= i < s.stop for i, s in zip(at, whole[:lead], strict=True)):
        return None
    box = (*(slice(i, i + 1) for i in at), *whole[lead:])
    mask = painted.reviewed_in(box)
    return whole[lead:], mask.reshape(mask.shape[lead:])


def _evidence(
    grid: Volume, lead: Box, prompts: Sequence[Prompt]
) -> Iterator[tuple[Box, np.ndarray]]:
    """Return the voxels that a person pointed at, over the axes of the layer."""
    for prompt in prompts:
        if prompt.kind in POINTED:
            box, mask = prompt.voxels(grid)
            yield (*lead, *box), mask.reshape((1,) * len(lead) + mask.shape)
