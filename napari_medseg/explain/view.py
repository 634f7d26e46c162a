"""`View`: what a network sees at once of an image, and where that lies."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box, checked_box
from napari_medseg.engine.plan import Plan, make_plan
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.windows import cut_window
from napari_medseg.explain.blend import Windows
from napari_medseg.explain.place import Place
from napari_medseg.explain.where import (
    all_windows,
    checked_slices,
    checked_voxel,
    on_grid,
    window_around,
    windows_of,
)
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume


@dataclass(frozen=True, eq=False)
class View:
    """A window, a slice or a whole image as a network is given it, at once or in windows.

    Parameters
    ----------
    image : Tensor
        ``(B, C, *S')`` on the CPU: prepared, padded; B slices for a 2D network on a volume,
        else one.
    start : tuple of int
        Voxel ``(D, H, W)`` of the network's grid where the view begins; negative in padding.
    grid : Grid
        The network's grid over the image's, both ``(D, H, W)``.
    slice_axis : int or None
        What a 2D network steps along; None for a 3D network.
    at : tuple of int
        The voxel of the image asked about, one number per axis of ``*S``.
    volume : Volume
        The image.
    notes : tuple of str
        What a person should know of how it was prepared.
    windows : Windows or None
        In what windows the network is given it, their maps blended as the run blends its answers;
        None is all at once.
    box : tuple of slice or None
        The only voxels ``(D, H, W)`` of the image that overlays cover; the network sees all of the
        view.
    """

    image: Tensor
    start: tuple[int, ...]
    grid: Grid
    slice_axis: int | None
    at: tuple[int, ...]
    volume: Volume = field(repr=False)
    notes: tuple[str, ...] = ()
    windows: Windows | None = None
    box: Box | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """``*S'``: voxels the network sees, padding included."""
        return tuple(self.image.shape[2:])

    @property
    def at_once(self) -> tuple[int, ...]:
        """Voxels the network is given in one pass: those of a window, or `size`."""
        return self.size if self.windows is None else self.windows.sides

    @property
    def crop(self) -> Box | None:
        """The voxels of ``*S'`` that show `box`; None without one."""
        return None if self.box is None else self._of_network(self._part())

    @property
    def sides(self) -> tuple[int, ...]:
        """The view's voxels ``(D, H, W)`` on the network's grid."""
        sides = list(self.size)
        if self.slice_axis is not None:
            sides.insert(self.slice_axis, len(self.image))
        return tuple(sides)

    @property
    def voxel_mm(self) -> tuple[float, ...]:
        """Size of a voxel of ``*S'`` in mm, along each axis."""
        spacing = ((1.0,) * 3 + self.volume.spacing)[-3:]
        return tuple(
            spacing[a] * self.grid.input_shape[a] / self.grid.shape[a]
            for a in range(3)
            if a != self.slice_axis
        )

    @property
    def shown(self) -> Box:
        """The voxels ``*S`` of the image that the view, or its box, shows."""
        shown = []
        for a, part in enumerate(self._part()):
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            low, high = self.start[a] + part.start, self.start[a] + part.stop
            shown.append(slice(low * n // m, -(-high * n // m)))
        return tuple(shown[-self.volume.spatial_dims :])

    def alone(self) -> View:
        """Return the slice of `at` without its neighbours."""
        if self.slice_axis is None or len(self.image) == 1:
            return self
        index, _ = self.voxel()
        start = list(self.start)
        start[self.slice_axis] += index
        return dataclasses.replace(self, image=self.image[index : index + 1], start=tuple(start))

    def one_window(self) -> View:
        """Return the window around `at` alone, where there are several."""
        if self.windows is None:
            return self
        _, voxel = self.voxel()
        note = "of the window around the voxel asked about: this is not blended over windows"
        alone = self._narrowed(self.windows.part(self.windows.around(voxel)))
        return dataclasses.replace(alone, windows=None, notes=(*self.notes, note))._checked()

    def within(self, box: Sequence[slice]) -> View:
        """Return the view whose overlays cover a part of the image only; see `box`.

        Slices and windows that do not touch the part are left out.

        Raises
        ------
        ValueError
            If the part is not in the view.
        """
        box = checked_box(box, self.volume.shape)
        flat = (slice(0, 1),) if self.volume.spatial_dims == 2 else ()
        view = dataclasses.replace(self, box=(*flat, *box))._checked()
        if view.slice_axis is not None:
            wanted, start = view._part()[view.slice_axis], list(view.start)
            start[view.slice_axis] += wanted.start
            view = dataclasses.replace(view, image=view.image[wanted], start=tuple(start))
        if view.windows is None:
            return view
        touching = view.windows.touching(view._of_network(view._part()))
        return dataclasses.replace(view._narrowed(touching.span), windows=touching.from_first())

    def looking_at(self, at: Sequence[int]) -> View:
        """Return the same view asked about another of its voxels."""
        at = checked_voxel(at, self.volume)
        self.voxel(at)
        return dataclasses.replace(self, at=at)

    def holds(self, at: Sequence[int]) -> bool:
        """Whether a voxel of the image is seen."""
        return all(0 <= v < n for v, n in zip(self._inside(at), self.sides, strict=True))

    def voxel(self, at: Sequence[int] | None = None) -> tuple[int, tuple[int, ...]]:
        """Return the index in B and the voxel of ``*S'`` that show a voxel of the image.

        Raises
        ------
        ValueError
            If the view does not show it.
        """
        at = self.at if at is None else at
        if not self.holds(at):
            raise ValueError(f"voxel {tuple(at)} is not in the part of the image looked at")
        inside = list(self._inside(at))
        index = 0 if self.slice_axis is None else inside.pop(self.slice_axis)
        return index, tuple(inside)

    def placed(self, values: Tensor, stride: int | None = None) -> tuple[np.ndarray, Place]:
        """Lay maps of the network over the image; what lies in padding or beyond `box` is cut off.

        Parameters
        ----------
        values : Tensor
            ``(B, n, *S'')``, any stride of ``*S'``.
        stride : int or None
            Given, they hold only what touches `box`, as `run` records maps of that stride.

        Returns
        -------
        ndarray, Place
            ``(n, *S''')`` float32 with as many axes as the image, and where it lies.
        """
        laid, place = self.laid(values, stride)
        return as_array(laid), place

    def laid(self, values: Tensor, stride: int | None = None) -> tuple[Tensor, Place]:
        """Lay maps over the image as `placed` does, without a copy."""
        if len(values) != len(self.image) or values.ndim != self.image.ndim:
            raise ValueError(
                f"maps of shape {tuple(values.shape)} do not belong to a view of "
                f"{tuple(self.image.shape)}"
            )
        axis, recorded = self.slice_axis, self.box is not None and stride is not None
        maps = values[0] if axis is None else values.movedim(0, 1 + axis)
        cut, scale, translate = [slice(None)], [], []
        for a, (side, part) in enumerate(zip(self.sides, self._part(), strict=True)):
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            begins = recorded and a != axis
            # network voxels per voxel of the map
            step = stride if begins and stride is not None else side / maps.shape[1 + a]
            first, last = math.floor(part.start / step), math.ceil(part.stop / step)
            cut.append(slice(0, last - first) if begins else slice(first, last))
            scale.append(step * n / m)
            translate.append((self.start[a] + (first + 0.5) * step) * n / m - 0.5)
        laid = maps[tuple(cut)]
        if self.volume.spatial_dims == 2:
            return laid[:, 0], Place.over(self.volume, tuple(scale[1:]), tuple(translate[1:]))
        return laid, Place.over(self.volume, tuple(scale), tuple(translate))

    def onto(self, mask: np.ndarray) -> Tensor:
        """Bring labels of the image ``(*S)`` to the view by nearest voxel: ``(B, *S')``.

        Padding is 0.
        """
        if mask.shape != self.volume.shape:
            raise ValueError(
                f"the labels have {'x'.join(map(str, mask.shape))} voxels, the image "
                f"{'x'.join(map(str, self.volume.shape))}; give labels of this image"
            )
        whole = self.grid.resample_labels(mask[None] if mask.ndim == 2 else mask)
        cut = cut_window(
            torch.from_numpy(np.ascontiguousarray(whole))[None], self.start, self.sides
        )
        return cut if self.slice_axis is None else cut[0].movedim(self.slice_axis, 0)

    def covered(self) -> Tensor:
        """Return which voxels of the view are the image and not padding: ``(B, *S')`` bool."""
        return self._cut(torch.ones(self.grid.shape, dtype=torch.bool))

    def _cut(self, whole: Tensor) -> Tensor:
        """Cut ``(D, H, W)`` of the network's grid to the view: ``(B, *S')``."""
        cut = cut_window(whole[None], self.start, self.sides)
        return cut if self.slice_axis is None else cut[0].movedim(self.slice_axis, 0)

    def _part(self) -> Box:
        """Return the view's voxels ``(D, H, W)`` that show the image, or its `box`."""
        part = []
        for a, side in enumerate(self.sides):
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            low, high = 0, m
            if self.box is not None:
                low, high = self.box[a].start * m // n, -(-self.box[a].stop * m // n)
            part.append(slice(max(low - self.start[a], 0), min(high - self.start[a], side)))
        return tuple(part)

    def _checked(self) -> View:
        if any(part.start >= part.stop for part in self._part()):
            raise ValueError(
                "the box is not in the part of the image looked at; choose one there, or look "
                "at all windows"
            )
        return self

    def _of_network(self, box: Box) -> Box:
        """Leave the axis of the slices out."""
        return tuple(part for a, part in enumerate(box) if a != self.slice_axis)

    def _narrowed(self, part: Box) -> View:
        """Return a part ``*S'`` of the view as a view."""
        start = list(self.start)
        axes = [a for a in range(3) if a != self.slice_axis]
        for axis, one in zip(axes, part, strict=True):
            start[axis] += one.start
        image = self.image[(slice(None), slice(None), *part)]
        return dataclasses.replace(self, image=image, start=tuple(start))

    def _inside(self, at: Sequence[int]) -> tuple[int, ...]:
        at = (0, *at) if self.volume.spatial_dims == 2 else tuple(at)
        return tuple(v - s for v, s in zip(on_grid(at, self.grid), self.start, strict=True))


def view_of(
    segmenter: Segmenter,
    volume: Volume,
    *,
    at: Sequence[int] | None = None,
    slices: slice | None = None,
    whole: bool = False,
    blend: bool = False,
    box: Sequence[slice] | None = None,
    config: InferenceConfig | None = None,
    prepared: Prepared | None = None,
    report: Report = silent,
) -> View:
    """Prepare what a model sees of an image around a voxel.

    Parameters
    ----------
    segmenter : Segmenter
        The model.
    volume : Volume
        The image.
    at : sequence of int or None
        A voxel of the image, which ends up in the view; None is the middle, of `box` if given.
    slices : slice or None
        Which slices of a volume a 2D model is shown; None is the one of `at`, or those of `box`.
    whole : bool
        Take the whole image (or slice) as one window, where the run takes several: a wider look,
        though not at what the run computes.
    blend : bool
        Take all windows of the run (of the slice), whose maps are then blended.
    box : sequence of slice or None
        Which voxels ``*S`` of the image overlays cover; None is all of the view. See
        `View.within`.
    config : InferenceConfig or None
        How the model is run. Of the windows of that run, laid without cropping to the body, the
        view is the one in which `at` counts most.
    prepared : Prepared or None
        What ``segmenter.prepare`` gave for this image and config, to look at many places of it.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If model, image, voxel and box do not go together.
    """
    config = config or InferenceConfig()
    part = checked_box(box, volume.shape)
    middle = [(b.start + b.stop) // 2 for b in part]
    at = checked_voxel(middle if at is None else at, volume)
    slice_axis = segmenter.slice_axis(volume, config)
    shown = None
    if slice_axis is not None:
        wanted = part[slice_axis] if slices is None and box is not None else slices
        shown = checked_slices(wanted, at, slice_axis, volume)
    report(Step(0, 0, "image"))
    if prepared is None:
        prepared = segmenter.prepare(volume, config, report)
    plan = make_plan(
        segmenter.card,
        config.replace(strategy="whole", window=None) if whole else config,
        tuple(prepared.image.shape[1:]),
        slice_axis=slice_axis,
        divisor=segmenter.network.divisor,
        device=segmenter.device,
    )
    view = _seen(prepared, plan, at, volume, shown, blend=blend and not plan.is_whole)
    return view if box is None else view.within(box)


def _seen(
    prepared: Prepared,
    plan: Plan,
    at: tuple[int, ...],
    volume: Volume,
    slices: slice | None,
    *,
    blend: bool,
) -> View:
    """Cut the window around a voxel, or all of them, out of what was prepared."""
    grid, axis = prepared.grid, plan.slice_axis
    here = (0, *at) if volume.spatial_dims == 2 else at
    start, sides = all_windows(plan) if blend else window_around(plan, on_grid(here, grid))
    if axis is not None and slices is not None:
        start[axis], sides[axis] = slices.start, slices.stop - slices.start
    seen = cut_window(prepared.image, start, sides)
    seen = seen[None] if axis is None else seen.movedim(1 + axis, 0)
    return View(
        image=seen.contiguous(),
        start=tuple(start),
        grid=grid,
        slice_axis=axis,
        at=at,
        volume=volume,
        notes=prepared.notes,
        windows=windows_of(plan) if blend else None,
    )


def as_array(maps: Tensor) -> np.ndarray:
    """Copy maps of any precision to float32."""
    copied = maps.detach().cpu().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    return np.asarray(copied.numpy())
