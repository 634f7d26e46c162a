"""The voxel grid a network works on, and how it lies over the grid of the input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medseg.progress import Report, Step, silent

_VOXELS_AT_ONCE = 1 << 23  # between two reports


@dataclass(frozen=True)
class Grid:
    """Two grids that cover the same box: the input's and the network's.

    Voxel ``i`` of ``n`` covers ``[i / n, (i + 1) / n)`` of its axis on both grids, so centres map
    by ``(i + 0.5) * m / n - 0.5`` in either direction (``align_corners=False``) and going there
    and back shifts nothing.

    Parameters
    ----------
    input_shape : tuple of int
        Voxels ``*S`` of the volume as it came.
    shape : tuple of int
        Voxels ``*S'`` the network sees.
    """

    input_shape: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def is_identity(self) -> bool:
        """Whether the network sees the input's own voxels."""
        return self.shape == self.input_shape

    def resample_image(self, image: Tensor, report: Report = silent) -> Tensor:
        """Bring an image onto the network's grid: ``(C, *S) -> (C, *S')``, float32.

        Linear interpolation; axes that shrink are smoothed by the triangle filter of that width
        first (the antialiasing of Pillow and torch, here for volumes too), so that thin structures
        fade instead of vanishing between samples. `report` is called now and then and may raise
        `Cancelled`.
        """
        if self.is_identity:
            return image
        channels = image.shape[0]
        if image.ndim == 3:
            return _resize(image[None], self.shape, report)[0]
        depth, height, width = self.input_shape
        if self.shape[0] != depth:  # the filter is separable: (D, H·W) first, then every (H, W)
            flat = image.reshape(1, channels, depth, height * width)
            image = _resize(flat, (self.shape[0], height * width), report)
        planes = image.reshape(1, channels * self.shape[0], height, width)
        return _resize(planes, self.shape[1:], report).reshape(channels, *self.shape)

    def resample_labels(self, labels: np.ndarray) -> np.ndarray:
        """Bring labels onto the network's grid by nearest voxel: ``(*S) -> (*S')``.

        For training targets. A model's answer goes back as logits, never as labels.
        """
        if labels.shape != self.input_shape:
            raise ValueError(f"labels of {labels.shape} voxels do not fit {self.input_shape}")
        for axis, (n, m) in enumerate(zip(self.input_shape, self.shape, strict=True)):
            if n != m:
                nearest = np.minimum(((np.arange(m) + 0.5) * n / m).astype(np.intp), n - 1)
                labels = labels.take(nearest, axis=axis)
        return labels


def _resize(images: Tensor, size: tuple[int, ...], report: Report) -> Tensor:
    """Resize every plane of ``(1, N, H, W)`` by itself."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    at_once = max(1, _VOXELS_AT_ONCE // max(1, images.shape[2] * images.shape[3]))
    resized = []
    for planes in images.split(at_once, dim=1):
        report(Step(0, 0, "image"))
        resized.append(
            F.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True)
        )
    return resized[0] if len(resized) == 1 else torch.cat(resized, dim=1)
