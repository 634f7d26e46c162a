"""Preparing what a network sees of an image around a voxel."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import checked_box
from napari_medseg.engine.plan import Plan, make_plan
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.windows import cut_window
from napari_medseg.explain.view import View
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
    config, part = config or InferenceConfig(), checked_box(box, volume.shape)
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
    config = config.replace(strategy="whole", window=None) if whole else config
    plan = _plan_of(segmenter, prepared, config, slice_axis)
    view = _seen(prepared, plan, at, volume, shown, blend=blend and not plan.is_whole)
    return view if box is None else view.within(box)


def _plan_of(
    segmenter: Segmenter, prepared: Prepared, config: InferenceConfig, slice_axis: int | None
) -> Plan:
    return make_plan(
        segmenter.card,
        config,
        tuple(prepared.image.shape[1:]),
        slice_axis=slice_axis,
        divisor=segmenter.network.divisor,
        device=segmenter.device,
    )


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
