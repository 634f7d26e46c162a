"""The prompts that belong to labels, kept with them: in journals, in projects, beside files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Labels

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.volumes import KEY

NOTE = "prompts"  # in our part of a layer's metadata, in journals and in projects

Accepted = tuple[tuple[int, ...], tuple[Prompt, ...]]
"""An index along the axes before the spatial ones, and the prompts of it, the oldest first."""


def kept_prompts(layer: Labels) -> list[Accepted]:
    """Return the prompts that were kept with a layer, in the order they were accepted.

    Raises
    ------
    ValueError
        If what was kept are no prompts.
    """
    return prompts_from(layer.metadata.get(KEY, {}).get(NOTE, []))


def keep_prompts(layer: Labels, accepted: Sequence[Accepted]) -> None:
    """Keep the prompts whose effect is in a layer, where they are others than were kept."""
    content = [
        {"at": list(at), "prompts": [prompt.to_dict() for prompt in prompts]}
        for at, prompts in accepted
    ]
    own = layer.metadata.get(KEY, {})
    if content == own.get(NOTE, []):
        return
    keeper = keeper_of(layer)
    if keeper is not None:
        keeper.note(NOTE, content)
    else:
        layer.metadata[KEY] = {**own, NOTE: content}


def prompts_from(content: Any) -> list[Accepted]:
    """Return prompts from the JSON that `keep_prompts` made.

    Raises
    ------
    ValueError
        If they are no prompts.
    """
    try:
        return [
            (tuple(map(int, one["at"])), tuple(Prompt.from_dict(told) for told in one["prompts"]))
            for one in content
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("the prompts kept with these labels are damaged") from error
