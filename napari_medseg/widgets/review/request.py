"""From what a viewer holds to a search: the maps that are there, else a run of the model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.boxes import sliced_axis
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.edit.sight import images_under
from napari_medseg.widgets.layers import is_preview, same_place
from napari_medseg.widgets.misfit import misfit
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.review.search import Search
from napari_medseg.widgets.segmenting import Part, Request
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import KEY, place_of, shown_step, to_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer

_ROOM = 512 << 20  # bytes of probabilities; above it their entropy must do


def why_no_model(viewer: Viewer, labels: Labels) -> str:
    """Return why the chosen model cannot be asked about these labels, or nothing."""
    model, images = session_of(viewer).model, images_under(viewer, labels)
    if model is None:
        return "no model is chosen"
    if not images:
        return "no image lies under these labels"
    chosen = _channels(viewer, images, model)
    if not chosen:
        return f"{model.title} needs {model.card.in_channels} images of the case"
    reason = misfit(model, chosen)
    if reason:
        return reason.split(". ")[0].rstrip(".")
    kept = labels.metadata.get(KEY, {}).get("model")
    if kept not in (None, model.card.name):
        return f"these labels are of another model, {kept}"
    found = {c.value for c in model.card.classes}
    if kept is None and not set(voxel_counts(labels)) <= found:
        return f"{model.title} finds other classes than these labels have"
    return ""


def why_not_mirrored(viewer: Viewer, labels: Labels) -> str:
    """Return why mirrored copies say nothing here, or nothing."""
    reason = why_no_model(viewer, labels)
    model = session_of(viewer).model
    if reason or model is None:
        return f"No model can be asked: {reason}"
    if not model.card.mirrored:
        return f"{model.title} never saw mirrored images, so its answer for them says nothing"
    return ""


def search_of(viewer: Viewer, labels: Labels, *, mirrored: bool = False) -> Search:
    """Return the search for doubtful places in what is shown of a Labels layer.

    Parameters
    ----------
    mirrored : bool
        Ask the model about mirrored copies, too.

    Raises
    ------
    ValueError
        If an image cannot be used.
    """
    point = tuple(viewer.dims.point)
    place, step = place_of(labels), shown_step(labels, point)
    axis, images = sliced_axis(viewer, labels), images_under(viewer, labels)
    maps = _maps(viewer, labels, step)
    likely = [m for what, m in maps.items() if what.startswith("likely ")]
    others = _other_answers(viewer, labels, step)
    reason = why_no_model(viewer, labels)
    model = session_of(viewer).model
    known = bool(maps) and not mirrored
    ask = None if known or reason or model is None else _request(viewer, model, images)
    looked = ["the shapes"]
    if known or ask is not None:
        looked.insert(0, "what the model is unsure of")
    if others:
        looked.append("where the models differ")
    words = "Looked at " + _joined(looked) + "."
    if not known and ask is None:
        words += f" The model was not asked: {reason}."
    grey = next((image for image in images if not image.rgb), None)
    return Search(
        labels=np.array(labels.data[step]),
        spacing=place.spacing if place.spacing_known else None,
        axis=0 if axis is None else axis,
        image=None if grey is None else to_volume(grey, point).array[0],
        probabilities=np.stack(likely) if likely and ask is None else None,
        uncertainty=maps.get("unsure") if ask is None else None,
        others=others,
        reviewed=painted_of(labels).reviewed_in(_whole(labels, step)).reshape(place.shape),
        model=ask,
        mirrors=_mirrors(len(place.shape)) if ask is not None and mirrored else (),
        words=words,
    )


def _request(viewer: Viewer, model: ChosenModel, images: list[Image]) -> Request:
    channels, session = _channels(viewer, images, model), session_of(viewer)
    point = tuple(viewer.dims.point)
    volumes = tuple(to_volume(image, point) for image in channels)
    size = 4 * model.card.out_channels * math.prod(volumes[0].shape)
    config = InferenceConfig(probabilities=size <= _ROOM, uncertainty=size > _ROOM)
    part = Part(images[0].name, volumes)
    return Request(model.path, session.device, (part,), config, session.ready_segmenter)


def _channels(viewer: Viewer, images: list[Image], model: ChosenModel) -> list[Image]:
    """Return the images for the model's channels, those a person chose first; empty if too few."""
    chosen = [i for n in session_of(viewer).images for i in images if i.name == n]
    if model.card.in_channels == 1 or any(image.rgb for image in images):
        return (chosen or images)[:1]
    return chosen if len(chosen) == model.card.in_channels else []


def _maps(viewer: Viewer, labels: Labels, step: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the maps of the run that made these labels, by their words."""
    found = {}
    for layer in viewer.layers:
        kept = layer.metadata.get(KEY, {})
        ours = isinstance(layer, Image) and kept.get("of") == str(labels.unique_id)
        if ours and tuple(layer.data.shape) == tuple(labels.data.shape):
            found[str(kept["map"])] = np.asarray(layer.data[step])
    return found


def _other_answers(viewer: Viewer, labels: Labels, step: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return what other models found in the same image."""
    ours = labels.metadata.get(KEY, {})
    return tuple(
        np.array(layer.data[step])
        for layer in viewer.layers
        if isinstance(layer, Labels)
        and layer is not labels
        and not is_preview(layer)
        and ours.get("model") not in (None, layer.metadata.get(KEY, {}).get("model"))
        and layer.metadata.get(KEY, {}).get("image") == ours.get("image")
        and tuple(layer.data.shape) == tuple(labels.data.shape)
        and same_place(layer, labels)
    )


def _whole(labels: Labels, step: tuple[int, ...]) -> tuple[slice, ...]:
    rest = labels.ndim - len(step)
    return (*(slice(i, i + 1) for i in step), *(slice(None),) * rest)


def _mirrors(dims: int) -> tuple[int, ...]:
    """Return the axes along which a person has a mirror image: left-right, front-back."""
    return (dims - 1, dims - 2)


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
