"""`View`: what a network sees at once of an image, and where that lies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.part import Box, checked_box
from napari_medseg.engine.windows import cut_window
from napari_medseg.explain.blend import Windows
from napari_medseg.explain.extent import Extent
from napari_medseg.explain.place import Place
from napari_medseg.explain.where import checked_voxel
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
    def sides(self) -> tuple[int, ...]:
        """The view's voxels ``(D, H, W)`` on the network's grid."""
        sides = list(self.size)
        if self.slice_axis is not None:
            sides.insert(self.slice_axis, len(self.image))
        return tuple(sides)

    @property
    def extent(self) -> Extent:
        """Which voxels of the image that is."""
        return Extent(self.grid, self.start, self.sides, self.box)

    @property
    def crop(self) -> Box | None:
        """The voxels of ``*S'`` that show `box`; None without one."""
        return None if self.box is None else self._of_network(self.extent.part)

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
        return self.extent.shown[-self.volume.spatial_dims :]

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
            wanted, start = view.extent.part[view.slice_axis], list(view.start)
            start[view.slice_axis] += wanted.start
            view = dataclasses.replace(view, image=view.image[wanted], start=tuple(start))
        if view.windows is None:
            return view
        touching = view.windows.touching(view._of_network(view.extent.part))
        return dataclasses.replace(view._narrowed(touching.span), windows=touching.from_first())

    def looking_at(self, at: Sequence[int]) -> View:
        """Return the same view asked about another of its voxels."""
        at = checked_voxel(at, self.volume)
        self.voxel(at)
        return dataclasses.replace(self, at=at)

    def holds(self, at: Sequence[int]) -> bool:
        """Whether a voxel of the image is seen."""
        return self.extent.holds(self._whole(at))

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
        inside = list(self.extent.inside(self._whole(at)))
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
        axis = self.slice_axis
        maps = values[0] if axis is None else values.movedim(0, 1 + axis)
        steps = [side / n for side, n in zip(self.sides, maps.shape[1:], strict=True)]
        begins = [False] * 3
        if self.box is not None and stride is not None:
            begins = [a != axis for a in range(3)]
            steps = [stride if b else step for b, step in zip(begins, steps, strict=True)]
        cut, scale, translate = self.extent.lie(steps, begins)
        laid = maps[(slice(None), *cut)]
        if self.volume.spatial_dims == 2:
            return laid[:, 0], Place.over(self.volume, scale[1:], translate[1:])
        return laid, Place.over(self.volume, scale, translate)

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

    def _checked(self) -> View:
        if any(part.start >= part.stop for part in self.extent.part):
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

    def _whole(self, at: Sequence[int]) -> tuple[int, ...]:
        """Return a voxel ``*S`` of the image as ``(D, H, W)``."""
        return (0, *at) if self.volume.spatial_dims == 2 else tuple(at)


def as_array(maps: Tensor) -> np.ndarray:
    """Copy maps of any precision to float32."""
    copied = maps.detach().cpu().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    return np.asarray(copied.numpy())
