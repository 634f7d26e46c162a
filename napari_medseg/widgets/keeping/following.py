"""From when on the Labels layers of a viewer are kept: those that are there and those to come."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from napari.layers import Image, Labels

from napari_medseg.widgets.keeping.keeper import Keeper, keep, keeper_of, let_go
from napari_medseg.widgets.keeping.offers import Offers
from napari_medseg.widgets.keeping.origins import is_kept
from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

_offers: WeakKeyDictionary[Any, Offers] = WeakKeyDictionary()


def follow(viewer: Viewer) -> None:
    """Keep what is done to the Labels layers of a viewer; a second call does nothing."""
    viewer = unwrapped(viewer)
    if viewer in _offers:
        return
    _offers[viewer] = Offers(viewer)
    for layer in viewer.layers:
        _begin(ref(viewer), layer)
    viewer.layers.events.inserted.connect(partial(_on_inserted, ref(viewer)))
    viewer.layers.events.removed.connect(partial(_on_removed, ref(viewer)))


def offers_of(viewer: Viewer) -> Offers:
    """Return what is offered in a viewer that is followed."""
    follow(viewer)
    return _offers[unwrapped(viewer)]


def keepers_of(viewer: Viewer) -> list[Keeper]:
    """Return what keeps the layers of a viewer, the topmost layer first."""
    keepers = [keeper_of(x) for x in reversed(unwrapped(viewer).layers) if isinstance(x, Labels)]
    return [keeper for keeper in keepers if keeper is not None]


def _on_inserted(viewer: ReferenceType[Viewer], event: Any) -> None:
    _begin(viewer, event.value)


def _on_removed(viewer: ReferenceType[Viewer], event: Any) -> None:
    alive, layer = viewer(), event.value
    if not isinstance(layer, Labels):
        return
    lost = keeper_of(layer)
    let_go(layer)
    if alive is not None and lost is not None and lost.outstanding:
        _offers[alive].look()


def _begin(viewer: ReferenceType[Viewer], layer: object) -> None:
    alive = viewer()
    if alive is None:
        return
    if is_kept(layer):
        assert isinstance(layer, Labels)
        keep(layer, alive)
    if is_kept(layer) or isinstance(layer, Image):
        _offers[alive].look()
