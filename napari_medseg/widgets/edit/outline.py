"""The preview: what a tool would do, as outlines in one Labels layer that nobody edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.editing.scope import union
from napari_medseg.packed import Box, within
from napari_medseg.widgets.preview_layer import PreviewLayer

if TYPE_CHECKING:
    from napari.viewer import Viewer

NAME = "preview"
LARGE = 100  # voxels along a side; on smaller images a thin outline is seen well
_LEAVES, _CLICK, _FIRST = 1, 2, 3  # values of the layer; from _FIRST on one for each class
_COLOURS = {None: "#f0e442", 0: "transparent", _LEAVES: "#d55e00", _CLICK: "#ffffff"}


def changes(before: np.ndarray, edited: np.ndarray) -> np.ndarray | None:
    """Return what is outlined: classes that change as they would be, and what would go.

    Parameters
    ----------
    before, edited : ndarray
        ``(*S)`` labels.

    Returns
    -------
    ndarray or None
        ``(*S)``, values as the preview layer shows them; None where nothing changes.
    """
    different = before != edited
    if not different.any():
        return None
    classes = np.union1d(before[different], edited[different])
    classes = classes[classes != 0]
    at = np.searchsorted(classes, edited).clip(max=len(classes) - 1)
    shown = np.where(classes[at] == edited, at + _FIRST, 0)
    shown[different & (edited == 0)] = _LEAVES
    return shown.astype(np.min_scalar_type(len(classes) + _FIRST))


def edges(shown: np.ndarray, axis: int, *, wide: bool = True) -> np.ndarray:
    """Return the outermost voxels of what is shown, slice by slice; the rest is empty.

    napari draws such contours itself, but slower, and warns in the 3D view even of hidden layers.

    Parameters
    ----------
    shown : ndarray
        ``(*S)``; what lies outside of it is empty.
    axis : int
        Of the slices of a volume.
    wide : bool
        Whether the outline is two voxels wide, not one.
    """
    across = [a for a in range(shown.ndim) if shown.ndim == 2 or a != axis]
    border = np.zeros(shown.shape, bool)
    for a in across:
        values, near = np.moveaxis(shown, a, 0), np.moveaxis(border, a, 0)
        differs = values[1:] != values[:-1]
        near[1:] |= differs
        near[:-1] |= differs
        near[[0, -1]] = True
    outline = border.copy()
    for a in across if wide else ():
        near, wider = np.moveaxis(border, a, 0), np.moveaxis(outline, a, 0)
        wider[1:] |= near[:-1]
        wider[:-1] |= near[1:]
    return np.where(outline, shown, 0)


def with_clicks(
    shown: np.ndarray | None,
    box: Box | None,
    points: tuple[tuple[int, ...], ...],
    shape: tuple[int, ...],
    axis: int,
) -> tuple[np.ndarray, Box]:
    """Return an outline and its box with a cross at each clicked voxel.

    Parameters
    ----------
    shown : ndarray or None
        The outline within `box`.
    shape : tuple of int
        Of the whole volume.
    axis : int
        Of the slices of a volume: a cross lies in its slice.
    """
    reach = max(shape[-1] // 80, 2)
    arms = [a for a in range(len(shape)) if len(shape) == 2 or a != axis]
    lines = [_line(point, arm, reach, shape) for point in points for arm in arms]
    around = union([*lines, *([] if shown is None or box is None else [box])])
    assert around is not None  # there is always a click
    kind = np.uint8 if shown is None else shown.dtype
    canvas = np.zeros([s.stop - s.start for s in around], kind)
    if shown is not None and box is not None:
        canvas[within(box, around)] = shown
    for line in lines:
        canvas[within(line, around)] = _CLICK
    return canvas, around


class Outline(PreviewLayer):
    """The preview layer of a viewer: there while it is needed, hidden while it is empty."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, NAME, opacity=1.0)
        self._colours = DirectLabelColormap(color_dict=dict(_COLOURS))

    def show(self, labels: Labels, step: tuple[int, ...], box: Box, shown: np.ndarray) -> None:
        """Show an outline on the volume of `labels` at `step`, in `box`."""
        values = shown.reshape((1,) * len(step) + shown.shape)
        self.place(labels, (*step, *(s.start for s in box)), values, colormap=self._colours)


def _line(point: tuple[int, ...], axis: int, reach: int, shape: tuple[int, ...]) -> Box:
    """Return the voxels up to `reach` away from a point along an axis."""
    return tuple(
        slice(max(p - reach, 0), min(p + reach + 1, n)) if a == axis else slice(p, p + 1)
        for a, (p, n) in enumerate(zip(point, shape, strict=True))
    )
