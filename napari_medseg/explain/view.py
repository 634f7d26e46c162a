"""`View`: what a network sees at once of an image, and where that lies."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.plan import Plan, make_plan
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.place import Place
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume


@dataclass(frozen=True, eq=False)
class View:
    """A window, a slice or a whole image as a network is given it.

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
    """

    image: Tensor
    start: tuple[int, ...]
    grid: Grid
    slice_axis: int | None
    at: tuple[int, ...]
    volume: Volume = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, ...]:
        """``*S'``: voxels the network sees, padding included."""
        return tuple(self.image.shape[2:])

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

    def alone(self) -> View:
        """Return the slice of `at` without its neighbours."""
        if self.slice_axis is None or len(self.image) == 1:
            return self
        index, _ = self.voxel()
        start = list(self.start)
        start[self.slice_axis] += index
        return dataclasses.replace(self, image=self.image[index : index + 1], start=tuple(start))

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

    def placed(self, values: Tensor) -> tuple[np.ndarray, Place]:
        """Lay maps of the network over the image; what lies in padding is cut off.

        Parameters
        ----------
        values : Tensor
            ``(B, n, *S'')``, any stride of ``*S'``.

        Returns
        -------
        ndarray, Place
            ``(n, *S''')`` float32 with as many axes as the image, and where it lies.
        """
        if len(values) != len(self.image) or values.ndim != self.image.ndim:
            raise ValueError(
                f"maps of shape {tuple(values.shape)} do not belong to a view of "
                f"{tuple(self.image.shape)}"
            )
        axis = self.slice_axis
        maps = values[0] if axis is None else values.movedim(0, 1 + axis)
        cut, scale, translate = [slice(None)], [], []
        for a, side in enumerate(self.sides):
            count = maps.shape[1 + a]
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            step = side / count  # network voxels per voxel of the map
            first = max(0, math.floor(-self.start[a] / step))
            last = min(count, math.ceil((m - self.start[a]) / step))
            cut.append(slice(first, last))
            scale.append(step * n / m)
            translate.append((self.start[a] + (first + 0.5) * step) * n / m - 0.5)
        array = maps[tuple(cut)].detach().cpu().float().numpy().copy()
        if self.volume.spatial_dims == 2:
            return array[:, 0], Place.over(self.volume, tuple(scale[1:]), tuple(translate[1:]))
        return array, Place.over(self.volume, tuple(scale), tuple(translate))

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

    def _inside(self, at: Sequence[int]) -> tuple[int, ...]:
        at = (0, *at) if self.volume.spatial_dims == 2 else tuple(at)
        return tuple(v - s for v, s in zip(_on_grid(at, self.grid), self.start, strict=True))


def view_of(
    segmenter: Segmenter,
    volume: Volume,
    *,
    at: Sequence[int] | None = None,
    slices: slice | None = None,
    whole: bool = False,
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
        A voxel of the image, which ends up in the view; None is the middle.
    slices : slice or None
        Which slices of a volume a 2D model is shown; None is the one of `at`.
    whole : bool
        Take the whole image (or slice) as one window, where the run takes several: a wider look,
        though not at what the run computes.
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
        If model, image and voxel do not go together.
    """
    config = config or InferenceConfig()
    at = checked_voxel([n // 2 for n in volume.shape] if at is None else at, volume)
    card, slice_axis = segmenter.card, segmenter.slice_axis(volume, config)
    report(Step(0, 0, "image"))
    if prepared is None:
        prepared = segmenter.prepare(volume, config, report)
    image, grid = prepared.image, prepared.grid
    here = (0, *at) if volume.spatial_dims == 2 else at
    plan = make_plan(
        card,
        config.replace(strategy="whole", window=None) if whole else config,
        tuple(image.shape[1:]),
        slice_axis=slice_axis,
        divisor=segmenter.network.divisor,
        device=segmenter.device,
    )
    start, sides = _window(plan, _on_grid(here, grid))
    if slice_axis is not None:
        shown = _slices(slices, at, slice_axis, volume)
        start[slice_axis], sides[slice_axis] = shown.start, shown.stop - shown.start
    seen = cut_window(image, start, sides)
    seen = seen[None] if slice_axis is None else seen.movedim(1 + slice_axis, 0)
    return View(
        image=seen.contiguous(),
        start=tuple(start),
        grid=grid,
        slice_axis=slice_axis,
        at=at,
        volume=volume,
        notes=prepared.notes,
    )


def checked_voxel(at: Sequence[int], volume: Volume) -> tuple[int, ...]:
    """Return `at` as plain numbers; `ValueError` if it is no voxel of `volume`."""
    voxel = tuple(int(a) for a in at)
    if len(voxel) != volume.spatial_dims or any(
        not 0 <= a < n for a, n in zip(voxel, volume.shape, strict=False)
    ):
        raise ValueError(
            f"voxel {', '.join(map(str, voxel))} is not in the image of "
            f"{'x'.join(map(str, volume.shape))} voxels; count from 0, one number per axis"
        )
    return voxel


def cut_window(image: Tensor, start: Sequence[int], sides: Sequence[int]) -> Tensor:
    """Cut ``(C, D, H, W)`` at `start`, zeros where the window sticks out."""
    cut: list[slice] = [slice(None)]
    missing: list[int] = []
    for first, side, size in zip(start, sides, image.shape[1:], strict=True):
        cut.append(slice(max(first, 0), min(first + side, size)))
        missing = [max(-first, 0), max(first + side - size, 0), *missing]
    return F.pad(image[tuple(cut)], missing)


def _window(plan: Plan, at: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return start and sides of the window whose middle is nearest to a voxel."""
    tiling, chosen = plan.tiling, []
    for starts, before, side, voxel in zip(
        tiling.starts, tiling.before, plan.window, at, strict=True
    ):
        middle = voxel + before - side / 2 + 0.5
        chosen.append(min(starts, key=lambda first: abs(first - middle)) - before)
    return chosen, list(plan.window)


def _slices(asked: slice | None, at: tuple[int, ...], axis: int, volume: Volume) -> slice:
    if volume.spatial_dims == 2:
        return slice(0, 1)
    if asked is None:
        return slice(at[axis], at[axis] + 1)
    start, stop, step = asked.indices(volume.shape[axis])
    if step != 1 or not start <= at[axis] < stop:
        raise ValueError(
            f"slices {start} to {stop - 1} do not hold slice {at[axis]}, which is asked about; "
            "choose neighbouring slices around it"
        )
    return slice(start, stop)


def _on_grid(at: Sequence[int], grid: Grid) -> tuple[int, ...]:
    """Return the network's voxel that covers the centre of a voxel of the input."""
    sides = zip(at, grid.input_shape, grid.shape, strict=True)
    return tuple(min(int((a + 0.5) * m / n), m - 1) for a, n, m in sides)
