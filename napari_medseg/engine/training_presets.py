"""How a first model is trained on a few labelled images: presets that the data completes.

A recipe (`training_recipes`) says everything; a preset leaves sizes, windows and rounds open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_medseg.engine.cases import Case
from napari_medseg.engine.sparse import check_seen, planes_along
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_recipes import PHOTOGRAPH, STRONG

_STEP = 32  # the divisor of every network at hand
_FEWEST_PLANES = 16  # of a volume that a 3D network learns from
_THICK = 3.0  # times as far apart as pixels: slices tell little of each other, as in nnU-Net
_ROUNDS = 10  # epochs, each ending with a score


@dataclass(frozen=True, kw_only=True)
class TrainingPreset:
    """A way to train a model on a few images.

    Parameters
    ----------
    title, tip : str
        For people.
    fields : mapping
        Of the `TrainingConfig`.
    steps : int
        All in all.
    side : int
        Of images, and the longest of a window.
    window : int
        Voxels of a volume's window, at most.
    """

    title: str
    tip: str
    fields: Mapping[str, Any]
    steps: int
    side: int
    window: int


PRESETS: dict[str, TrainingPreset] = {
    "quick": TrainingPreset(
        title="Quick",
        tip="A small LGMSNet: a first model in minutes, also without a GPU.",
        fields={"architecture": "lgmsnet", "preset": "small"},
        steps=450,
        side=128,
        window=32 * 64 * 32,
    ),
    "careful": TrainingPreset(
        title="Careful",
        tip="LGMSNet as published, on larger windows and four times as long; wants a GPU.",
        fields={"architecture": "lgmsnet", "preset": "base"},
        steps=1800,
        side=256,
        window=64 * 96 * 64,
    ),
}


def preset_config(name: str, cases: Sequence[Case], **changes: Any) -> TrainingConfig:
    """Return the recipe of a preset for these cases.

    A volume is learnt from in 3D, what nobody looked at left out of the loss, also where only
    some slices were painted: tried on hippocampi with 5 painted slices in each of 3 volumes that
    gave a Dice of 0.75 on the volumes it was tried on, a 2D network on the same slices 0.66
    (``docs/learning.md`` has what it gave on others). Volumes of few or thick slices are learnt
    from slice by slice.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    cases : sequence of Case
        What is learnt from.
    **changes : Any
        Fields of the config that are set otherwise.

    Raises
    ------
    ValueError
        If there is no such preset or no case.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    check_seen(cases)
    preset = PRESETS[name]
    dims = cases[0].volume.spatial_dims
    shapes = [case.volume.shape for case in cases]
    median: list[int] = np.median(shapes, axis=0).astype(int).tolist()
    spacing = np.median([case.volume.spacing for case in cases], axis=0)
    thick = spacing.max() >= _THICK * spacing.min()
    slices = dims == 3 and bool(thick or min(median) < _FEWEST_PLANES)
    flat = dims == 2 or slices
    examples = len(cases)
    if slices:
        examples = sum(_planes(case) for case in cases)
    batch = 8 if flat else 2
    rounds = min(_ROUNDS, preset.steps)
    windows = max(math.ceil(preset.steps * batch / (rounds * examples)), 1)
    colour = dims == 2 and cases[0].volume.array.shape[0] == 3
    sides = {"size": (preset.side,) * 2} if flat else {"window": window_for(median, preset)}
    fields = {
        **preset.fields,
        **sides,
        "slices": slices,
        "batch_size": batch,
        "windows_per_case": windows,
        "epochs": rounds,
        "average": 0.98,
        "keep": "last",
        "augment": PHOTOGRAPH if colour else STRONG.replace(flip=0.0),
    }
    return TrainingConfig(**{**fields, **changes})


def window_for(shape: Sequence[int], preset: TrainingPreset) -> tuple[int, ...]:
    """Return a window for volumes of this shape, its sides multiples of 32, none over the image's.

    The longest sides grow first, until the preset's number of voxels is reached.
    """
    most = [min(max(_STEP * round(s / _STEP), _STEP), preset.side) for s in shape]
    window = [_STEP] * len(most)
    for axis in sorted(range(len(most)), key=lambda a: -shape[a]):
        while window[axis] < most[axis]:
            grown = math.prod(window) // window[axis] * (window[axis] + _STEP)
            if grown > preset.window:
                break
            window[axis] += _STEP
    return tuple(window)


def _planes(case: Case) -> int:
    """Return how many slices of a volume anybody looked at, along its largest spacing."""
    axis = int(np.argmax(case.volume.spacing))
    if case.reviewed is None:
        return int(case.volume.shape[axis])
    return int(planes_along(case.reviewed, axis).size)
