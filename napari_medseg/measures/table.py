"""The measures of a label image as a table: what each column means, in which unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class GreyValues:
    """The grey values of the image under a class or an object, in the units of the image.

    Parameters
    ----------
    mean, sd : float
        The standard deviation is that of the voxels at hand (divided by their number).
    minimum, maximum : float
        The extremes.
    percentiles : tuple of float
        The 5th, 25th, 50th (median), 75th and 95th; between two values linearly.
    """

    mean: float
    sd: float
    minimum: float
    maximum: float
    percentiles: tuple[float, ...]


@dataclass(frozen=True)
class Measure:
    """What is measured of a class as a whole, or of one connected object of it.

    Parameters
    ----------
    label : int
        The value of the class.
    name : str
        What people call it.
    number : int
        Which object of the class, the largest is 1; 0 is the class as a whole.
    objects : int
        How many connected objects the class has; 1 for an object.
    voxels : int
        How many.
    size : float
        mm³, in 2D mm².
    centre : tuple of float
        Mean index of the voxels along each axis.
    place : tuple of float
        The same in the world: ``(R, A, S)`` mm, in 2D ``(x, y)`` mm from the first pixel.
    box : tuple of tuple of int
        First and last index along each axis.
    slice_index : int
        The slice with the longest diameter.
    long_axis, short_axis : float
        mm: the longest diameter in one slice and the one across it; of a class, those of the object
        with the longest one.
    diameter : float
        mm: the longest diameter in space; of a class, the longest one of its objects.
    surface : float or None
        mm², if it was asked for.
    grey : GreyValues or None
        Of the image, if there is one.
    """

    label: int
    name: str
    number: int
    objects: int
    voxels: int
    size: float
    centre: tuple[float, ...]
    place: tuple[float, ...]
    box: tuple[tuple[int, int], ...]
    slice_index: int
    long_axis: float
    short_axis: float
    diameter: float
    surface: float | None = None
    grey: GreyValues | None = None


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Parameters
    ----------
    title : str
        For its heading.
    unit : str
        "mm³", "HU", ...; empty for counts and names.
    tip : str
        How it is defined.
    value : callable
        What of a `Measure` stands in it.
    digits : int
        Decimals for people; files get six significant ones.
    """

    title: str
    unit: str
    tip: str
    value: Callable[[Measure], Any]
    digits: int = 0

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Measures:
    """All measures of a label image.

    Parameters
    ----------
    classes : tuple of Measure
        A row for each class, in the order of their values.
    objects : tuple of Measure
        A row for each connected object, by class, the largest first.
    dims : int
        2 or 3.
    unit : str
        Of lengths: "mm", or "px" where the size of a voxel is not known.
    grey_unit : str
        Of grey values, "HU" for a CT.
    left_out : int
        How many of the smallest objects have no row; they count in their class.
    """

    classes: tuple[Measure, ...]
    objects: tuple[Measure, ...]
    dims: int
    unit: str = "mm"
    grey_unit: str = ""
    left_out: int = 0

    def renamed(self, names: Mapping[int, str]) -> Self:
        """Return the same with other names of the classes."""

        def named(rows: tuple[Measure, ...]) -> tuple[Measure, ...]:
            return tuple(replace(row, name=names.get(row.label, row.name)) for row in rows)

        return replace(self, classes=named(self.classes), objects=named(self.objects))

    def columns(self, *, by_object: bool = False) -> list[Column]:
        """Return the columns of the table of classes, or of objects."""
        rows = self.objects if by_object else self.classes
        found = [Column("Class", "", "Name of the class", lambda m: m.name)]
        if by_object:
            tip = "Connected objects of the class (voxels that share a corner), the largest first"
            found.append(Column("Object", "", tip, lambda m: m.number))
        else:
            tip = "How many connected objects the class has (voxels that share a corner)"
            found.append(Column("Objects", "", tip, lambda m: m.objects))
        found += [*_sizes(self.dims, self.unit), *_lengths(self.dims, self.unit, by_object)]
        if any(row.surface is not None for row in rows):
            tip = "Area of the surface, smoothed by the longest side of a voxel (marching cubes)"
            square = f"{self.unit}²"
            found.append(Column("Surface", square, tip, lambda m: m.surface, 1))
        if any(row.grey is not None for row in rows):
            found += _greys(self.grey_unit)
        return [*found, *_places(self.dims, self.unit)]


def _sizes(dims: int, unit: str) -> list[Column]:
    voxel = "pixel" if dims == 2 else "voxel"
    counted = Column(f"{voxel.capitalize()}s", "", f"How many {voxel}s", lambda m: m.voxels)
    if dims == 2:
        area = Column("Area", f"{unit}²", "Pixels times their area", lambda m: m.size, 1)
        return [area, counted]
    volume = Column("Volume", f"{unit}³", "Voxels times their volume", lambda m: m.size, 1)
    if unit != "mm":
        return [volume, counted]
    tip = "Voxels times their volume; 1 ml is 1000 mm³"
    return [Column("Volume", "ml", tip, lambda m: m.size / 1000, 2), volume, counted]


def _lengths(dims: int, unit: str, by_object: bool) -> list[Column]:
    of = "" if by_object else "; of the object where it is longest"
    outline = "the outline runs through the middle of the faces between voxels"
    where = "" if dims == 2 else " in one slice, of all slices the one where it is longest"
    found = [
        Column(
            "Long axis",
            unit,
            f"Longest diameter{where} (maximum Feret diameter, as of RECIST 1.1; {outline}){of}",
            lambda m: m.long_axis,
            1,
        ),
        Column(
            "Short axis",
            unit,
            "Longest line at right angles to the long axis in the same slice, within the convex "
            f"outline (WHO's second diameter){of}",
            lambda m: m.short_axis,
            1,
        ),
    ]
    if dims == 3:
        tip = f"Longest diameter in space (maximum Feret diameter; {outline}){of}"
        found += [
            Column("In slice", "", "Slice of the long axis", lambda m: m.slice_index),
            Column("Diameter", unit, tip, lambda m: m.diameter, 1),
        ]
    return found


def _greys(unit: str) -> list[Column]:
    def percentile(index: int) -> Callable[[Measure], Any]:
        return lambda m: None if m.grey is None else m.grey.percentiles[index]

    def grey(name: str) -> Callable[[Measure], Any]:
        return lambda m: None if m.grey is None else getattr(m.grey, name)

    found = [
        Column("Mean", unit, "Mean of the grey values", grey("mean"), 1),
        Column("SD", unit, "Standard deviation of the grey values", grey("sd"), 1),
        Column("Min", unit, "Smallest grey value", grey("minimum"), 1),
    ]
    for index, share in enumerate(PERCENTILES):
        title = "Median" if share == 50 else f"P{share}"
        tip = f"{share} % of the grey values are below"
        found.append(Column(title, unit, tip, percentile(index), 1))
    return [*found, Column("Max", unit, "Largest grey value", grey("maximum"), 1)]


def _places(dims: int, unit: str) -> list[Column]:
    def place(axis: int) -> Callable[[Measure], Any]:
        return lambda m: m.place[axis]

    def edge(axis: int, end: int) -> Callable[[Measure], Any]:
        return lambda m: m.box[axis][end]

    if dims == 2:
        tips = {"x": "to the right of the first pixel", "y": "below the first pixel"}
    else:
        tips = {"R": "towards the right", "A": "towards the front", "S": "towards the head"}
    found = [
        Column(f"Centre {name}", unit, f"Mean position, {tip}", place(i), 1)
        for i, (name, tip) in enumerate(tips.items())
    ]
    for axis, name in enumerate(("row", "column") if dims == 2 else ("slice", "row", "column")):
        found += [
            Column(f"First {name}", "", f"First {name} with a voxel, from 0", edge(axis, 0)),
            Column(f"Last {name}", "", f"Last {name} with a voxel, from 0", edge(axis, 1)),
        ]
    return found
