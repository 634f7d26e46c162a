"""What of the prompts is seen on the canvas, and the mouse that draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.interact.given import given_of
from napari_medseg.widgets.interact.hand import Hand, Pen
from napari_medseg.widgets.interact.marks import outline, prompt_marks
from napari_medseg.widgets.interact.plane import Plane
from napari_medseg.widgets.interact.sketch import Sketch
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SOON = 15  # ms: several changes at once are drawn once


class PromptView(QObject):
    """Draws prompts and the outline of their answers on the slice one sees.

    Parameters
    ----------
    viewer : Viewer
        Whose canvas it is.
    parent : QObject
        With which it ends.
    plane : callable
        Returns the slice one sees, or why nothing can be drawn on it.
    pen : callable
        Returns with what is drawn.
    """

    def __init__(
        self,
        viewer: Viewer,
        parent: QObject,
        plane: Callable[[], Plane | str],
        pen: Callable[[], Pen],
    ) -> None:
        super().__init__(parent)
        self._viewer, self._plane = viewer, plane
        self.sketch = Sketch(viewer, self)
        self.hand = Hand(viewer, self.sketch, plane, pen)
        self._layer: Labels | None = None
        self._waiting: Sequence[Prompt] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON)
        self._timer.timeout.connect(self.draw)

    def show(self, layer: Labels | None, waiting: Sequence[Prompt]) -> None:
        """Show the prompts of a layer soon, those that wait for an answer among them."""
        self._layer, self._waiting = layer, waiting
        self.draw_soon()

    def draw_soon(self) -> None:
        """Draw again, once a person pauses."""
        if not self._timer.isActive():
            self._timer.start()

    def draw(self) -> None:
        """Draw what lies on the slice one sees now."""
        plane, layer = self._plane(), self._layer
        if isinstance(plane, str) or (layer is None and not self._waiting):
            self.sketch.hide()
            return
        if self.hand.drawing:
            return  # when the line is done it is drawn again
        marks = np.zeros(plane.shape, np.uint8)
        prompts = list(self._waiting)
        if layer is not None and layer in self._viewer.layers:
            given = given_of(layer)
            if given.turns and given.at == plane.step:
                classes = classes_of(layer)
                self.sketch.set_classes(classes)
                values = [c.value for c in classes]
                marks = outline(plane, layer.data[given.at], given.turns, values)
            prompts = [*given.prompts(plane.step), *given.pending(), *prompts]
        drawn = prompt_marks(plane, prompts)
        self.sketch.show(plane, np.where(drawn, drawn, marks))

    def go_to(self, layer: Labels, prompt: Prompt) -> None:
        """Show the slice a prompt was drawn on; camera and zoom stay."""
        voxel = prompt.indices(place_of(layer).volume()).mean(axis=0)
        world = layer.data_to_world([*given_of(layer).at, *voxel][-layer.ndim :])
        first = self._viewer.dims.ndim - len(world)
        self._viewer.dims.set_point(range(first, self._viewer.dims.ndim), list(world))

    def end(self) -> None:
        """Leave the mouse to napari, and take what is drawn off the list of layers."""
        self.hand.leave()
        self._timer.stop()
        self.sketch.remove()
