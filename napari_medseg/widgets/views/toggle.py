"""Opening and closing the orthogonal views of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.compat import isalive

from napari_medseg.widgets.dock import reveal
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.views.orthogonal import OrthogonalViews

if TYPE_CHECKING:
    from napari.viewer import Viewer

TITLE = "Orthogonal views"

_views: WeakKeyDictionary[Any, ref[OrthogonalViews]] = WeakKeyDictionary()


def views_of(viewer: Viewer) -> OrthogonalViews | None:
    """Return the views of a viewer, hidden or not; None if they were never opened or are gone."""
    kept = _views.get(unwrapped(viewer))
    views = None if kept is None else kept()
    return views if views is not None and isalive(views) else None  # type: ignore[no-untyped-call]


def toggle_views(viewer: Viewer) -> OrthogonalViews:
    """Open the orthogonal views below the canvas, or hide them if they are there."""
    viewer = unwrapped(viewer)
    views = views_of(viewer)
    dock = None if views is None else views.dock()
    if views is None or dock is None:  # never opened, or its dock was closed for good
        views = OrthogonalViews(viewer)
        _views[viewer] = ref(views)
        views.prepare()
        viewer.window.add_dock_widget(views, name=TITLE, area="bottom")
    elif views.isVisible():
        dock.hide()
    else:
        views.prepare()
        reveal(views)
    return views
