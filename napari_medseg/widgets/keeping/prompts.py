"""The prompts that belong to labels, kept with them: in journals, in projects, beside files."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Labels

from napari_medseg.interact.prompt_files import Accepted, accepted_in, told
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.volumes import KEY

NOTE = "prompts"  # in our part of a layer's metadata, in journals and in projects


def kept_prompts(layer: Labels) -> list[Accepted]:
    """Return the prompts that were kept with a layer, in the order they were accepted.

    Raises
    ------
    ValueError
        If what was kept are no prompts.
    """
    return accepted_in(layer.metadata.get(KEY, {}).get(NOTE, []))


def keep_prompts(layer: Labels, accepted: Sequence[Accepted]) -> None:
    """Keep the prompts whose effect is in a layer, where they are others than were kept."""
    content = told(accepted)
    own = layer.metadata.get(KEY, {})
    if content == own.get(NOTE, []):
        return
    keeper = keeper_of(layer)
    if keeper is not None:
        keeper.note(NOTE, content)
    else:
        layer.metadata[KEY] = {**own, NOTE: content}
