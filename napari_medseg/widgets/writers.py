"""What napari saves: a Labels layer, on the grid of the file its image came from."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from napari.layers import Labels

from napari_medseg.io import write_labels
from napari_medseg.widgets.keeping.origins import file_of
from napari_medseg.widgets.keeping.saving import (
    note_napari_saved,
    one_image,
    place_for_file,
    provenance_of,
)
from napari_medseg.widgets.volumes import KEY, like_meta


def save_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer as NIfTI, PNG or TIFF, with its provenance as JSON beside it.

    Parameters
    ----------
    path : str
        The suffix says the format.
    data : array
        The labels; axes of length 1 before the last three are dropped.
    meta : dict
        The layer's attributes, as napari gives them to writers.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    OSError
        If the format cannot hold the labels, or the file cannot be written. napari says nothing of
        the `ValueError` of a writer.
    """
    viewer = napari.current_viewer()
    layers = viewer.layers if viewer is not None else ()
    layer = next((x for x in layers if x.data is data and isinstance(x, Labels)), None)
    provenance = meta.get("metadata", {}).get(KEY, {}).get("provenance")
    try:
        labels = one_image(np.asarray(data), str(meta.get("name", "")))
        like = like_meta(labels.shape, meta, layers)
        if layer is not None:
            provenance = provenance_of(viewer, layer)
            like = place_for_file(like, file_of(layer))
        write_labels(path, labels, like=like, provenance=provenance)
    except ValueError as error:
        raise OSError(str(error)) from error
    if layer is not None:
        note_napari_saved(layer, path)
    return [str(path)]
