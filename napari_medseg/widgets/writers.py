"""What napari saves: a Labels layer, on the grid of the file its image came from."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np

from napari_medseg.io import write_labels
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
    labels = np.asarray(data)
    while labels.ndim > 3 and labels.shape[0] == 1:
        labels = labels[0]
    if labels.ndim not in (2, 3):
        raise OSError(
            f"the layer '{meta.get('name', '')}' has {labels.ndim} axes; labels are saved as one "
            "image or one volume at a time"
        )
    provenance = meta.get("metadata", {}).get(KEY, {}).get("provenance")
    viewer = napari.current_viewer()
    like = like_meta(labels.shape, meta, viewer.layers if viewer is not None else ())
    try:
        write_labels(path, labels, like=like, provenance=provenance)
    except ValueError as error:
        raise OSError(str(error)) from error
    return [str(path)]
