"""From napari layers to the `Volume` of the engine: axes, spacing, and the way back to files.

A layer made by our reader carries its `Place` in ``layer.metadata[KEY]``, so that labels drawn on
it can be written on the grid of the file it came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_medseg.host_memory import host_memory
from napari_medseg.volume import Storage, Volume

KEY = "napari-medseg"  # under which everything of ours lies in a layer's metadata
_LOOKED_AT = 1 << 22  # voxels, where an image is too large to look at all

# napari's world axes are up, to the back, to the left; RAS+ is right, to the front, up
_SHOWN_TO_RAS = np.array([[0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])


@dataclass(frozen=True, eq=False)
class Place:
    """Where an image lies in the world and in its file: a `Volume` without its values."""

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    affine: np.ndarray
    spacing_known: bool
    storage: Storage | None
    name: str

    @classmethod
    def of(cls, volume: Volume) -> Place:
        """Return the place of `volume`."""
        return cls(
            volume.shape,
            tuple(volume.spacing),
            volume.affine,
            volume.spacing_known,
            volume.storage,
            volume.name,
        )

    @property
    def tilt(self) -> float:
        """How far the scan is turned against the axes of the body, in degrees; 0 for 2D."""
        if len(self.shape) != 3:
            return 0.0
        columns = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        nearest = np.abs(columns).max(axis=0)  # cosine between each axis and the body's nearest
        return float(np.degrees(np.arccos(np.clip(nearest.min(), 0, 1))))

    def volume(self, array: np.ndarray | None = None) -> Volume:
        """Return a volume with the values `array` ``(C, *S)``; without it, zeros of no memory."""
        if array is None:
            array = np.broadcast_to(np.uint8(0), (1, *self.shape))
        return Volume(array, self.spacing, self.affine, self.spacing_known, self.storage, self.name)


def to_volume(layer: Layer, point: Sequence[float] = ()) -> Volume:
    """Return what an Image or Labels layer shows as a `Volume`.

    Parameters
    ----------
    layer : Image or Labels
        RGB lies in its last axis and becomes C (transparency is left out). Of a multiscale layer
        the finest level is taken.
    point : sequence of float
        Where the viewer stands, in world coordinates (``viewer.dims.point``). Axes before the
        last three (time, channels) are not segmented at once: the shown step is taken.

    Returns
    -------
    Volume
        Its array may be a lazy dask array; `realised` computes it, in the thread that needs it.
    """
    data = _array(layer)
    step = shown_step(layer, point)
    shown = data[step] if step else data
    if getattr(layer, "rgb", False):
        last = shown.ndim - 1
        array = shown.transpose((last, *range(last)))[:3]
        channels: tuple[str, ...] = ("red", "green", "blue")
    else:
        array, channels = shown[np.newaxis], ()
    place = place_of(layer)
    return Volume(
        array,
        place.spacing,
        place.affine,
        place.spacing_known,
        place.storage,
        layer.name,
        channels,
    )


def realised(volume: Volume) -> Volume:
    """Return the volume with its values in memory, as a plain array.

    Raises
    ------
    ValueError
        If they lie elsewhere and do not fit.
    """
    if not isinstance(volume.array, np.ndarray):
        free, _ = host_memory()
        if free is not None and volume.array.nbytes > free:
            raise ValueError(
                f"'{volume.name}' takes {gigabytes(volume.array.nbytes)} of memory and "
                f"{gigabytes(free)} are free; choose a slice or a box of it, or work block by block"
            )
    return volume.with_array(np.asarray(volume.array))


def too_large(layer: Layer) -> str:
    """Return why a layer read piece by piece cannot be worked on as a whole, or nothing.

    What is computed on an image holds it as numbers of four bytes and about as much again.
    """
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    if isinstance(data, np.ndarray):
        return ""
    needed = 8 * math.prod(place_of(layer).shape) * (3 if getattr(layer, "rgb", False) else 1)
    free, _ = host_memory()
    if free is None or needed <= free:
        return ""
    return (
        f"'{layer.name}' needs about {gigabytes(needed)} of memory as a whole, and "
        f"{gigabytes(free)} are free"
    )


def gigabytes(count: int) -> str:
    """Return an amount of memory as people read it: "12.3 GB", "410 MB"."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def stacked(volumes: Sequence[Volume]) -> Volume:
    """Return one volume whose channels are those of `volumes`, in order.

    Raises
    ------
    ValueError
        If they do not lie on the same grid.
    """
    first = volumes[0]
    if len(volumes) == 1:
        return realised(first)
    for other in volumes[1:]:
        if other.shape != first.shape or not np.allclose(other.spacing, first.spacing, rtol=1e-3):
            raise ValueError(
                f"the images of one case must have the same size and voxels: {_grid(first)}, but "
                f"{_grid(other)}; resample one onto the other first"
            )
        if not np.allclose(other.affine, first.affine, atol=min(first.spacing) / 2):
            raise ValueError(
                f"{first.name} and {other.name} have the same size but lie at different places; "
                "choose images of the same scan"
            )
    return first.with_array(np.concatenate([realised(v).array for v in volumes]))


def place_of(layer: Layer) -> Place:
    """Return where a layer lies: from our reader if it made the layer, else from its transform."""
    shape = _array(layer).shape
    shape = shape[:-1] if getattr(layer, "rgb", False) else shape
    shape = shape[-_spatial(layer) :]
    spacing, known = _spacing(layer)
    kept = layer.metadata.get(KEY, {}).get("place")
    if isinstance(kept, Place) and kept.shape == shape and np.allclose(kept.spacing, spacing):
        return kept
    dims = len(shape)
    factors, _ = _millimetres(tuple(layer.units)[-dims:], dims)
    return Place(shape, spacing, _affine(layer, factors, known), known, None, layer.name)


def some_voxels(data: Any) -> np.ndarray:
    """Return the values of an image in memory; of others the coarsest level, or its middle.

    Parameters
    ----------
    data : array or sequence of array
        As layers hold them: several levels, the finest first, or one.
    """
    if isinstance(data, np.ndarray):
        return data
    level = data[-1] if isinstance(data, Sequence) else data  # napari's several levels are one
    box = [slice(0, n) for n in level.shape]
    for axis, n in enumerate(level.shape[:-2]):
        if math.prod(b.stop - b.start for b in box) > _LOOKED_AT:
            box[axis] = slice(n // 2, n // 2 + 1)
    return np.asarray(level[tuple(box)])


def shown_step(layer: Layer, point: Sequence[float] = ()) -> tuple[int, ...]:
    """Return the index along the axes before the spatial ones that the viewer shows."""
    leading = layer.ndim - _spatial(layer)
    if not leading:
        return ()
    sides = _array(layer).shape[:leading]
    if len(point) < layer.ndim:
        return (0,) * leading
    at = np.round(layer.world_to_data(tuple(point)))[:leading].astype(int)
    return tuple(int(np.clip(i, 0, side - 1)) for i, side in zip(at, sides, strict=True))


def _affine(layer: Layer, factors: np.ndarray, known: bool) -> np.ndarray:
    """Return index ``(d, h, w, 1)`` to RAS+ mm of a layer, turned and mirrored as it is shown.

    napari's world axes go up, to the back and to the left; this undoes `volume_layers`.
    """
    dims = len(factors)
    zero = np.zeros(layer.ndim)
    origin = np.asarray(layer.data_to_world(zero), float)[-dims:]
    shown = np.eye(4)  # to millimetres along the world's axes; a picture is one slice of 1 mm
    for axis in range(dims):
        one = zero.copy()
        one[layer.ndim - dims + axis] = 1
        moved = np.asarray(layer.data_to_world(one), float)[-dims:] - origin
        shown[3 - dims : 3, 3 - dims + axis] = moved * factors
    if known:
        shown[3 - dims : 3, 3] = origin * factors
    return _SHOWN_TO_RAS @ shown


def _spacing(layer: Layer) -> tuple[tuple[float, ...], bool]:
    """Return the mm per voxel of the spatial axes and whether the layer really says so."""
    dims = _spatial(layer)
    factors, known = _millimetres(tuple(layer.units)[-dims:], dims)
    zero = np.zeros(layer.ndim)
    origin = np.asarray(layer.data_to_world(zero), float)
    steps = []
    for axis in range(layer.ndim - dims, layer.ndim):
        one = zero.copy()
        one[axis] = 1
        moved = np.asarray(layer.data_to_world(one), float) - origin
        steps.append(float(np.linalg.norm(moved[-dims:] * factors)))
    return tuple(steps), known


def _millimetres(units: Sequence[Any], dims: int) -> tuple[np.ndarray, bool]:
    """Return the mm in one unit of each axis, 1 for pixels, and whether all are lengths."""
    factors = [_millimetres_in(str(unit)) for unit in units]
    known = [factor for factor in factors if factor is not None]
    if len(factors) != dims or len(known) != dims:
        return np.ones(dims), False
    return np.array(known), True


@lru_cache
def _millimetres_in(unit: str) -> float | None:
    """Return the mm in a unit by its name; None if it is no length."""
    import pint  # its registry takes a second to fill; napari needs it for the first layer, too

    registry = pint.get_application_registry()
    parsed = registry.Unit(unit)
    return float((1 * parsed).to("mm").magnitude) if parsed.is_compatible_with("mm") else None


def _array(layer: Layer) -> Any:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    if isinstance(data, np.ndarray):
        return data
    import dask.array

    return dask.array.asarray(data)  # type: ignore[no-untyped-call]  # dask is not annotated


def _spatial(layer: Layer) -> int:
    kept = layer.metadata.get(KEY, {}).get("place")
    # a film of pictures has three axes, too: our reader knows that it is none of space
    return min(layer.ndim, len(kept.shape) if isinstance(kept, Place) else 3, 3)


def _grid(volume: Volume) -> str:
    size = "×".join(map(str, volume.shape))
    voxel = "×".join(f"{s:.3g}" for s in volume.spacing)
    return f"{volume.name} has {size} voxels of {voxel} mm"
