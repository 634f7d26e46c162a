"""Every Labels layer of a viewer, those to come as well."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_medseg.widgets.layers import is_preview
from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

_followed: WeakKeyDictionary[Any, set[Callable[[Labels], Any]]] = WeakKeyDictionary()


def each_labels(viewer: Viewer, begin: Callable[[Labels], Any]) -> None:
    """Call `begin` for every Labels layer of a viewer that is no preview, now or when it comes.

    A second call with the same function does nothing.
    """
    viewer = unwrapped(viewer)
    known = _followed.setdefault(viewer, set())
    if begin in known:
        return
    known.add(begin)
    for layer in viewer.layers:
        _begin(begin, layer)
    viewer.layers.events.inserted.connect(partial(_on_inserted, begin))


def _on_inserted(begin: Callable[[Labels], Any], event: Any) -> None:
    _begin(begin, event.value)


def _begin(begin: Callable[[Labels], Any], layer: object) -> None:
    if isinstance(layer, Labels) and not is_preview(layer):
        begin(layer)
