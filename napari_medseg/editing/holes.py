"""Fill what a class encloses, in space or slice by slice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_label, check_labels
from napari_medseg.editing.islands import islands, write
from napari_medseg.editing.tool import Tool
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
        if axis is None or labels.ndim == 2:
            filled = _filled(island.mask)
        else:
            filled = np.empty_like(island.mask)
            planes = np.moveaxis(island.mask, axis, 0)
            for done, (plane, to) in enumerate(
                zip(planes, np.moveaxis(filled, axis, 0), strict=True)
            ):
                report(Step(done, len(planes), "slice"))
                to[:] = _filled(plane)
        write(edited, island.box, island.mask, filled, label, overwrite)
    return edited


def _filled(mask: np.ndarray) -> np.ndarray:
    import fill_voids

    if not mask.any():
        return mask
    # fill_voids 2.1 now and then fills an open voxel at the border of a volume: give it a rim
    filled = fill_voids.fill(np.pad(mask, 1), in_place=True)
    return np.asarray(filled[(slice(1, -1),) * mask.ndim]).view(bool)


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
        metadata={"word": "Overwrite other classes", "tip": "fill other classes inside, too"},
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
