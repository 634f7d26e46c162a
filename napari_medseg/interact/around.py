"""Which part of an image the answer to a prompt may change."""

from __future__ import annotations

import numpy as np

from napari_medseg.editing.scope import expanded, touched_box
from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.interact.seeds import box_sides, core_and_band
from napari_medseg.packed import Box
from napari_medseg.volume import Volume

_AROUND_BOX = 0.5  # of a box's longest side: what surrounds the object is learnt from


def region_of(prompt: Prompt, labels: np.ndarray, volume: Volume, margin: int) -> Box:
    """Return the region that the answer to a prompt may change.

    Around a point or scribble that is `margin` voxels of the smallest spacing to each side, fewer
    along other axes. A box has some room around it and all that hangs together with its object;
    what was drawn on one slice as a box or lasso changes that slice only.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` before the prompt.
    margin : int
        Voxels.

    Raises
    ------
    ValueError
        If the prompt lies outside of the image.
    """
    place, _ = prompt.voxels(volume)
    if prompt.kind in POINTED:
        return expanded(place, margin * min(volume.spacing), volume.spacing, volume.shape)
    if not prompt.positive:
        return place
    if prompt.kind == "lasso":
        return core_and_band(prompt, volume)[0]
    _, loose = box_sides(prompt, volume)
    lengths = [(s.stop - s.start) * mm for s, mm in zip(loose, volume.spacing, strict=True)]
    most = margin * min(volume.spacing)
    room = min(_AROUND_BOX * max(lengths), most)
    near = expanded(loose, room, volume.spacing, volume.shape)
    touched = touched_box(labels, prompt.value, 0, volume.spacing, seed_box=loose)
    whole = near
    if touched is not None:
        widest = expanded(loose, most, volume.spacing, volume.shape)
        whole = tuple(
            slice(min(n.start, max(t.start, w.start)), max(n.stop, min(t.stop, w.stop)))
            for n, t, w in zip(near, touched, widest, strict=True)
        )
    flat = prompt.plane(volume)
    return tuple(place[axis] if axis == flat else side for axis, side in enumerate(whole))
