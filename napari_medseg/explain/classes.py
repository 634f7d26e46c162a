"""Where a class is in a view: by labels, or as the model answers."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.view import View


def class_share(
    segmenter: Segmenter,
    view: View,
    logits: Tensor,
    labels: np.ndarray | None,
    value: int,
    stride: int,
) -> np.ndarray:
    """Return which voxels of maps over the image are mostly of a class: ``(*S)`` bool.

    Where no voxel is mostly of it, those that hold some of it. `stride` is that of the maps; see
    `features` for `labels`.

    Raises
    ------
    ValueError
        If these are none or all.
    """
    inside = mostly(view, class_mask(segmenter, view, logits, labels, value), stride)
    if not inside.any() or inside.all():
        name, where = class_name(segmenter, value), "everywhere" if inside.any() else "nowhere"
        blocks = f", in blocks of {stride} voxels" if stride > 1 else ""
        finer = ", another place or a finer layer" if stride > 1 else " or another place"
        raise ValueError(
            f"{name} is {where} in the part of the image looked at{blocks}; choose another "
            f"class{finer}"
        )
    return inside


def mostly(view: View, mask: Tensor, stride: int) -> np.ndarray:
    """Bring a mask ``(B, *S')`` of the view to maps of a stride; see `class_share`."""
    pool = F.avg_pool2d if mask.ndim == 3 else F.avg_pool3d
    share = view.placed(pool(mask.float()[:, None], stride))[0][0]
    inside = np.asarray(share >= 0.5)
    return inside if inside.any() else np.asarray(share > 0)


def class_mask(
    segmenter: Segmenter, view: View, logits: Tensor, labels: np.ndarray | None, value: int
) -> Tensor:
    """Return which voxels of the view are of a class, by labels or by the answer: ``(B, *S')``."""
    if labels is not None:
        return view.onto(np.asarray(labels == value, np.uint8)) > 0
    channel = class_channel(segmenter, value)
    if segmenter.card.activation == "softmax":
        return logits.argmax(1) == channel
    return logits[:, channel] > 0


def class_channel(segmenter: Segmenter, value: int) -> int:
    """Return the output channel of a class, given its label value; 0 is the background.

    Raises
    ------
    ValueError
        If the model has no such class.
    """
    softmax = segmenter.card.activation == "softmax"
    if value == 0 and softmax:
        return 0
    values = [c.value for c in segmenter.card.classes]
    if value not in values:
        known = ", ".join(f"{c.value} ({c.name})" for c in segmenter.card.classes)
        raise ValueError(f"{segmenter.card.name!r} has no class {value}; it has {known}")
    return values.index(value) + softmax


def class_name(segmenter: Segmenter, value: int) -> str:
    """Return what a class is called."""
    names = {c.value: c.name for c in segmenter.card.classes}
    return names.get(value, "background")


def class_names(segmenter: Segmenter) -> tuple[str, ...]:
    """Return what each output channel is called."""
    names = tuple(c.name for c in segmenter.card.classes)
    return ("background", *names) if segmenter.card.activation == "softmax" else names
