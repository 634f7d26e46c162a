"""Numbers of classes as people read them: voxels, volumes and areas with their units."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import prod

from napari.layers import Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.volumes import place_of


def size_of_voxel(layer: Labels) -> tuple[float, str]:
    """Return the size of a voxel and its unit, "mm³" or "mm²"; 0 with the reason if unknown."""
    place = place_of(layer)
    leading = layer.data.shape[: layer.ndim - len(place.shape)]
    if not place.spacing_known:
        return 0.0, "nobody said how large a voxel is; set the scale of the layer in mm"
    if prod(leading) > 1:
        return 0.0, "the layer has several time steps or channels, and their sum is no volume"
    sides = [side for side in place.spacing if side > 0]
    return prod(sides), "mm³" if len(sides) > 2 else "mm²"


def size_words(size: float, unit: str) -> str:
    """Return a size in mm³ or mm² to three digits: "0.52 mm³", "345 mm³", "12.3 ml", "4.1 cm²"."""
    if unit == "mm³" and size >= 1000:
        size, unit = size / 1000, "ml"
    elif unit == "mm²" and size >= 1000:
        size, unit = size / 100, "cm²"
    if size == 0 or size >= 100:
        return f"{size:,.0f} {unit}"
    return f"{size:.{1 if size >= 10 else 2}f} {unit}"


def protected_words(classes: Iterable[LabelClass], values: Collection[int], voxels: int) -> str:
    """Return a sentence on voxels that an action left as they were.

    Parameters
    ----------
    values : collection of int
        The locked classes that were the reason; none if a rule for strokes was.
    """
    known = {0: "the background"} | {c.value: f"'{_short(c.name)}'" for c in classes}
    names = [known.get(value, f"class {value}") for value in sorted(values)]
    kept = "1 voxel kept" if voxels == 1 else f"{voxels:,} voxels kept"
    if not values:
        return f"{kept}: outside of what may be painted"
    return f"{kept}: {' and '.join(names)} {'is' if len(names) == 1 else 'are'} locked"


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:22]}…"
