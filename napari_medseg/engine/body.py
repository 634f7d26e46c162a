"""The box around the body or head, so that a model need not look at empty air.

The air is what the volume's outermost voxels show; the body is what differs from it. Nothing is
cut off where the outermost voxels are not all alike (a cropped organ, a microscope's stack).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_CONTRAST = 0.1  # of the range of values: what differs more from the air is not air
_ALIKE = 0.75  # of the outermost voxels must be air
_PART = 0.001  # of a plane must be body, so that single noisy voxels do not count


def body_box(image: Tensor, margin: int = 8) -> tuple[slice, ...]:
    """Return where the body is in ``(C, *S)``: one slice per spatial axis.

    Parameters
    ----------
    image : Tensor
        Any values; a voxel is body if any channel differs from that channel's air.
    margin : int
        Voxels added on every side.

    Returns
    -------
    tuple of slice
        The whole image where no air is found around the body.
    """
    everything = tuple(slice(0, s) for s in image.shape[1:])
    body: Tensor | None = None
    for channel in image:
        different = _not_air(channel)
        if different is not None:
            body = different if body is None else body.logical_or_(different)
    if body is None:
        return everything
    box = []
    for axis, size in enumerate(body.shape):
        others = [d for d in range(body.ndim) if d != axis]
        counts = body.sum(others)
        planes = np.flatnonzero(counts.numpy() > _PART * body.numel() / size)
        if not len(planes):
            return everything
        box.append(slice(max(0, int(planes[0]) - margin), min(size, int(planes[-1]) + 1 + margin)))
    return tuple(box)


def _not_air(channel: Tensor) -> Tensor | None:
    """Return what differs from the air at the border, ``(*S)``; None if a channel has no air."""
    shell = _shell(channel)
    air = shell.median()
    low, high = np.percentile(channel.numpy().ravel()[::7], (0.5, 99.5))
    threshold = _CONTRAST * float(high - low)
    if threshold <= 0:
        return None
    if float(((shell - air).abs() <= threshold).float().mean()) < _ALIKE:
        return torch.ones_like(channel, dtype=torch.bool)
    return (channel - air).abs() > threshold


def _shell(channel: Tensor) -> Tensor:
    """Return the outermost voxels in the last two axes: bodies often go on along the first."""
    sides = [channel.select(axis, end).ravel() for axis in (-2, -1) for end in (0, -1)]
    return torch.cat(sides)
