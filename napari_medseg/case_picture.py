"""A small picture of a case, to tell it from others in a list."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medseg.engine.cases import PALETTE, Case
from napari_medseg.engine.example_picture import grey_or_colour, outlined
from napari_medseg.engine.sparse import painted_axis
from napari_medseg.io import atomic_path

SIDE = 96  # pixels, the longer one


def draw_case(path: Path, case: Case) -> None:
    """Write a small PNG of a case.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from PIL import Image

    with atomic_path(path) as target:
        Image.fromarray(picture_of(case)).save(target, "PNG")


def picture_of(case: Case, side: int = SIDE) -> np.ndarray:
    """Return a picture ``(H, W, 3)`` of the slice with most labels, at most `side` long.

    Labels are outlined, axes stretched to their spacing, as in the viewer.
    """
    seen = np.ones(case.labels.shape, bool) if case.reviewed is None else case.reviewed
    labels, channels, spacing = case.labels * seen, case.volume.array, case.volume.spacing
    if labels.ndim == 3:
        axis = painted_axis(seen)
        others = tuple(other for other in range(3) if other != axis)
        counts = np.count_nonzero(labels, axis=others) + seen.any(axis=others)
        at = int(np.argmax(counts))
        labels, channels = labels.take(at, axis=axis), channels.take(at, axis=axis + 1)
        spacing = tuple(spacing[other] for other in others)
    size = np.multiply(labels.shape, spacing)
    height, width = np.maximum((size * side / size.max()).round().astype(int), 1)
    rows = (np.arange(height) * labels.shape[0] // height)[:, None]
    columns = np.arange(width) * labels.shape[1] // width
    pixels = grey_or_colour(channels[:, rows, columns])
    values = [int(v) for v in np.unique(labels) if v]
    colours = {value: PALETTE[i % len(PALETTE)] for i, value in enumerate(values)}
    return outlined(pixels, labels[rows, columns], colours)
