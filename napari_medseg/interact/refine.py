"""Lane 0: from a prompt, the image and what a model thinks to better labels of a region.

A prompt says that the error around it should turn. How far it reaches is measured by the segment
it lies in: somebody who points at the middle of a wrong piece is as far from its border with what
is right as from where it should end. Within about that distance voxels turn as far as the model
and the look of the image support it, never beyond prompts that say otherwise, and only what hangs
together with the prompt: a prompt for a class only adds to it, one against it only takes away.
"""

from __future__ import annotations

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.interact.refine_click import turned_by
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_shape import object_in, snapped
from napari_medseg.interact.seeds import box_sides, core_and_band
from napari_medseg.packed import Box, shape_of, within
from napari_medseg.volume import Volume


def refine(
    region: Region, prompt: Prompt, volume: Volume, config: RefineConfig | None = None
) -> np.ndarray:
    """Return the labels of a region after its newest prompt.

    Parameters
    ----------
    region : Region
        With the labels before it, and seeds of all prompts, the newest one among them.
    prompt : Prompt
        The newest one.
    volume : Volume
        The whole image, to place the prompt in.

    Returns
    -------
    ndarray
        ``(*S)`` of the region, the type of its labels. What the prompts say holds wherever
        `may_change` lets it.
    """
    config = config or RefineConfig()
    labels, value, box = region.labels.copy(), prompt.value, region.seeds.box
    if prompt.kind in POINTED:
        where = placed(*prompt.voxels(volume), box)
        turned = turned_by(region, where, value, prompt.positive, config)
        if prompt.positive:
            region.write(labels, turned, value)
        else:
            region.take_away(labels, turned, value)
    elif prompt.positive and prompt.kind == "lasso":
        place, core, band = core_and_band(prompt, volume)
        core, band = placed(place, core, box), placed(place, band, box)
        region.write(labels, snapped(region, core, band, value, config), value)
    elif prompt.positive:
        inside, loose = (intersection(b, box) for b in box_sides(prompt, volume))
        if inside is not None and loose is not None:
            added, taken = object_in(region, inside, loose, value, config)
            region.write(labels, added, value)
            region.take_away(labels, taken, value)
    region.hold(labels)  # and a box or lasso against a class is no more than that
    return labels


def placed(place: Box, mask: np.ndarray, box: Box) -> np.ndarray:
    """Return the part of a mask, which lies at `place`, in `box`: ``(*S)`` of the box."""
    where, shared = np.zeros(shape_of(box), bool), intersection(place, box)
    if shared is not None:
        where[within(shared, box)] = mask[within(shared, place)]
    return where
