"""From a `Volume` to what napari makes layers of; the way back is `volumes`."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medseg.engine.channels import has_colours
from napari_medseg.volume import Volume
from napari_medseg.widgets.volumes import KEY, Place

LayerData = tuple[Any, dict[str, Any], str]
"""Values, arguments and kind of a layer, as napari's readers give them."""


def from_volume(volume: Volume, name: str = "") -> list[LayerData]:
    """Return the Image layers that show a volume: one for RGB, else one for each channel."""
    name = name or volume.name or "image"
    array, kwargs = volume.array, layer_kwargs(Place.of(volume))
    if is_colour(volume):
        pixels = np.moveaxis(array, 0, -1)
        return [(pixels, {**kwargs, "name": name, "rgb": True}, "image")]
    layers: list[LayerData] = []
    for c, values in enumerate(array):
        label = volume.channels[c] if c < len(volume.channels) else str(c + 1)
        own = {
            **kwargs,
            "name": name if len(array) == 1 else f"{name} · {label}",
            "colormap": "gray",
            "visible": c == 0,  # modalities lie over each other: the first one is seen
        }
        layers.append((values, own, "image"))
    return layers


def from_labels(volume: Volume, name: str = "") -> LayerData:
    """Return the Labels layer that shows a label image ``(1, *S)``."""
    values = np.ascontiguousarray(volume.array[0])
    kwargs = layer_kwargs(Place.of(volume))
    return values, {**kwargs, "name": name or f"{volume.name} labels"}, "labels"


def is_colour(volume: Volume) -> bool:
    """Whether the channels are the colours of a photograph, not modalities."""
    return volume.array.dtype == np.uint8 and has_colours(volume)


def layer_kwargs(place: Place, before: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return where napari shows an image: voxel size, origin, units, names of axes, its place.

    Parameters
    ----------
    before : tuple of str
        Names of axes before the spatial ones, which are stepped through.
    """
    dims, lead = len(place.shape), len(before)
    kwargs: dict[str, Any] = {
        "scale": (1.0,) * lead + tuple(place.spacing),
        "axis_labels": (*before, *("z", "y", "x")[-dims:]),
        "metadata": {KEY: {"place": place}},
    }
    if place.spacing_known:
        kwargs["units"] = ("pixel",) * lead + ("mm",) * dims if lead else "mm"
    if dims == 3 and place.spacing_known:
        kwargs["translate"] = (0.0,) * lead + _world_origin(place)
    return kwargs


def _world_origin(place: Place) -> tuple[float, ...]:
    """Put the middle of the volume where it is in the scanner; the rest follows without tilt."""
    middle = (np.asarray(place.shape) - 1) / 2
    ras = place.affine @ np.array([*middle, 1.0])
    shown = np.array([ras[2], -ras[1], -ras[0]])  # napari's axes: up, to the back, to the left
    return tuple(float(t) for t in shown - middle * np.asarray(place.spacing))
