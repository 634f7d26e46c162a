"""Why a model cannot take these images, and what one should doubt: known before a run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from napari.layers import Image

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.channels import expects_colour
from napari_medseg.engine.fit import NOT, ImageKind, fit, modality_of, words_of
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.ct_windows import some_values
from napari_medseg.widgets.image_kind import is_grey_picture
from napari_medseg.widgets.volumes import Place, place_of


def misfit(model: ChosenModel, layers: Sequence[Image]) -> str:
    """Return in a sentence why `model` cannot take these images of one case, or nothing."""
    first, card = layers[0], model.card
    if card.spatial_dims == 3 and len(place_of(first).shape) < 3:
        return (
            f"{model.title} works on volumes; the layer '{first.name}' is a 2D image. "
            "Choose a 2D model or a volume."
        )
    if first.rgb:
        return _of_colour(model, first)
    apart = _apart(layers)
    if apart:
        return apart
    if len(layers) == 1 and card.in_channels > 1 and not expects_colour(card):
        return (
            f"{model.title} expects {_channels(card)}; the layer '{first.name}' has one channel. "
            "Choose another model or another image."
        )
    return ""


def doubt(card: ModelCard, layers: Sequence[Image]) -> str:
    """Return why the model was probably not made for images it could take, or nothing."""
    place, words = place_of(layers[0]), words_of(*(layer.name for layer in layers))
    kind = ImageKind(
        place.shape,
        place.spacing if place.spacing_known else None,
        expects_colour(card),  # grey or colour is no doubt: one is made of the other
        card.in_channels,
        words,
        modality_of(words, None if layers[0].rgb else some_values(layers[0])),
    )
    found = fit(card, kind)
    return "" if found.level != NOT else f"Please check: the model is {found.reason}."


def _of_colour(model: ChosenModel, image: Image) -> str:
    card = model.card
    if card.in_channels == 3 and (expects_colour(card) or not card.preprocessing.channels):
        return ""
    if card.in_channels == 1 and is_grey_picture(image):
        return ""
    takes = f"{model.title} expects {_channels(card)}"
    return (
        f"{takes}; the layer '{image.name}' has red, green and blue. "
        "Choose another model or another image."
    )


def _apart(layers: Sequence[Image]) -> str:
    """Say which images of a case do not lie on the grid of the first, and how."""
    places = [place_of(layer) for layer in layers]
    for layer, place in zip(layers[1:], places[1:], strict=True):
        first, name = places[0], layers[0].name
        if layer.rgb:
            return f"'{layer.name}' is in colour and cannot be one image of a case."
        if place.shape != first.shape:
            return (
                f"'{layer.name}' has {_size(place)} voxels and '{name}' has {_size(first)}: "
                "images of one case must have the same voxels. Resample one onto the other first."
            )
        if not np.allclose(place.spacing, first.spacing, rtol=1e-3):
            return (
                f"'{layer.name}' has voxels of {_spacing(place)} and '{name}' of "
                f"{_spacing(first)}: images of one case must have the same voxels. Resample one "
                "onto the other first."
            )
        moved = max(_distance(first, place), _moved(layers[0], layer))
        if moved > min(first.spacing) / 2:
            unit = "mm" if first.spacing_known else "pixels"
            return (
                f"'{layer.name}' lies up to {moved:.3g} {unit} away from '{name}': images of one "
                "case must lie on each other. Choose images of the same scan."
            )
    return ""


def _moved(first: Image, other: Image) -> float:
    """Return how far two layers of one shape are moved against each other on the canvas."""
    if first.ndim != other.ndim:
        return 0.0
    far = np.array(first.data.shape[: first.ndim]) if not first.multiscale else np.zeros(first.ndim)
    apart = [
        np.subtract(first.data_to_world(corner), other.data_to_world(corner))
        for corner in (np.zeros(first.ndim), far)
    ]
    return float(max(np.linalg.norm(gap[-3:]) for gap in apart))


def _distance(first: Place, other: Place) -> float:
    """Return how far the corners of two images of one shape lie apart in the scanner, in mm."""
    corners = np.array([[*at, 1] for at in product(*((0, n) for n in (0, *first.shape)[-3:]))])
    apart = ((first.affine - other.affine) @ corners.T)[:3]
    return float(np.linalg.norm(apart, axis=0).max())


def _size(place: Place) -> str:
    return "×".join(map(str, reversed(place.shape)))


def _spacing(place: Place) -> str:
    unit = " mm" if place.spacing_known else ""
    return "×".join(f"{s:.3g}" for s in reversed(place.spacing)) + unit


def _channels(card: ModelCard) -> str:
    names = card.preprocessing.channels
    if card.in_channels == 1:
        return "one channel (a grey image)"
    return f"{card.in_channels} channels" + (f" ({', '.join(names)})" if names else "")
