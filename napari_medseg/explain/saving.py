"""Overlays to files: on the image's voxels through `io`, as a picture, or as rows."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.explain.colours import coloured
from napari_medseg.explain.table import Cell, Table
from napari_medseg.io import write_image
from napari_medseg.volume import Volume

if TYPE_CHECKING:
    from napari_medseg.explain.overlay import Overlay

_MOST_ROWS = 1_000_000


def save_overlay(path: Path, overlay: Overlay) -> None:
    """Write an overlay; see `Overlay.save`."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        _rows(overlay).save(path)
    elif suffix == ".png":
        picture = as_picture(overlay)
        flat = len(overlay.place.shape) == 2
        write_image(path, overlay.place.volume(picture) if flat else Volume(picture, (1.0, 1.0)))
    else:
        write_image(path, overlay.place.volume(overlay.on_grid(fill=0)))


def as_picture(overlay: Overlay) -> np.ndarray:
    """Return the first map in colour, ``(3, H, W)`` uint8; of a volume the slice in its middle."""
    values = overlay.on_grid(fill=np.nan)
    if len(overlay.place.shape) == 3:
        scale, first = overlay.scale[0], overlay.translate[0]
        middle = round(first + (overlay.values.shape[1] - 1) / 2 * scale)
        values = values[:, min(max(middle, 0), values.shape[1] - 1)]
    if overlay.kind == "rgb":
        return values
    return coloured(values[0], overlay.colormap, overlay.limits)


def _rows(overlay: Overlay) -> Table:
    if overlay.values.size > _MOST_ROWS:
        raise ValueError(
            f"{overlay.name} has {overlay.values.size} values, more than the {_MOST_ROWS} of a "
            "table; save it as .nii.gz or .tif"
        )
    size = overlay.values.shape[1:]
    rows: list[tuple[Cell, ...]] = []
    for name, one in zip(overlay.channels, overlay.values, strict=True):
        for index in product(*map(range, size)):
            lies = zip(index, overlay.scale, overlay.translate, strict=True)
            centre = [round(t + i * s, 4) for i, s, t in lies]
            rows.append((name, *centre, float(one[index])))
    return Table(
        overlay.name,
        overlay.words,
        ("map", *("d", "h", "w")[-len(size) :], "value"),
        tuple(rows),
        "d, h, w are the image's voxels at the centre of the overlay's voxel",
    )
