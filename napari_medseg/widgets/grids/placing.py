"""Labels put onto the grid of an image, in a thread: what it needs, and the layer that comes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.host_memory import host_memory
from napari_medseg.io.placing import Relation, place_on
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.layers import class_look, same_grid
from napari_medseg.widgets.volumes import KEY, gigabytes, place_of


@dataclass(frozen=True, eq=False)
class Request:
    """Everything the thread needs.

    Parameters
    ----------
    labels : Volume
        ``(1, *S_labels)``, a copy of what is shown.
    like : Volume
        The grid of the image, without its values.
    relation : Relation
        How the two lie to each other.
    """

    labels: Volume
    like: Volume
    relation: Relation

    def place(self, report: Report = silent) -> Volume:
        """Return the labels on the grid of the image.

        Raises
        ------
        ValueError
            If no label lies in the image, or the image is too large for labels in memory.
        """
        report(Step(0, 0, "labels", "placing the labels …"))
        free, _ = host_memory()
        needed = math.prod(self.like.shape) * self.labels.array.dtype.itemsize
        if free is not None and needed > free:
            raise ValueError(
                f"labels for every voxel of '{self.like.name}' take {gigabytes(needed)} of memory "
                f"and {gigabytes(free)} are free; close other images or programs"
            )
        return place_on(self.labels, self.like, resample=self.relation.kind == "other")


def placed_layer(
    placed: Volume,
    request: Request,
    image: Image,
    classes: Sequence[LabelClass],
    *,
    step: tuple[int, ...] = (),
    provenance: dict[str, Any] | None = None,
) -> Labels:
    """Return a new layer on the voxels of `image`, whose name says how it came about.

    It belongs to no file yet: the one the labels came from stays as it is.

    Parameters
    ----------
    step : tuple of int
        Index along the axes of the image before the spatial ones.
    provenance : dict or None
        How the labels came about before.
    """
    labels, relation = request.labels, request.relation
    how = "resampled onto" if relation.kind == "other" else "placed on"
    source = labels.storage.path if labels.storage is not None else ""
    about = {
        **(provenance or {}),
        "placed": {
            "how": f"{how} {request.like.name}",
            "from": source or labels.name,
            "grids": relation.words,
            "notes": list(placed.notes),
        },
    }
    values = np.ascontiguousarray(placed.array[0])
    return Labels(
        values.reshape((1,) * len(step) + values.shape),
        name=f"{labels.name} · {how} {request.like.name}",
        metadata={KEY: {"place": place_of(image), "provenance": about}},
        **same_grid(image, step),
        **(class_look(classes) if classes else {}),
    )
