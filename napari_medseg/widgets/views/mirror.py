"""Copies of a viewer's layers in another one: they share the arrays and follow every change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Vectors
from qtpy.QtCore import QObject, QTimer

_SAME = ("visible", "opacity", "blending", "scale", "translate", "rotate", "shear", "affine")
_ALSO: dict[type[Layer], tuple[str, ...]] = {  # Shapes layers cannot be removed again safely
    Image: ("colormap", "contrast_limits", "gamma", "interpolation2d"),
    Labels: ("colormap", "contour", "selected_label", "show_selected_label"),
    Points: ("data", "size", "face_color", "border_color", "symbol"),
    Vectors: ("data", "edge_width", "edge_color"),
}
_EDITS = ("set_data", "paint", "labels_update")
_TOGETHER = 15  # ms: edits that come faster are drawn together


class Mirror(QObject):
    """Shows the volumes of a viewer in `model`, as they are at every moment.

    A copy has its own slice and shares the array, so that an edit is seen in both at once. Nobody
    can select a copy, so no key and no stroke ever reaches it.

    Parameters
    ----------
    viewer : ViewerModel
        The one a person works in.
    model : ViewerModel
        The one of the view.
    """

    def __init__(self, viewer: ViewerModel, model: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._model = viewer, model
        self._twins: dict[Layer, _Twin] = {}
        self._dirty: dict[Layer, None] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_TOGETHER)
        self._timer.timeout.connect(self._refresh)
        for layer in viewer.layers:
            self._add(layer)
        self._links = [
            (viewer.layers.events.inserted, self._on_inserted),
            (viewer.layers.events.removed, self._on_removed),
            (viewer.layers.events.moved, self._sort),
            (viewer.layers.events.reordered, self._sort),
        ]
        for emitter, call in self._links:
            emitter.connect(call)

    def end(self) -> None:
        """Follow nothing any more, and drop the copies."""
        self._timer.stop()
        for emitter, call in self._links:
            emitter.disconnect(call)
        for twin in self._twins.values():
            twin.end()
        self._twins.clear()
        self._dirty.clear()
        self._model.layers.clear()

    def copy_of(self, layer: Layer) -> Layer | None:
        """Return what shows a layer here, if anything does."""
        twin = self._twins.get(layer)
        return None if twin is None else twin.copy

    def _add(self, layer: Layer) -> None:
        if layer.ndim < 3 or not isinstance(layer, tuple(_ALSO)):
            return
        twin = _Twin(layer, self._where, self._touch, self._make_anew)
        self._twins[layer] = twin
        self._model.layers.append(twin.copy)
        self._model.layers.selection.clear()
        self._sort()

    def _drop(self, layer: Layer) -> None:
        twin = self._twins.pop(layer, None)
        if twin is not None:
            twin.end()
            self._dirty.pop(layer, None)
            self._model.layers.remove(twin.copy)

    def _make_anew(self, layer: Layer) -> None:
        self._drop(layer)
        self._add(layer)

    def _on_inserted(self, event: Any) -> None:
        self._add(event.value)

    def _on_removed(self, event: Any) -> None:
        self._drop(event.value)

    def _sort(self, _event: object = None) -> None:
        wanted = [self._twins[o].copy for o in self._viewer.layers if o in self._twins]
        for index, copy in enumerate(wanted):
            now = self._model.layers.index(copy)
            if now != index:
                self._model.layers.move(now, index)

    def _where(self) -> tuple[Any, ...]:
        dims = self._viewer.dims
        return dims.point, dims.order, dims.ndisplay

    def _touch(self, layer: Layer) -> None:
        self._dirty[layer] = None
        if not self._timer.isActive():
            self._timer.start()

    def _refresh(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for layer in dirty:
            self._twins[layer].copy.refresh(extent=False, thumbnail=False, highlight=False)


class _Twin:
    """A copy of one layer, and what keeps it like the layer."""

    def __init__(
        self,
        layer: Layer,
        where: Callable[[], tuple[Any, ...]],
        touch: Callable[[Layer], None],
        make_anew: Callable[[Layer], None],
    ) -> None:
        self._layer, self._where, self._touch = layer, where, touch
        self._make_anew = make_anew
        self.copy: Layer = Layer.create(*layer.as_layer_data_tuple())
        self._at = where()
        names = next(names for kind, names in _ALSO.items() if isinstance(layer, kind))
        self._links: list[tuple[Any, Callable[[Any], None]]] = [
            (layer.events[name], self._take) for name in (*_SAME, *names)
        ]
        if "data" not in names:
            self._links.append((layer.events.data, self._take_data))
            edits = [name for name in _EDITS if name in layer.events.emitters]
            self._links += [(layer.events[name], self._on_edit) for name in edits]
        for emitter, call in self._links:
            emitter.connect(call)

    def end(self) -> None:
        for emitter, call in self._links:
            emitter.disconnect(call)

    def _take(self, event: Any) -> None:
        setattr(self.copy, event.type, getattr(self._layer, event.type))

    def _take_data(self, _event: object) -> None:
        if self._layer.data is self.copy.data:
            return
        if self._layer.ndim == self.copy.ndim and self._layer.multiscale == self.copy.multiscale:
            self.copy.data = self._layer.data
        else:
            self._make_anew(self._layer)

    def _on_edit(self, event: Any) -> None:
        """Tell edits from steps through the slices, of which the layer tells in the same way."""
        before, self._at = self._at, self._where()
        if event.type != "set_data" or before == self._at:
            self._touch(self._layer)
