"""Images in several sizes, larger than memory: layers that are read where one looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_medseg.io import Pyramid, open_pyramid, read_volume
from napari_medseg.widgets.file_classes import look_of
from napari_medseg.widgets.volume_layers import LayerData, from_volume, layer_kwargs
from napari_medseg.widgets.volumes import KEY, Place, some_voxels

PYRAMID = "pyramid"  # in our part of a layer's metadata: the `Pyramid` it shows


def pyramid_layers(pyramid: Pyramid, name: str = "") -> list[LayerData]:
    """Return the layers that show a pyramid: Labels, one Image for colours, or one per channel.

    Nothing is read but some values of the coarsest level, for the range of grey values.

    Parameters
    ----------
    name : str
        Of the layer; the pyramid's own if left out. Channels are named after it.
    """
    name = name or pyramid.name
    levels = [_lazy(level) for level in pyramid.levels]
    if pyramid.is_labels and pyramid.dtype.kind in "uib":
        kwargs = {**_kwargs(pyramid), "name": name, **look_of(pyramid.classes)}
        return [(_shown(levels), kwargs, "labels")]
    if is_colour(pyramid):
        last = pyramid.axes.index("s" if "s" in pyramid.axes else "c")
        colours = [_moved_last(level, last)[..., : pyramid.channel_count] for level in levels]
        return [(_shown(colours), {**_kwargs(pyramid), "name": name, "rgb": True}, "image")]
    layers: list[LayerData] = []
    for c in range(pyramid.channel_count):
        own = channel_of(pyramid, c)
        label = pyramid.channels[c] if c < len(pyramid.channels) else str(c + 1)
        kwargs = _kwargs(own)
        kwargs |= {
            "name": name if pyramid.channel_count == 1 else f"{name} · {label}",
            "colormap": "gray",
            "visible": c == 0,  # as channels of volumes: the first one is seen
            "contrast_limits": _grey_range(own),
        }
        layers.append((_shown([_lazy(level) for level in own.levels]), kwargs, "image"))
    return layers


def image_file_layers(paths: Sequence[Path], name: str = "") -> list[LayerData]:
    """Return the Image layers of one image: of the file it is, or of the files of its channels.

    Raises
    ------
    ValueError, OSError
        As `read_volume`.
    """
    pyramid = open_pyramid(paths[0]) if len(paths) == 1 else None
    if pyramid is not None:
        return pyramid_layers(pyramid, name)
    return from_volume(read_volume(list(paths)), name)


def pyramid_of(layer: Layer) -> Pyramid | None:
    """Return the pyramid a layer shows, of its own channel only; None if it shows none."""
    found = layer.metadata.get(KEY, {}).get(PYRAMID)
    return found if isinstance(found, Pyramid) else None


def channel_of(pyramid: Pyramid, channel: int) -> Pyramid:
    """Return one channel of a pyramid as a pyramid of its own; nothing is read."""
    colours = [axis for axis in "cs" if axis in pyramid.axes]
    if not colours:
        return pyramid
    if len(colours) > 1:
        raise ValueError(
            f"{pyramid.name} has colours in each of its channels, which is not shown; save its "
            "channels as images of their own"
        )
    names = pyramid.channels[channel : channel + 1]
    return replace(one_of(pyramid, colours[0], channel), channels=names, alpha=False)


def one_of(pyramid: Pyramid, axis: str, index: int) -> Pyramid:
    """Return a pyramid without one of its axes that are none of space, at a place on it."""
    at = pyramid.axes.index(axis)
    return replace(
        pyramid,
        levels=tuple(OneEntry(level, at, index) for level in pyramid.levels),
        axes=pyramid.axes.replace(axis, ""),
    )


def is_colour(pyramid: Pyramid) -> bool:
    """Whether the channels are the colours of a photograph, not modalities."""
    named = tuple(c.lower() for c in pyramid.channels[:3]) == ("red", "green", "blue")
    return (
        pyramid.dtype == np.uint8
        and pyramid.channel_count in (3, 4)
        and (named or "s" in pyramid.axes)
        and not {"c", "s"} <= set(pyramid.axes)
    )


@dataclass(frozen=True, eq=False)
class OneEntry:
    """A lazily sliced array without one of its axes, of which it shows one entry.

    Parameters
    ----------
    stored : array
        With ``shape``, ``dtype``, ``chunks``, and basic slicing.
    axis, index : int
        Which axis is left out, and where on it this array lies.
    """

    stored: Any
    axis: int
    index: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Entries along each axis that is left."""
        return self._without(self.stored.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Entries of a piece along each axis that is left."""
        return self._without(self.stored.chunks)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return np.dtype(self.stored.dtype)

    @property
    def ndim(self) -> int:
        """How many axes are left."""
        return len(self.shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        given = list(index) if isinstance(index, tuple) else [index]
        if any(one is Ellipsis for one in given):
            at = next(i for i, one in enumerate(given) if one is Ellipsis)
            given[at : at + 1] = [slice(None)] * (self.ndim - len(given) + 1)
        given += [slice(None)] * (self.ndim - len(given))
        given.insert(self.axis, self.index)
        return np.asarray(self.stored[tuple(given)])

    def _without(self, sizes: Any) -> tuple[int, ...]:
        return tuple(int(n) for i, n in enumerate(sizes) if i != self.axis)


def _lazy(level: Any) -> Any:
    import dask.array

    return dask.array.from_array(  # type: ignore[no-untyped-call]  # dask is not annotated
        level,
        chunks=tuple(level.chunks),
        name=False,
        fancy=False,
        meta=np.empty((0,) * len(level.shape), level.dtype),
    )


def _moved_last(level: Any, axis: int) -> Any:
    return level.transpose((*(i for i in range(level.ndim) if i != axis), axis))


def _shown(levels: list[Any]) -> Any:
    """Return what napari takes: several levels as a list, one as itself."""
    return levels if len(levels) > 1 else levels[0]


def _kwargs(pyramid: Pyramid) -> dict[str, Any]:
    place = Place(
        pyramid.shape(),
        pyramid.spacing[0],
        pyramid.affine(),
        pyramid.spacing_known,
        pyramid.storage,
        pyramid.name,
    )
    kwargs = layer_kwargs(place, before=("t",) if "t" in pyramid.axes else ())
    kwargs["metadata"][KEY][PYRAMID] = pyramid
    return {**kwargs, "multiscale": len(pyramid.levels) > 1}


def _grey_range(pyramid: Pyramid) -> tuple[float, float]:
    """Return the range of grey values, from the coarsest level or the middle of it."""
    if pyramid.dtype == np.uint8:
        return 0.0, 255.0
    some = some_voxels(pyramid.levels)
    some = some[np.isfinite(some)] if some.dtype.kind == "f" else some
    low, high = (float(some.min()), float(some.max())) if some.size else (0.0, 1.0)
    return (low, high) if low < high else (low, low + 1)
