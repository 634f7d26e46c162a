"""Linked orthogonal views: axial, coronal and sagittal with a crosshair, the canvas one of them."""

from napari_medseg.widgets.views.orthogonal import OrthogonalViews
from napari_medseg.widgets.views.toggle import toggle_views, views_of

__all__ = ["OrthogonalViews", "toggle_views", "views_of"]
