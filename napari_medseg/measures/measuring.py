"""Measure the classes of a label image and their connected objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from napari_medseg.editing.checks import check_image, check_labels
from napari_medseg.editing.connected import connected
from napari_medseg.measures.diameters import SliceDiameters, longest_diameter, slice_diameters
from napari_medseg.measures.objects import Found, centre_of, found_in
from napari_medseg.measures.surface import surface_area
from napari_medseg.measures.table import PERCENTILES, GreyValues, Measure, Measures
from napari_medseg.packed import Box
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import canonical_affine


def measure(
    labels: np.ndarray,
    spacing: Sequence[float],
    *,
    image: np.ndarray | None = None,
    names: Mapping[int, str] | None = None,
    affine: np.ndarray | None = None,
    axis: int = 0,
    surface: bool = False,
    unit: str = "mm",
    grey_unit: str = "",
    most: int = 1000,
    report: Report = silent,
) -> Measures:
    """Measure every class of a label image, and every connected object of each class.

    Objects are connected through faces, edges or corners. How each measure is defined is said by
    `Measure` and by the columns of the table.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D; 0 is background.
    spacing : sequence of float
        mm along each axis.
    image : ndarray or None
        ``(*S)`` grey values; what is no finite number is left out.
    names : mapping of int to str or None
        What people call the classes; others are "class 3".
    affine : ndarray or None
        (4, 4), index ``(d, h, w, 1)`` to RAS+ mm; None is the spacing with the first voxel at 0, D
        to superior, H to posterior, W to left. Not used in 2D.
    axis : int
        The axis across the slices in which diameters are taken.
    surface : bool
        Whether to compute surface areas (of volumes, mm²), which takes longer.
    unit, grey_unit : str
        Of lengths ("px" where the spacing is not known) and of grey values, for the table.
    most : int
        How many objects have a row of their own, the largest ones.
    report : Report
        Called before each object; may raise `Cancelled`.

    Returns
    -------
    Measures
        Without rows if there is only background.

    Raises
    ------
    ValueError
        If labels, image and spacing do not fit together.
    """
    scene = _Scene.of(labels, spacing, image, affine, axis, surface)
    found = found_in(labels)
    listed = set(np.argsort(-found.counts, kind="stable")[:most].tolist())
    classes, objects = [], []
    done = 0
    for label in sorted(set(found.labels.tolist())):
        name = (names or {}).get(label, f"class {label}")
        own, rows = found.of(label), []
        for number, index in enumerate(own, start=1):
            report(Step(done, len(found.counts), "object"))
            done += 1
            if index in listed:
                rows.append(scene.object_row(found, int(index), name, number))
        classes.append(scene.class_row(found, own, rows, name))
        objects += rows
    left_out = max(len(found.counts) - len(listed), 0)
    return Measures(tuple(classes), tuple(objects), labels.ndim, unit, grey_unit, left_out)


def mask_of(labels: np.ndarray, row: Measure) -> tuple[Box, np.ndarray]:
    """Return the box of a measured class or object, and its mask in there.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, those that were measured.
    row : Measure
        A row of their table.
    """
    box = tuple(slice(first, last + 1) for first, last in row.box)
    mask = np.asarray(labels[box] == row.label)
    if not row.number:
        return box, mask
    numbers, count = connected(mask)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    same = [n for n in range(1, count + 1) if sizes[n] == row.voxels]
    centres = [centre_of(numbers == n, box) for n in same]
    apart = [float(np.abs(centre - row.centre).sum()) for centre in centres]
    return box, np.asarray(numbers == same[int(np.argmin(apart))])


@dataclass(frozen=True, eq=False)
class _Scene:
    """What is measured, and how."""

    labels: np.ndarray
    spacing: tuple[float, ...]
    image: np.ndarray | None
    affine: np.ndarray
    axis: int
    surface: bool

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        spacing: Sequence[float],
        image: np.ndarray | None,
        affine: np.ndarray | None,
        axis: int,
        surface: bool,
    ) -> Self:
        """Return what `measure` was asked, checked and complete."""
        lengths = tuple(float(s) for s in spacing)
        _check(labels, lengths, image)
        world = canonical_affine(lengths) if affine is None else affine
        return cls(labels, lengths, image, world, axis, surface and labels.ndim == 3)

    def object_row(self, found: Found, index: int, name: str, number: int) -> Measure:
        """Measure one object."""
        box, mask = found.box(index), found.mask(index)
        about = (int(found.labels[index]), name, number, 1, int(found.counts[index]))
        return self._row(about, box, mask, *self._diameters(mask, box))

    def class_row(
        self, found: Found, own: np.ndarray, rows: Sequence[Measure], name: str
    ) -> Measure:
        """Measure a class as a whole: the objects `own`, of which the largest ones have `rows`."""
        if len(own) == 1 and rows:
            return replace(rows[0], number=0)
        boxes = [found.box(int(index)) for index in own]
        box = tuple(
            slice(min(s.start for s in sides), max(s.stop for s in sides))
            for sides in zip(*boxes, strict=True)
        )
        label = int(found.labels[own[0]])
        about = (label, name, 0, len(own), int(found.counts[own].sum()))
        return self._row(about, box, self.labels[box] == label, *self._longest(found, own, rows))

    def _row(
        self,
        about: tuple[int, str, int, int, int],
        box: Box,
        mask: np.ndarray,
        long: SliceDiameters,
        diameter: float,
    ) -> Measure:
        """Measure a mask in its box; `about` is its label, name, number, objects and voxels."""
        label, name, number, objects, voxels = about
        centre = centre_of(mask, box)
        return Measure(
            label=label,
            name=name,
            number=number,
            objects=objects,
            voxels=voxels,
            size=float(voxels * np.prod(self.spacing)),
            centre=tuple(centre.tolist()),
            place=self._place(centre),
            box=tuple((s.start, s.stop - 1) for s in box),
            slice_index=long.index,
            long_axis=long.long,
            short_axis=long.short,
            diameter=diameter,
            surface=surface_area(mask, self.spacing) if self.surface else None,
            grey=self._grey(box, mask),
        )

    def _longest(
        self, found: Found, own: np.ndarray, rows: Sequence[Measure]
    ) -> tuple[SliceDiameters, float]:
        """Return the longest diameters of any object; those without a row are hardly ever asked."""
        long = SliceDiameters(-1, 0.0, 0.0)
        diameter = 0.0
        for row in rows:
            diameter = max(diameter, row.diameter)
            if row.long_axis > long.long:
                long = SliceDiameters(row.slice_index, row.long_axis, row.short_axis)
        for index in own[len(rows) :]:
            box = found.box(int(index))
            bound = sum(
                ((s.stop - s.start) * size) ** 2 for s, size in zip(box, self.spacing, strict=True)
            )
            if bound > min(long.long, diameter) ** 2:
                other, length = self._diameters(found.mask(int(index)), box)
                long = other if other.long > long.long else long
                diameter = max(diameter, length)
        return long, diameter

    def _diameters(self, mask: np.ndarray, box: Box) -> tuple[SliceDiameters, float]:
        long = slice_diameters(mask, self.spacing, self.axis)
        if mask.ndim == 2:
            return long, long.long
        long = replace(long, index=long.index + box[self.axis].start)
        return long, longest_diameter(mask, self.spacing)

    def _place(self, centre: np.ndarray) -> tuple[float, ...]:
        if len(centre) == 2:
            return float(centre[1] * self.spacing[1]), float(centre[0] * self.spacing[0])
        return tuple((self.affine @ np.append(centre, 1.0))[:3].tolist())

    def _grey(self, box: Box, mask: np.ndarray) -> GreyValues | None:
        if self.image is None:
            return None
        values = np.asarray(self.image[box][mask])
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if not values.size:
            return None
        return GreyValues(
            mean=float(values.mean(dtype=np.float64)),
            sd=float(values.std(dtype=np.float64)),
            minimum=float(values.min()),
            maximum=float(values.max()),
            percentiles=tuple(np.percentile(values, PERCENTILES).tolist()),
        )


def _check(labels: np.ndarray, spacing: Sequence[float], image: np.ndarray | None) -> None:
    check_labels(labels)
    if len(spacing) != labels.ndim or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(
            f"the voxel size {tuple(spacing)} does not fit labels with {labels.ndim} axes; give "
            "one positive length in mm for each"
        )
    if image is not None:
        check_image(labels, image)
