"""Random changes of a training patch, the same for the same seed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.training_config import AugmentConfig


class Augment:
    """Change image and labels of one patch at random, MONAI's transforms doing the work.

    Parameters
    ----------
    config : AugmentConfig
        What to do and how often.
    size : tuple of int
        Voxels of a patch, ``(H, W)`` or ``(D, H, W)``.
    """

    def __init__(self, config: AugmentConfig, size: tuple[int, ...]) -> None:
        self._config = config
        self._size = size
        self._own = threading.local()  # a transform keeps its random state: one per thread

    def __call__(
        self, image: Tensor, labels: Tensor, seed: int, weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return changed copies.

        Parameters
        ----------
        image : Tensor
            ``(C, *S)`` float32.
        labels : Tensor
            ``(*S)``, integers.
        seed : int
            Decides everything.
        weights : Tensor, optional
            ``(*S)`` uint8, how much each voxel counts; moved like the labels, 0 beyond them.
        """
        if not hasattr(self._own, "spatial"):
            self._own.spatial = _spatial(self._config, self._size)
        transform = self._own.spatial
        transform.set_random_state(seed=seed % 2**32)
        moving = [labels] if weights is None else [labels, weights]
        stacked = torch.stack([part.to(torch.float32) for part in moving])
        result = transform({"image": image, "labels": stacked})
        moved = [
            part.round().to(before.dtype)
            for part, before in zip(torch.as_tensor(result["labels"]), moving, strict=True)
        ]
        return torch.as_tensor(result["image"]), moved[0], None if weights is None else moved[1]

    def colours(self, image: Tensor, seed: int) -> Tensor:
        """Jitter brightness and contrast, and of RGB saturation and hue; values in [0, 1]."""
        config = self._config
        rng = np.random.default_rng([seed, 1])
        if rng.random() >= config.colour:
            return image
        image = image * rng.uniform(*config.brightness)
        middle = image.mean()
        image = middle + (image - middle) * (1 + rng.uniform(-1, 1) * config.contrast)
        if image.shape[0] == 3:
            grey = image.mean(0, keepdim=True)
            image = grey + (image - grey) * (1 + rng.uniform(-1, 1) * config.saturation)
            turn = _hue_rotation(2 * np.pi * rng.uniform(-1, 1) * config.hue).to(image)
            image = torch.einsum("ij,j...->i...", turn, image)
        return image.clamp(0, 1)

    def intensities(self, image: Tensor, seed: int) -> Tensor:
        """Scale and shift each channel of a normalised image a little."""
        config = self._config
        rng = np.random.default_rng([seed, 2])
        shape = (image.shape[0],) + (1,) * (image.ndim - 1)
        scale = torch.from_numpy(1 + rng.uniform(-1, 1, shape) * config.intensity_scale)
        shift = torch.from_numpy(rng.uniform(-1, 1, shape) * config.intensity_shift)
        return image * scale.to(image) + shift.to(image)


def _spatial(
    config: AugmentConfig, size: tuple[int, ...]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Build the MONAI transforms that move voxels; labels by nearest neighbour."""
    import monai.transforms as mt
    from monai.data import set_track_meta

    set_track_meta(False)
    dims = len(size)
    keys = ("image", "labels")
    sampling = {"mode": ("bilinear", "nearest"), "padding_mode": ("border", "zeros")}
    steps: list[Any] = []
    if config.flip:
        axes = range(dims) if config.flip_axes is None else config.flip_axes
        steps += [mt.RandFlipd(keys, prob=config.flip, spatial_axis=axis) for axis in axes]
    if config.rotate90:
        planes = [(0, 1)] if dims == 2 else [(0, 1), (0, 2), (1, 2)]
        steps += [mt.RandRotate90d(keys, prob=config.rotate90, spatial_axes=p) for p in planes]
    if config.affine:
        angle = float(np.deg2rad(config.rotate))
        zoom = (config.scale[0] - 1, config.scale[1] - 1)
        steps.append(
            mt.RandAffined(
                keys,
                prob=config.affine,
                rotate_range=(angle,) * (1 if dims == 2 else 3),
                scale_range=(zoom,) * dims,
                translate_range=tuple(config.shift * s for s in size),
                **sampling,
            )
        )
    if config.elastic:
        elastic = mt.Rand2DElasticd if dims == 2 else mt.Rand3DElasticd
        how = {"spacing": (24, 24)} if dims == 2 else {"sigma_range": (5, 7)}
        steps.append(elastic(keys, magnitude_range=(0, 3), prob=config.elastic, **how, **sampling))
    return mt.Compose(steps)


def _hue_rotation(angle: float) -> Tensor:
    """Return the rotation of RGB space about its grey axis by `angle` radians, (3, 3)."""
    c, s = np.cos(angle), np.sin(angle)
    third, root = (1 - c) / 3, s / np.sqrt(3)
    rows = [[c + third, third - root, third + root]]
    rows += [np.roll(rows[0], 1).tolist(), np.roll(rows[0], 2).tolist()]
    return torch.tensor(rows)
