"""Which model a viewer starts with, so that Segment can be pressed at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.zoo import ZooEntry, models
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.layers import image_layers, is_map
from napari_medseg.widgets.notices import warn_once
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.settings import preferences
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


def choose_first_model(viewer: Viewer) -> None:
    """Choose the model of the settings, else the first that fits the image, else the first of all.

    Nothing is done where a model is chosen already, or where there are layers but no image yet.
    """
    session = session_of(viewer)
    if session.model is not None:
        return
    images = [layer for layer in image_layers(viewer) if not is_map(layer)]
    if viewer.layers and not images:
        return
    known = models()
    entry = _of_the_settings(known)
    if entry is None and known:
        chosen = [layer for layer in images if layer.name in session.images] or images
        fitting = [e for e in known.values() if chosen and _fits(e.card, *_kind(chosen[0]))]
        entry = (fitting or list(known.values()))[0]
    if entry is not None:
        path = Path(entry.name) if entry.origin == "download" else entry.path
        session.model = ChosenModel(path, entry.card)


def _of_the_settings(known: dict[str, ZooEntry]) -> ZooEntry | None:
    wanted = preferences().default_model
    if wanted and wanted not in known:
        warn_once(
            f"There is no model '{wanted}', with which MedSeg should start. Choose another one in "
            "File > Preferences > MedSeg."
        )
    return known.get(wanted)


def _kind(image: Image) -> tuple[int, int]:
    """Return the number of spatial axes and of channels of an image layer."""
    return len(place_of(image).shape), 3 if image.rgb else 1


def _fits(card: ModelCard, spatial_dims: int, channels: int) -> bool:
    """Whether a model takes such images; a 2D model goes through a volume slice by slice."""
    return card.in_channels == channels and card.spatial_dims <= spatial_dims
