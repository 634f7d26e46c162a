"""From what a viewer shows to what a tool sees: labels, the image under them, the slice, boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.config import Config
from napari_medseg.editing.scope import Scope as Part
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.packed import Box
from napari_medseg.widgets.boxes import boxes, drawn, shown_slice, sliced_axis
from napari_medseg.widgets.edit.job import Job
from napari_medseg.widgets.edit.version import version_of
from napari_medseg.widgets.layers import image_layers, is_map, is_preview, why_not_editable
from napari_medseg.widgets.scopes import Scope
from napari_medseg.widgets.volumes import place_of, shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer

ACROSS = frozenset({"slice", "volume"})
"""Needs of tools that work through the slices: "this slice" is no scope for them."""


def job_of(
    viewer: Viewer,
    layer: Labels,
    tool: Tool,
    options: Config,
    *,
    label: int,
    every_label: bool = False,
    where: Scope = Scope.WHOLE,
    locked: frozenset[int] = frozenset(),
    image: Image | None = None,
    other: Labels | None = None,
    points: tuple[tuple[int, ...], ...] = (),
) -> Job:
    """Return what `tool` would compute now.

    Parameters
    ----------
    image, other : layer or None
        The image and the other labels that a tool reads.
    points : tuple of tuple of int
        Voxels of the layer's volume, as `voxel_at` gives them.

    Raises
    ------
    ValueError
        With a sentence for a person, where the scope is not there.
    """
    place, point = place_of(layer), tuple(viewer.dims.point)
    axis, step = sliced_axis(viewer, layer), shown_step(layer, point)
    around = drawn_boxes(viewer, layer)
    scene = Scene(
        labels=layer.data[step],
        spacing=place.spacing,
        label=label,
        locked=locked,
        points=points,
        axis=0 if axis is None else axis,
        index=slice_index(viewer, layer),
        other=None if other is None else other.data[shown_step(other, point)],
        box=around[0] if around and "box" in tool.needs else None,
    )
    one_slice = where in (Scope.SLICE, Scope.BOX_SLICE) and not tool.needs & ACROSS
    one_slice = one_slice and len(place.shape) == 3
    if one_slice and scene.index is None:
        raise ValueError("the slice you see is outside of these labels; go to another one")
    in_boxes = where in (Scope.BOX, Scope.BOX_SLICE) and "box" not in tool.needs
    part = Part(
        every_label=every_label and tool.all_labels and not tool.any_label,
        where="slice" if one_slice else "volume",
    )
    return Job(
        tool=tool,
        options=options,
        scene=scene,
        scope=part,
        grey=None if image is None else _values(image, point),
        colour=image is not None and bool(image.rgb),
        source=None if image is None else (image.unique_id, id(image.data)),
        rectangles=_scope_boxes(viewer, layer, one_slice) if in_boxes else (),
        step=step,
        other=None if other is None else (other.unique_id, version_of(other)),
    )


def _scope_boxes(viewer: Viewer, layer: Labels, one_slice: bool) -> tuple[Box, ...]:
    """Return the rectangles a tool is to work in."""
    found = drawn_boxes(viewer, layer, one_slice=one_slice)
    if not found:
        raise ValueError("no box lies on these labels yet; draw one first")
    return found


def slice_index(viewer: Viewer, layer: Layer) -> int | None:
    """Return the index of the slice one sees along the axis one steps through, if there is one."""
    seen, axis = shown_slice(viewer, layer), sliced_axis(viewer, layer)
    return None if seen is None or axis is None else int(seen[axis].start)


def drawn_boxes(viewer: Viewer, layer: Layer, *, one_slice: bool = False) -> tuple[Box, ...]:
    """Return the rectangles a person drew, as parts of a layer; none where they lie outside."""
    shapes = drawn(viewer)
    return () if shapes is None else tuple(boxes(shapes, viewer, layer, one_slice=one_slice))


def voxel_at(viewer: Viewer, layer: Layer, position: tuple[float, ...]) -> tuple[int, ...] | None:
    """Return the voxel of a layer's volume at a place in the world; None outside of it."""
    shape = place_of(layer).shape
    at = np.round(layer.world_to_data(position))[-len(shape) :].astype(int)
    inside = all(0 <= i < n for i, n in zip(at, shape, strict=True))
    return tuple(int(i) for i in at) if inside else None


def images_under(viewer: Viewer, labels: Labels) -> list[Image]:
    """Return the images that lie on the grid of a Labels layer, the topmost first."""
    point = tuple(viewer.dims.point)
    offered = [image for image in image_layers(viewer) if not is_map(image)]
    return [image for image in offered if _lies_on(labels, image, point)]


def labels_beside(viewer: Viewer, labels: Labels) -> list[Labels]:
    """Return the other Labels layers on the same grid, the topmost first."""
    point = tuple(viewer.dims.point)
    offered = [other for other in reversed(viewer.layers) if isinstance(other, Labels)]
    return [
        other
        for other in offered
        if other is not labels
        and not is_preview(other)
        and not why_not_editable(other)
        and _lies_on(labels, other, point)
    ]


def _lies_on(labels: Labels, image: Layer, point: tuple[float, ...]) -> bool:
    """Whether each voxel of the labels lies on one of the image."""
    place = place_of(labels)
    shape = place.shape
    if place_of(image).shape != shape:
        return False
    corners = np.vstack([np.zeros(len(shape)), np.diag(np.asarray(shape) - 1)])
    near = min(place.spacing) / 2
    return all(
        np.allclose(_world(labels, point, corner), _world(image, point, corner), rtol=0, atol=near)
        for corner in corners
    )


def _world(layer: Layer, point: tuple[float, ...], corner: np.ndarray) -> np.ndarray:
    at = (*shown_step(layer, point), *corner)
    return np.asarray(layer.data_to_world(at), float)[-len(corner) :]


def _values(image: Image, point: tuple[float, ...]) -> object:
    """Return the values of the shown step, not computed yet where they are lazy."""
    data = image.data[0] if image.multiscale else image.data
    return data[shown_step(image, point)]
