"""Fields that know the labels and the image: classes by name, grey values that fit the image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox

from napari_medseg.config import Config
from napari_medseg.editing.intensity import otsu_threshold, painted_range
from napari_medseg.widgets.edit.job import Job
from napari_medseg.widgets.forms import ConfigForm

_GREYS = ("low", "high", "tolerance")  # options in the units of the image
_ZERO = {"into": "the same class", "other": "all classes", "value": "the next free one"}


def name_classes(form: ConfigForm[Any], names: Mapping[int, str]) -> None:
    """Show beside the number of a class its name, as `names` says at the time."""
    for field in _ZERO:
        editor = form.findChild(QSpinBox, field)
        if editor is not None:
            editor.valueChanged.connect(partial(_show_name, editor, names))


def show_names(form: ConfigForm[Any], names: Mapping[int, str]) -> None:
    """Show the names of the classes chosen in a form now."""
    for field in _ZERO:
        editor = form.findChild(QSpinBox, field)
        if editor is not None:
            _show_name(editor, names, editor.value())


def _show_name(editor: QSpinBox, names: Mapping[int, str], value: int) -> None:
    name = names.get(value, "a new class") if value else _ZERO[editor.objectName()]
    editor.setSuffix(f"  ·  {name}")


def fit_greys(form: ConfigForm[Any], values: Any) -> None:
    """Let fields of grey values have the decimals and steps that an image needs."""
    whole = np.dtype(values.dtype).kind in "iub"
    for field in _GREYS:
        editor = form.findChild(QDoubleSpinBox, field)
        if editor is not None:
            editor.blockSignals(True)
            editor.setDecimals(0 if whole else 3)
            editor.setSingleStep(1 if whole else 0.01)
            editor.blockSignals(False)


def proposed_range(job: Job) -> tuple[float, float] | None:
    """Return a range of grey values to begin with, from the slice one sees.

    That of what is painted of the class there; if nothing is, of the bright part of the slice.
    """
    scene, grey = job.scene, job.grey
    if grey is None:
        return None
    at: tuple[Any, ...] = ()
    if scene.labels.ndim == 3:
        middle = scene.labels.shape[scene.axis] // 2
        at = (*[slice(None)] * scene.axis, middle if scene.index is None else scene.index)
    image, labels = np.asarray(grey[at]), scene.labels[at]
    if job.colour:
        image = image[..., :3].mean(axis=-1)
    try:
        if (labels == scene.label).any():
            return painted_range(image, labels, scene.label)
        return otsu_threshold(image), float(np.nanmax(image))
    except ValueError:
        return None  # all of one grey


def at_least_a_voxel(options: Config, spacing: Sequence[float]) -> Config:
    """Return options whose radius reaches the next voxel: less would change nothing."""
    radius, least = getattr(options, "radius", None), math.ceil(2 * min(spacing)) / 2
    return options.replace(radius=least) if radius is not None and radius < least else options


def with_free_value(options: Config, names: Mapping[int, str]) -> Config:
    """Return options whose next free class is none of the table's, with voxels or without."""
    if getattr(options, "value", None) != 0:
        return options
    return options.replace(value=max(names, default=0) + 1)
