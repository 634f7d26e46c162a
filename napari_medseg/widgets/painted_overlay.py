"""What a person reviewed and changed, as colours over the labels: off until it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel

from napari_medseg.packed import Box, shape_of
from napari_medseg.widgets.active_labels import FollowsLabels
from napari_medseg.widgets.layers import insert_above, remove_layer, same_grid, stepped
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.sessions import Connectable, connect_while_alive
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

REVIEWED, CHANGED = 1, 2
COLOURS: dict[int | None, str] = {REVIEWED: "#ffffff", CHANGED: "#ff40ff"}
_STRIPES = {
    REVIEWED: 1,
    CHANGED: 2,
}  # of every four voxels: classes have colours, these have stripes
_WORDS = {REVIEWED: "reviewed", CHANGED: "changed"}
_TIP = "Colour the voxels you reviewed and those you changed; the labels stay as they are"
_TIPS = {
    REVIEWED: "You painted these voxels or found them right",
    CHANGED: "These voxels differ from what the model answered last",
}


class PaintedOverlay(FollowsLabels):
    """A switch that shows what was reviewed and changed in the Labels layer one works on.

    It fills only the slice one sees, when it is seen. The layer it makes is gone when the switch
    is off.

    Parameters
    ----------
    viewer : Viewer
        Whose active Labels layer is shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self._overlay: ref[Labels] | None = None
        self.switch = QCheckBox("Show what is")
        self.switch.toggled.connect(self._turn)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.switch)
        for value in (REVIEWED, CHANGED):
            words = QLabel(_WORDS[value])
            words.setToolTip(_TIPS[value])
            sign = QLabel()
            sign.setPixmap(stripes(COLOURS[value], _STRIPES[value]))
            line.addWidget(sign)
            line.addWidget(words)
        line.addStretch(1)
        dims = self.viewer.dims.events
        for signal in (dims.current_step, dims.order, dims.ndisplay):
            connect_while_alive(self, signal, self.draw)
        connect_while_alive(self, self.viewer.layers.events.removed, self._note_removal)
        self.look_for_layer()

    @property
    def overlay(self) -> Labels | None:
        """The layer with the colours; None while the switch is off."""
        layer = None if self._overlay is None else self._overlay()
        return layer if layer is not None and layer in self.viewer.layers else None

    def show_layer(self, layer: Labels | None) -> None:
        """Show what was done in another layer."""
        reason = "There are no labels yet" if layer is None else ""
        if layer is not None and layer.multiscale:
            reason = "Labels of several resolutions cannot be painted"
        self.switch.setEnabled(not reason)
        self.switch.setToolTip(reason or _TIP)
        self._remove()
        if layer is None or reason:
            self.switch.setChecked(False)
        elif self.switch.isChecked():
            self._add(layer)

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        """Return what calls which method while the layer is shown."""
        return [
            (stepped(layer), self.draw),
            (painted_of(layer).confirmed, self.draw),
            (layer.events.data, self._begin_anew),
        ]

    def draw(self, _event: object = None) -> None:
        """Colour what one sees of the layer as it is now."""
        layer, overlay = self.layer, self.overlay
        if layer is None or overlay is None:
            return
        box = part_in_sight(self.viewer, layer)
        if box is not None:
            overlay.data[box] = striped(marks_in(layer, box), box)
            overlay.refresh(extent=False, thumbnail=False)

    def _turn(self, on: bool) -> None:
        if on and self.layer is not None:
            self._add(self.layer)
        else:
            self._remove()

    def _add(self, layer: Labels) -> None:
        colours: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
        colours.update(COLOURS)
        overlay = Labels(
            np.zeros(layer.data.shape, np.uint8),  # memory is given as slices are seen
            name=f"{layer.name} · reviewed and changed",
            metadata={KEY: {"preview": True}},
            colormap=DirectLabelColormap(color_dict=colours),
            opacity=0.8,
            **same_grid(layer),
        )
        overlay.editable = False
        insert_above(self.viewer, layer, overlay)
        self._overlay = ref(overlay)
        self.draw()

    def _remove(self) -> None:
        overlay, self._overlay = self.overlay, None
        if overlay is not None:
            remove_layer(self.viewer, overlay)

    def _begin_anew(self, _event: object = None) -> None:
        layer, overlay = self.layer, self.overlay
        if layer is not None and overlay is not None:
            if overlay.data.shape != layer.data.shape:
                self.show_layer(layer)
            self.draw()

    def _note_removal(self, _event: object = None) -> None:
        """Turn the switch off when a person removed the layer with the colours."""
        if self._overlay is not None and self.overlay is None:
            self._overlay = None
            self.switch.setChecked(False)


def stripes(colour: str | None, width: int) -> QPixmap:
    """Return a dark square with slanting stripes of a colour, for the legend."""
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor("#404048"))
    painter = QPainter(pixmap)
    painter.setPen(QPen(QColor(colour), width))
    for x in range(0, 28, 4):
        painter.drawLine(x, 0, x - 14, 14)
    painter.end()
    return pixmap


def marks_in(layer: Labels, box: Box) -> np.ndarray:
    """Return `REVIEWED`, `CHANGED` or 0 for each voxel in a box of a layer, as uint8."""
    painted = painted_of(layer)
    marks = np.zeros(shape_of(box), np.uint8)
    marks[painted.reviewed_in(box)] = REVIEWED
    marks[painted.changed_in(box)] = CHANGED
    return marks


def striped(marks: np.ndarray, box: Box) -> np.ndarray:
    """Return marks with gaps between slanting stripes, so that the classes below are seen."""
    along = sum(np.ogrid[box])  # the sum of the indices of each voxel
    gaps = np.zeros(marks.shape, bool)
    for value, width in _STRIPES.items():
        gaps |= (marks == value) & (along % 4 >= width)
    return np.where(gaps, 0, marks).astype(marks.dtype)


def part_in_sight(viewer: Viewer, layer: Layer) -> Box | None:
    """Return the part of a layer one sees, over all its axes; None where one stands outside it."""
    first = viewer.dims.ndim - layer.ndim
    index = np.round(layer.world_to_data(viewer.dims.point)).astype(int)
    box = []
    for axis, side in enumerate(layer.data.shape):
        if first + axis in viewer.dims.displayed:
            box.append(slice(0, side))
        elif 0 <= index[axis] < side:
            box.append(slice(int(index[axis]), int(index[axis]) + 1))
        else:
            return None
    return tuple(box)
