"""A Labels layer to paint in, on the grid of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.widgets.layers import insert_above, same_grid
from napari_medseg.widgets.volumes import KEY, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


def add_labels(viewer: Viewer, image: Image) -> Labels:
    """Add empty labels above `image`, select them and return them."""
    data = image.data[0] if image.multiscale else image.data
    layer = Labels(
        np.zeros(data.shape[: image.ndim], np.uint8),
        name=f"{image.name} · labels",
        metadata={KEY: {"image": str(image.unique_id), "place": place_of(image)}},
        opacity=0.6,
        **same_grid(image),
    )
    insert_above(viewer, image, layer)
    viewer.layers.selection.active = layer
    return layer
