"""Fill what a class encloses, in space or slice by slice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_label, check_labels
from napari_medseg.editing.connected import connected
from napari_medseg.editing.islands import islands, write
from napari_medseg.editing.tool import OVERWRITE, Tool
from napari_medseg.packed import bounding_box
from napari_medseg.progress import Report, Step, silent

ALL_SIDES = "on all sides"


def fill_holes(
    labels: np.ndarray,
    label: int = 1,
    *,
    axis: int | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Fill what `label` encloses.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    axis : int or None
        None fills what is enclosed on all sides; an axis fills each slice across it on its own,
        and so also a tube that is open at its ends.
    overwrite : bool
        Whether other classes inside are filled, too.
    """
    check_labels(labels)
    check_label(labels, label)
    edited = labels.copy()
    for island in islands(labels, label, report=report):
        slices = np.moveaxis(island.mask, axis or 0, 0)
        if labels.ndim == 2:
            filled = _filled(island.mask)
        elif axis is None:
            filled = _enclosed(slices, _each_filled(slices, report))
        else:
            filled = np.moveaxis(_each_filled(slices, report), 0, axis)
        write(edited, island.box, island.mask, filled, label, overwrite)
    return edited


def _each_filled(slices: np.ndarray, report: Report) -> np.ndarray:
    """Return a mask ``(D, H, W)`` with each slice filled on its own."""
    filled = np.empty_like(slices)
    for done, (plane, to) in enumerate(zip(slices, filled, strict=True)):
        report(Step(done, len(slices), "slice"))
        to[:] = _filled(plane)
    return filled


def _filled(plane: np.ndarray) -> np.ndarray:
    import fill_voids

    if not plane.any():
        return plane
    return np.asarray(fill_voids.fill(np.ascontiguousarray(plane))).view(bool)


def _enclosed(mask: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Return `mask` with what it encloses on all sides.

    That is enclosed within each slice, too: only what `filled` adds is looked at, and what of it
    leads to an open voxel of the slice above or below, or to the first or last slice, is open.
    For an organ this is little, while a fill in 3D goes through all of its box in one call, takes
    twice as long, and (fill_voids 2.1) now and then fills an open voxel at the border.
    """
    added = filled & ~mask
    box = bounding_box(added)
    if box is None:
        return mask
    rim = np.zeros((1, *filled.shape[1:]), bool)
    stack = np.concatenate([rim, filled, rim])[:, *box[1:]]
    start, stop = box[0].start, box[0].stop
    closed = stack[start:stop] & stack[start + 2 : stop + 2]
    numbers, count = connected(added[box], "faces")
    hole = np.ones(count + 1, bool)
    hole[numbers[~closed]] = False
    hole[0] = False
    result = mask.copy()
    result[box] |= hole[numbers]
    return result


@dataclass(frozen=True, kw_only=True)
class FillHoles(Config):
    """What counts as a hole."""

    holes: str = field(
        default=ALL_SIDES,
        metadata={
            "word": "Enclosed",
            "choices": (ALL_SIDES, "in each slice"),
            "tip": "in each slice, a tube that is open at its ends is filled as well",
        },
    )
    overwrite: bool = field(
        default=False,
        metadata={**OVERWRITE, "tip": "fill other classes inside, too"},
    )


TOOLS = (
    Tool(
        name="fill_holes",
        title="Fill holes",
        group="clean",
        tip="Fill what the class encloses",
        options=FillHoles,
        run=lambda scene, options: fill_holes(
            scene.labels,
            scene.label,
            axis=None if options.holes == ALL_SIDES else scene.axis,
            overwrite=options.overwrite,
            report=scene.report,
        ),
    ),
)
