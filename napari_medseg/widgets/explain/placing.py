"""From an overlay of the engine to the values and the place of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from napari_medseg.widgets.layers import same_grid

if TYPE_CHECKING:
    from napari_medseg.explain.overlay import Overlay

_ABOUT_ONE = 1 - 1e-6


def values_of(
    overlay: Overlay,
) -> tuple[np.ndarray, tuple[float, ...], tuple[float, ...]]:
    """Return the maps of a stack, or the picture, and where they lie in voxels of the image.

    What is shown over a volume begins and ends between its first and its last slice and is not
    finer than these, for napari would count the slices anew otherwise.

    Returns
    -------
    values : ndarray
        ``(n, *S')``, of a colour picture ``(*S', 3)``.
    scale, translate : tuple of float
        Image voxels per voxel, and the centre of the first one.
    """
    values, scale, translate = overlay.values, overlay.scale, overlay.translate
    if len(scale) == 3:
        if min(scale) < _ABOUT_ONE:
            values, scale, translate = overlay.on_grid(), (1.0,) * 3, (0.0,) * 3
        else:
            cut, translate = _within(overlay)
            values = values[(slice(None), *cut)]
    return (np.moveaxis(values, 0, -1) if overlay.kind == "rgb" else values), scale, translate


def on_image(
    image: Layer,
    step: tuple[int, ...],
    scale: tuple[float, ...],
    translate: tuple[float, ...],
) -> dict[str, Any]:
    """Return the transform of a layer whose voxels lie so on those of `image`, as keywords."""
    place = same_grid(image, (*step, *translate))  # type: ignore[arg-type]  # parts of voxels too
    factors = np.ones(image.ndim)
    factors[len(step) :] = scale
    return {**place, "scale": np.asarray(image.scale) * factors}


def _within(overlay: Overlay) -> tuple[tuple[slice, ...], tuple[float, ...]]:
    """Return which voxels have their centre between the first and the last of the image."""
    cut, starts = [], []
    axes = zip(
        overlay.values.shape[1:], overlay.scale, overlay.translate, overlay.place.shape, strict=True
    )
    for count, scale, translate, side in axes:
        centres = translate + scale * np.arange(count)
        inside = np.flatnonzero((centres > -1e-6) & (centres < side - 1 + 1e-6))
        # of an image thinner than a voxel of the map one is shown all the same
        first, last = (inside[0], inside[-1]) if len(inside) else (0, 0)
        cut.append(slice(int(first), int(last) + 1))
        starts.append(float(centres[first]) if len(inside) else (side - 1) / 2)
    return tuple(cut), tuple(starts)
