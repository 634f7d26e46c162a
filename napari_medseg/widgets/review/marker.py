"""The thin outline around a doubtful place: one Vectors layer a viewer, made once and moved.

A box has an outline in each of the three planes through the point where the viewer stands, so that
it is seen in every view and on every slice through the box. The layer has the grid of the labels:
any other voxel size would change the steps of napari's sliders.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from napari.layers import Labels, Vectors

from napari_medseg.packed import Box
from napari_medseg.widgets.layers import insert_above, same_grid, same_place
from napari_medseg.widgets.sessions import connect_while_alive
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

NAME = "doubtful place"
_COLOUR = "#00ffff"
_OUT = 0.75  # voxels beyond the box: so no line of one plane lies on a slice of another one


class Marker:
    """Outlines the place a person is at.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    owner : QWidget
        Whose end is the end of the marker's moves.
    """

    def __init__(self, viewer: Viewer, owner: QWidget) -> None:
        self._viewer = ref(viewer)
        self._box: Box | None = None
        connect_while_alive(owner, viewer.dims.events.point, self._follow)

    @property
    def layer(self) -> Vectors | None:
        """The layer with the outline, if it is there: a person may have removed it."""
        viewer = self._viewer()
        layers = () if viewer is None else viewer.layers
        return next((o for o in layers if is_marker(o)), None)

    def show(self, labels: Labels, box: Box) -> None:
        """Outline a box given over all axes of `labels`."""
        viewer, layer = self._viewer(), self.layer
        if viewer is None or labels not in viewer.layers:
            return
        if layer is not None and not same_place(layer, labels):
            viewer.layers.remove(layer)
            layer = None
        if layer is None:
            insert_above(viewer, viewer.layers[-1], _empty(labels))
        self._box = box
        self._draw()

    def hide(self) -> None:
        """Outline nothing."""
        self._box, layer = None, self.layer
        if layer is not None and layer.visible:
            layer.visible = False

    def _follow(self, _event: object = None) -> None:
        layer = self.layer
        if self._box is not None and layer is not None and layer.visible:
            self._draw()

    def _draw(self) -> None:
        viewer, layer, box = self._viewer(), self.layer, self._box
        if viewer is None or layer is None or box is None:
            return
        at = np.asarray(layer.world_to_data(viewer.dims.point), float)[-layer.ndim :]
        lines = outline(box, at)
        if not np.array_equal(lines, layer.data):
            layer.data = lines
            layer.edge_width = max(s.stop - s.start for s in box[-2:]) / 60
        layer.visible = True


def is_marker(layer: object) -> bool:
    """Whether a layer is the outline of a doubtful place."""
    return isinstance(layer, Vectors) and bool(layer.metadata.get(KEY, {}).get("marker"))


def outline(box: Box, at: np.ndarray) -> np.ndarray:
    """Return the edges of a box in the planes through a point.

    Parameters
    ----------
    box : tuple of slice
        Its last two or three axes are in space; along the ones before it is one index thick.
    at : ndarray
        The point, an index for each axis of the box.

    Returns
    -------
    ndarray
        ``(N, 2, D)``: where each edge begins, and how far it goes. A plane that passes by the box
        has none.
    """
    dims = min(len(box), 3)
    low = np.array([s.start for s in box], float) - _OUT
    high = np.array([s.stop - 1 for s in box], float) + _OUT
    low[:-dims] = high[:-dims] = [s.start for s in box[:-dims]]
    edges = []
    for plane in combinations(range(len(box) - dims, len(box)), 2):
        across = [a for a in range(len(box) - dims, len(box)) if a not in plane]
        if any(not low[a] < round(at[a]) < high[a] for a in across):
            continue
        corner = low.copy()
        corner[across] = np.round(at[across])
        for along, other in (plane, plane[::-1]):
            for end in (low, high):
                start, way = corner.copy(), np.zeros(len(box))
                start[other] = end[other]
                way[along] = high[along] - low[along]
                edges.append((start, way))
    return np.array(edges, float).reshape(-1, 2, len(box))


def _empty(labels: Labels) -> Vectors:
    return Vectors(
        np.zeros((1, 2, labels.ndim)),
        name=NAME,
        vector_style="line",
        edge_color=_COLOUR,
        visible=False,
        metadata={KEY: {"marker": True}},
        **same_grid(labels),
    )
