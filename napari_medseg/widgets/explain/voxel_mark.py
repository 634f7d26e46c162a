"""The voxel a person pointed at, marked on the image by a cross that leaves it free."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.packed import Box
from napari_medseg.widgets.edit.outline import LARGE
from napari_medseg.widgets.explain.about import state_of
from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.interact.plane import shown_plane
from napari_medseg.widgets.preview_layer import PreviewLayer

if TYPE_CHECKING:
    from napari.viewer import Viewer

NAME = "explained voxel"
_ARM, _EDGE = 1, 2  # values of the cross
_COLOURS: dict[int | None, str] = {
    None: "transparent",
    0: "transparent",
    _ARM: "#7fff00",  # in none of the colours of maps of two signs, nor grey
    _EDGE: "#000000",
}
_GAP = 2  # voxels from the middle to the arms
_SHARE = 60  # the longer side of the slice is so many times as long as an arm


class VoxelMark:
    """Marks the voxel that answers are about, on whichever slice one sees.

    Parameters
    ----------
    viewer : Viewer
        Whose layers they are.
    subject : Subject
        Knows the image and the voxel.
    """

    def __init__(self, viewer: Viewer, subject: Subject) -> None:
        self._viewer, self._subject = viewer, subject
        self._layer = PreviewLayer(viewer, NAME, opacity=1.0)
        self._colours = DirectLabelColormap(color_dict=dict(_COLOURS))
        self._marked: Hashable = None

    def refresh(self, *, wanted: bool) -> None:
        """Mark the voxel if one was pointed at and is wanted; nothing in the 3D view."""
        image = self._subject.image if wanted and self._subject.pointed else None
        plane = None if image is None else shown_plane(self._viewer, image)
        if image is None or plane is None:
            if self._marked is not None:
                self._layer.hide()
            self._marked = None
            return
        row, column = plane.on_slice(np.array(self._subject.at()))[0].astype(int).tolist()
        marked = state_of(image), plane.step, plane.axis, row, column
        if marked == self._marked:  # what a person does with the layer is left alone
            return
        self._marked = marked
        box, flat = cross((row, column), plane.shape)
        start, sides = [0] * len(plane.place.shape), list(plane.place.shape)
        for axis, part in zip(plane.across, box, strict=True):
            start[axis], sides[axis] = part.start, part.stop - part.start
        if plane.axis is not None:
            flat = np.expand_dims(flat, plane.axis)  # the same on every slice
        values = np.broadcast_to(flat, (1,) * len(plane.step) + tuple(sides)).copy()
        self._layer.place(image, (*plane.step, *start), values, colormap=self._colours)


def cross(at: tuple[int, int], shape: tuple[int, ...]) -> tuple[Box, np.ndarray]:
    """Return where a cross around a voxel of a slice lies, and its values ``(h, w)``.

    Parameters
    ----------
    at : tuple of int
        The voxel.
    shape : tuple of int
        ``(H, W)`` of the slice, at whose rim the cross is cut off.
    """
    large = max(shape) >= LARGE  # a line one voxel wide is hard to see there
    reach = max(max(shape) // _SHARE, _GAP + 2)
    far = reach + large
    box = tuple(slice(max(i - far, 0), min(i + far + 1, n)) for i, n in zip(at, shape, strict=True))
    y, x = (np.abs(np.arange(s.start, s.stop) - i) for s, i in zip(box, at, strict=True))
    y, x = y[:, None], x[None]
    near, away = np.minimum(y, x), np.maximum(y, x)
    values = np.zeros(np.broadcast_shapes(y.shape, x.shape), np.uint8)
    if large:
        values[(near <= 1) & (away >= _GAP) & (away <= far)] = _EDGE
    values[(near == 0) & (away >= _GAP) & (away <= reach)] = _ARM
    return box, values
