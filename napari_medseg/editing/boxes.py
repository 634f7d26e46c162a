"""Clear a class outside of a box or in it; cut a volume down to a box."""

from __future__ import annotations

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_labels
from napari_medseg.editing.combine import relabel
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.packed import Box
from napari_medseg.progress import Report, silent


def clear_outside(
    labels: np.ndarray, box: Box, label: int, *, report: Report = silent
) -> np.ndarray:
    """Clear what of `label` lies outside of `box`."""
    edited = relabel(labels, {label: 0}, report=report)
    np.copyto(edited[box], labels[box])
    return edited


def clear_inside(
    labels: np.ndarray, box: Box, label: int, *, report: Report = silent
) -> np.ndarray:
    """Clear what of `label` lies in `box`."""
    edited = labels.copy()
    if edited[box].size:
        edited[box] = relabel(labels[box], {label: 0}, report=report)
    return edited


def crop(labels: np.ndarray, box: Box) -> np.ndarray:
    """Return a copy of what lies in `box`, with the shape of the box."""
    check_labels(labels)
    return labels[box].copy()


def _box_of(scene: Scene) -> Box:
    assert scene.box is not None  # the tools say that they need one
    return scene.box


TOOLS = (
    Tool(
        name="clear_outside",
        title="Crop to box",
        group="split",
        tip="Clear what of the class lies outside of the box",
        options=Config,
        run=lambda scene, options: clear_outside(
            scene.labels, _box_of(scene), scene.label, report=scene.report
        ),
        needs=frozenset({"box"}),
        sees="around",
    ),
    Tool(
        name="clear_inside",
        title="Clear in box",
        group="split",
        tip="Clear what of the class lies in the box",
        options=Config,
        run=lambda scene, options: clear_inside(
            scene.labels, _box_of(scene), scene.label, report=scene.report
        ),
        needs=frozenset({"box"}),
        sees="box",
    ),
)
