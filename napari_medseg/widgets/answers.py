"""What a run found, on the canvas: labels beside their image, and the maps it gives when asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QTimer

from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.packed import Box
from napari_medseg.widgets.layers import (
    class_look,
    insert_above,
    is_being_painted,
    same_grid,
    same_place,
    why_not_editable,
)
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import KEY, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.engine.segmenter import Segmentation

_LOOK_AGAIN = 50  # ms, while a stroke goes on

_waiting: WeakKeyDictionary[Labels, deque[Callable[[Viewer], Labels]]] = WeakKeyDictionary()


def show_answer(
    viewer: Viewer,
    image: Layer,
    labels: np.ndarray,
    *,
    model: str,
    classes: Sequence[LabelClass],
    provenance: dict[str, Any],
    step: tuple[int, ...] = (),
    box: Box | None = None,
    keep_painted: bool = True,
) -> Labels:
    """Put what a model found beside the image it was found in.

    Every answer is one undo step, the first one too. A second run of the same model on the same
    image writes into the same layer and changes nothing outside `box`. If a stroke is going on in
    that layer, the answer comes as soon as it is finished. Camera, slice and selection stay as
    they are.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, the grid of the image, or of the shape of `box`.
    model : str
        For people; part of the layer's name.
    step : tuple of int
        Index of the image along its axes before the spatial ones, if it has such.
    box : tuple of slice
        Over ``*S``: where the model answered; everywhere without it.
    keep_painted : bool
        Leave alone the voxels that a person painted or confirmed.

    Returns
    -------
    Labels
        The layer that shows the answer, or will when the stroke in it is finished.
    """
    values = labels.reshape((1,) * len(step) + labels.shape)
    where, shape = _grid(image, values, step, box)
    ours = {"image": str(image.unique_id), "model": model, "step": step}
    answer = _Answer(image, values, where, shape, ours, tuple(classes), provenance, keep_painted)
    return _show(viewer, answer)


@dataclass(frozen=True, eq=False)
class _Answer:
    """What a model found, and where in which image; `ours` is by what its layer is known again."""

    image: Layer
    values: np.ndarray
    where: Box
    shape: tuple[int, ...]
    ours: dict[str, Any]
    classes: tuple[LabelClass, ...]
    provenance: dict[str, Any]
    keep_painted: bool

    @property
    def name(self) -> str:
        """What a person undoes."""
        return f"Segment: {self.ours['model']}"


def _show(viewer: Viewer, answer: _Answer) -> Labels:
    """Write an answer into the layer of an earlier one, now or after the stroke; or make one."""
    image, step = answer.image, answer.ours["step"]
    earlier = _earlier_answer(viewer, answer)
    if earlier is not None and (is_being_painted(earlier) or earlier in _waiting):
        _show_later(viewer, earlier, partial(_show, answer=answer))
        return earlier
    if earlier is not None:
        painted_of(earlier).write_answer(
            answer.values, answer.name, box=answer.where, keep_painted=answer.keep_painted
        )
        own = earlier.metadata[KEY]
        earlier.metadata[KEY] = {**own, "provenance": answer.provenance}  # a duplicate shares it
        earlier.visible = True
        return earlier
    layer = Labels(
        np.zeros(answer.shape, answer.values.dtype),
        name=" · ".join([image.name, answer.ours["model"], *(f"{i}" for i in step)]),
        metadata={KEY: {**answer.ours, "place": place_of(image), "provenance": answer.provenance}},
        opacity=0.6,
        **same_grid(image, step),
        **class_look(answer.classes),
    )
    painted_of(layer).write_answer(answer.values, answer.name, box=answer.where)
    insert_above(viewer, image, layer)
    return layer


def show_maps(
    viewer: Viewer,
    image: Layer,
    above: Labels,
    result: Segmentation,
    card: ModelCard,
    step: tuple[int, ...] = (),
    box: Box | None = None,
) -> list[Image]:
    """Put probabilities ``(K, *S)`` and uncertainty ``(*S)``, where there are any, on the image.

    With `box`, over ``*S``, they are of its shape, and nothing changes outside. They are hidden
    at first, so that the labels are seen; a click on the eye shows them. A later run of the model
    writes into the same layers.
    """
    return [
        _show_map(viewer, image, above, what, np.asarray(values), step, box)
        for what, values in _maps(result, card).items()
    ]


def _maps(result: Segmentation, card: ModelCard) -> dict[str, np.ndarray]:
    """Return what a run found besides labels, by the words for it."""
    maps: dict[str, np.ndarray] = {}
    if result.probabilities is not None:
        offset = 1 if card.activation == "softmax" else 0
        for index, label_class in enumerate(card.classes):
            maps[f"likely {label_class.name}"] = result.probabilities[offset + index]
    if result.uncertainty is not None:
        maps["unsure"] = result.uncertainty
    return maps


def _show_map(
    viewer: Viewer,
    image: Layer,
    above: Labels,
    what: str,
    values: np.ndarray,
    step: tuple[int, ...],
    box: Box | None,
) -> Image:
    values = values.reshape((1,) * len(step) + values.shape)
    where, shape = _grid(image, values, step, box)
    ours = {"map": what, "of": str(above.unique_id)}
    for earlier in viewer.layers:
        if isinstance(earlier, Image) and _made_for(earlier, ours, image, step, shape):
            if box is None:
                earlier.data = values
            else:
                earlier.data[where] = values
                earlier.refresh(extent=False)
            return earlier
    layer = Image(
        _filled(values, where, shape),
        name=f"{above.name} · {what}",
        colormap="magma",
        contrast_limits=(0, 1),
        blending="additive",
        opacity=0.7,
        visible=False,
        metadata={KEY: ours},
        **same_grid(image, step),
    )
    insert_above(viewer, above, layer)
    return layer


def _grid(
    image: Layer, values: np.ndarray, step: tuple[int, ...], box: Box | None
) -> tuple[Box, tuple[int, ...]]:
    """Return where `values` lie in the layer for an answer, and the shape of that layer."""
    if box is None:
        return tuple(slice(0, side) for side in values.shape), values.shape
    sides = place_of(image).shape
    inside = [
        slice(s.start or 0, n if s.stop is None else s.stop)
        for s, n in zip(box, sides, strict=True)
    ]
    where = (*(slice(0, 1) for _ in step), *inside)
    # an image that was replaced by a smaller one while the model ran still gets the whole answer
    shape = (*(1 for _ in step), *(max(s.stop, n) for s, n in zip(inside, sides, strict=True)))
    return where, shape


def _filled(values: np.ndarray, where: Box, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of `shape` that holds `values` and is zero elsewhere."""
    if values.shape == shape:
        return np.ascontiguousarray(values)
    whole = np.zeros(shape, values.dtype)
    whole[where] = values
    return whole


def _earlier_answer(viewer: Viewer, answer: _Answer) -> Labels | None:
    """Find the layer with what this model found in this image before, if it can be written."""
    largest, ours = answer.values.max(initial=0), answer.ours
    for layer in viewer.layers:
        if not isinstance(layer, Labels) or why_not_editable(layer):
            continue
        fits = largest <= np.iinfo(layer.data.dtype).max
        if fits and _made_for(layer, ours, answer.image, ours["step"], answer.shape):
            return layer
    return None


def _made_for(
    layer: Layer,
    ours: dict[str, Any],
    image: Layer,
    step: tuple[int, ...],
    shape: tuple[int, ...],
) -> bool:
    """Whether we made a layer for this, and it still lies on the image."""
    kept = layer.metadata.get(KEY, {})
    return (
        all(kept.get(key) == value for key, value in ours.items())
        and tuple(layer.data.shape) == shape
        and same_place(layer, image, step)
    )


def _show_later(viewer: Viewer, layer: Labels, show: Callable[[Viewer], Labels]) -> None:
    """Show an answer when the stroke in `layer` is finished, in the order they came."""
    if layer not in _waiting:
        _waiting[layer] = deque()
        QTimer.singleShot(_LOOK_AGAIN, partial(_look_again, ref(viewer), layer))
    _waiting[layer].append(show)


def _look_again(viewer: ref[Viewer], layer: Labels) -> None:
    alive = viewer()
    if alive is not None and layer in alive.layers and is_being_painted(layer):
        QTimer.singleShot(_LOOK_AGAIN, partial(_look_again, viewer, layer))
        return
    for show in _waiting.pop(layer):
        if alive is not None and len(alive.layers):  # a closed viewer has no layers
            show(alive)
