"""What a thread needs to measure the labels of a layer: arrays and numbers, no layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.measures.table import Measures
from napari_medseg.progress import Report, silent
from napari_medseg.widgets.boxes import sliced_axis
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.ct_windows import why_not_ct
from napari_medseg.widgets.layers import image_layers, is_map, same_place
from napari_medseg.widgets.volumes import place_of, shown_step, to_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class MeasureRequest:
    """The labels ``(*S)`` as they were when it was made, and what lies under them.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, a copy; or an array that is read when it is needed.
    image : ndarray or None
        ``(C, *S)``; of several channels the mean is measured.
    spacing : tuple of float
        Per axis, in `unit`.
    affine : ndarray
        (4, 4), index to RAS+ mm.
    names : mapping of int to str
        Of the classes.
    axis : int
        The axis one steps through.
    step : tuple of int
        Where along the axes before the spatial ones (time).
    surface : bool
        Whether to compute surface areas.
    unit, grey_unit : str
        Of lengths and of grey values.
    """

    labels: Any
    image: Any
    spacing: tuple[float, ...]
    affine: np.ndarray
    names: Mapping[int, str]
    axis: int
    step: tuple[int, ...]
    surface: bool
    unit: str
    grey_unit: str


def measured(request: MeasureRequest, report: Report = silent) -> tuple[MeasureRequest, Measures]:
    """Measure what is asked for; runs in a thread, and says to which request the answer belongs."""
    from napari_medseg.measures.measuring import measure

    image = None
    if request.image is not None:
        values = np.asarray(request.image)
        image = values[0] if len(values) == 1 else values.mean(axis=0)
    measures = measure(
        np.asarray(request.labels),
        request.spacing,
        image=image,
        names=request.names,
        affine=request.affine,
        axis=request.axis,
        surface=request.surface,
        unit=request.unit,
        grey_unit=request.grey_unit,
        report=report,
    )
    return request, measures


def request_of(
    viewer: Viewer, layer: Labels, image: Image | None, *, surface: bool = False
) -> MeasureRequest:
    """Return what would be measured now: the labels are copied, and may be painted on meanwhile."""
    point = tuple(viewer.dims.point)
    labels = to_volume(layer, point)
    place = labels if image is None else place_of(image)  # that knows how the scan was tilted
    values = labels.array[0]
    return MeasureRequest(
        labels=np.array(values) if isinstance(values, np.ndarray) else values,
        image=None if image is None else to_volume(image, point).array,
        spacing=tuple(labels.spacing),
        affine=place.affine,
        names=names_of(layer),
        axis=sliced_axis(viewer, layer) or 0,
        step=shown_step(layer, point),
        surface=surface,
        unit=_unit(labels.spacing, labels.spacing_known),
        grey_unit="" if image is None or why_not_ct(image) else "HU",
    )


def names_of(layer: Labels) -> dict[int, str]:
    """Return the name of each class of a layer by its value."""
    return {c.value: c.name for c in classes_of(layer)}


def images_under(viewer: Viewer, layer: Labels) -> list[Image]:
    """Return the images whose voxels lie on those of a layer, the topmost first, the seen before.

    An image with other leading axes (time) counts if its volumes have the size of the labels'.
    """
    shape = place_of(layer).shape
    found = [
        image
        for image in image_layers(viewer)
        if not is_map(image)
        and place_of(image).shape == shape
        and (image.ndim != layer.ndim or same_place(layer, image))
    ]
    return sorted(found, key=lambda image: not image.visible)


def _unit(spacing: tuple[float, ...], known: bool) -> str:
    if known:
        return "mm"
    return "px" if all(s == 1 for s in spacing) else "units"
