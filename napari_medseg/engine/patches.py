"""Training patches: cases on the network's grid, and batches cut from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.engine.augment import Augment
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case, region_of, to_target
from napari_medseg.engine.preprocess import default_slice_axis, prepare
from napari_medseg.engine.sparse import balanced_places, seen_on, weights_of
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.progress import Report, Step, silent

Batch = tuple[Tensor, Tensor, Tensor | None]
"""Images, targets, and how much each voxel counts or None if all count the same."""

_MOST_PLACES = 5000  # of an example, to centre windows on


@dataclass(frozen=True, eq=False)
class Example:
    """A case on the network's grid, ready to cut patches from.

    Parameters
    ----------
    name : str
        The case's.
    image : Tensor
        ``(C, *S)`` float32; in [0, 1] where the card normalises by fixed numbers (colours are
        jittered first), else normalised.
    labels : ndarray
        ``(*S)``, the label file's values.
    foreground : ndarray
        ``(n, dims)``, some of the labelled voxels, evenly drawn over the classes.
    weights : ndarray, optional
        ``(*S)`` uint8, how much each voxel counts, 0 where nobody looked; None if all are alike.
    background : ndarray, optional
        ``(n, dims)``, some of the other voxels that were looked at; None if all were.
    times : float
        How often it is seen, relative to other examples.
    """

    name: str
    image: Tensor
    labels: np.ndarray
    foreground: np.ndarray
    weights: np.ndarray | None = None
    background: np.ndarray | None = None
    times: float = 1.0


def make_examples(case: Case, card: ModelCard, *, changed_weight: int = 1) -> list[Example]:
    """Bring a case onto the network's grid once, before training.

    Parameters
    ----------
    case : Case
        Its image, with what a human saw of its labels.
    card : ModelCard
        Of the model that is to learn from it.
    changed_weight : int
        How much a voxel counts where the human disagreed with the model; others count 1.

    Returns
    -------
    list of Example
        One; for a 2D model and a volume one for each slice of which anything was looked at.
    """
    preprocessing = card.preprocessing
    if preprocessing.normalise == "fixed":
        preprocessing = preprocessing.replace(normalise="none", mean=(), std=())
    prepared = prepare(case.volume, preprocessing, spatial_dims=card.spatial_dims)
    weights = weights_of(case, changed_weight)
    if weights is None:
        labels = prepared.grid.resample_labels(case.labels)
    else:
        labels, weights = seen_on(prepared.grid, case.labels, weights)
        labels = np.where(weights > 0, labels, 0)  # what nobody saw has no influence
    if card.spatial_dims == case.volume.spatial_dims:
        whole = _example(case.name, prepared.image, labels, weights, card)
        return [replace(whole, times=case.weight)]
    axis = default_slice_axis(case.volume)
    slices = []
    for at in range(labels.shape[axis]):
        seen = None if weights is None else weights.take(at, axis=axis)
        if seen is None or seen.any():
            image = prepared.image.select(axis + 1, at)
            name = f"{case.name}, slice {at + 1}"
            one = _example(name, image, labels.take(at, axis=axis), seen, card)
            slices.append(replace(one, times=case.weight))
    return slices


def examples_of_all(
    cases: Sequence[Case], card: ModelCard, report: Report = silent
) -> list[Example]:
    """Bring cases onto the network's grid one after another, as `make_examples` does."""
    examples: list[Example] = []
    for done, case in enumerate(cases):
        report(Step(done, len(cases), "case", "preparing"))
        examples += make_examples(case, card)
    return examples


def _example(
    name: str, image: Tensor, labels: np.ndarray, weights: np.ndarray | None, card: ModelCard
) -> Example:
    rng = np.random.default_rng(labels.size)
    most = _MOST_PLACES // len(card.classes)
    regions = [region_of(labels, c) for c in card.classes]
    if weights is not None:
        found = [np.argwhere(region) for region in regions]
        others = np.argwhere((weights > 0) & ~np.any(regions, axis=0))
        background = balanced_places([others], most, rng)
        return Example(name, image, labels, balanced_places(found, most, rng), weights, background)
    found = []
    for region in regions:
        where = np.argwhere(region)
        found.append(where if len(where) <= most else where[rng.choice(len(where), most)])
    return Example(name, image, labels, np.concatenate(found).astype(np.int32))


def window_of(
    example: Example, size: tuple[int, ...], foreground: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Cut a window, with probability `foreground` around a labelled voxel.

    Of an example of which a human saw a part, the others lie around voxels that were looked at.

    Returns
    -------
    tuple of Tensor
        Image ``(C, *size)`` and labels ``(*size)``; beyond the image both are 0, as in inference.
        How much each voxel counts ``(*size)``, nothing beyond the image; None if all are alike.
    """
    shape = example.labels.shape
    room = [max(s - w, 0) for s, w in zip(shape, size, strict=True)]
    places = example.foreground
    if not len(places) or rng.random() >= foreground:
        places = example.foreground[:0] if example.background is None else example.background
    if len(places):
        centre = places[rng.integers(len(places))]
        jitter = [rng.integers(-(w // 4), w // 4 + 1) for w in size]
        wanted = [int(c) + int(j) - w // 2 for c, j, w in zip(centre, jitter, size, strict=True)]
        corner = [min(max(c, 0), r) for c, r in zip(wanted, room, strict=True)]
    else:
        corner = [int(rng.integers(r + 1)) for r in room]
    at = tuple(slice(c, c + w) for c, w in zip(corner, size, strict=True))
    image = example.image[(slice(None), *at)]
    labels = torch.from_numpy(np.ascontiguousarray(example.labels[at]).astype(np.int32))
    weights = None
    if example.weights is not None:
        weights = torch.from_numpy(np.ascontiguousarray(example.weights[at]))
    missing = [w - s for w, s in zip(size, labels.shape, strict=True)]
    if any(missing):
        padding = [p for m in reversed(missing) for p in (m // 2, m - m // 2)]
        image = F.pad(image, padding)
        labels = F.pad(labels, padding)
        weights = None if weights is None else F.pad(weights, padding)
    return image, labels, weights


def bare_part(
    image: Tensor, labels: Tensor, rng: np.random.Generator, tries: int = 8
) -> tuple[Tensor, Tensor]:
    """Enlarge a part without labels to the whole patch: an image of nothing, where data has few.

    The largest of some random parts, each side at least a third of the patch's, is taken; the
    patch is returned as it came when all of them hold labels.

    Returns
    -------
    tuple of Tensor
        Image ``(C, *S)`` and labels ``(*S)``, of the sizes that came in.
    """
    best: tuple[slice, ...] = ()
    most = 0
    for _ in range(tries):
        sides = [int(rng.integers(max(s // 3, 1), s + 1)) for s in labels.shape]
        corner = [int(rng.integers(s - n + 1)) for s, n in zip(labels.shape, sides, strict=True)]
        part = tuple(slice(c, c + n) for c, n in zip(corner, sides, strict=True))
        if math.prod(sides) > most and not labels[part].any():
            best, most = part, math.prod(sides)
    if not best:
        return image, labels
    mode = "bilinear" if labels.ndim == 2 else "trilinear"
    enlarged = F.interpolate(image[(slice(None), *best)][None], labels.shape, mode=mode)[0]
    return enlarged, torch.zeros_like(labels)


class Batches:
    """The batches of a training run; any of them can be made again by its place.

    Every random choice is drawn from (seed, epoch, place), so that a run resumed in the middle
    sees what an uninterrupted one would have seen.

    Parameters
    ----------
    examples : sequence of Example
        What to learn from.
    card : ModelCard
        Classes and normalising.
    config : TrainingConfig
        Batch size, window, augmentation, seed.
    workers : int
        Threads that prepare patches ahead; 0 makes them when asked for.
    """

    def __init__(
        self, examples: Sequence[Example], card: ModelCard, config: TrainingConfig, workers: int = 0
    ) -> None:
        size = config.size or config.window
        if size is None:
            raise ValueError("training needs a size (whole images) or a window")
        self._examples, self._card, self._config = examples, card, config
        self._size = size
        self._augment = Augment(config.augment, size)
        self._workers = workers
        seldom = min(e.times for e in examples)
        times = [
            round(e.times / seldom) * (1 if len(e.foreground) else config.empty_cases)
            for e in examples
        ]
        self._seen = np.tile(np.repeat(np.arange(len(examples)), times), config.windows_per_case)
        fixed = card.preprocessing
        self._fixed = (fixed.mean, fixed.std) if fixed.normalise == "fixed" else None

    def __len__(self) -> int:
        return max(len(self._seen) // self._config.batch_size, 1)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on.

        Yields
        ------
        tuple of Tensor
            Images ``(B, C, *S)``; targets ``(B, *S)`` int64 or ``(B, K, *S)`` float32; how much
            each voxel counts ``(B, 1, *S)`` float32, or None if all count the same.
        """
        rng = np.random.default_rng([self._config.seed, epoch])
        order = np.resize(rng.permutation(self._seen), len(self) * self._config.batch_size)
        early = self._config.early_size if epoch < self._config.epochs // 2 else None
        chunks = order.reshape(len(self), -1)[start:]
        work = [(epoch, start + i, chunk, early) for i, chunk in enumerate(chunks)]
        if not self._workers:
            yield from (self._batch(*w) for w in work)
            return
        with ThreadPoolExecutor(self._workers) as pool:
            ahead = [pool.submit(self._batch, *w) for w in work[: 2 * self._workers]]
            for i in range(len(work)):
                following = i + 2 * self._workers
                if following < len(work):
                    ahead.append(pool.submit(self._batch, *work[following]))
                yield ahead[i].result()

    def _batch(
        self, epoch: int, number: int, chosen: np.ndarray, early: tuple[int, ...] | None
    ) -> Batch:
        patches = [
            self._patch(self._examples[index], [self._config.seed, epoch, number, place])
            for place, index in enumerate(chosen)
        ]
        images = torch.stack([image for image, _, _ in patches])
        targets = torch.stack([target for _, target, _ in patches])
        weights = None
        if any(known is not None for _, _, known in patches):
            whole = torch.ones(self._size)
            each = [whole if known is None else known.float() for _, _, known in patches]
            weights = torch.stack(each)[:, None]
        if early is not None:
            return _shrink(images, targets, weights, early)
        return images, targets, weights

    def _patch(self, example: Example, place: list[int]) -> Batch:
        seed = int(np.random.SeedSequence(place).generate_state(1)[0])
        rng = np.random.default_rng([seed, 0])
        image, labels, weights = window_of(example, self._size, self._config.foreground, rng)
        image, labels, weights = self._augment(image, labels, seed, weights)
        if self._config.augment.bare and weights is None:  # what nobody saw may hold anything
            chance = np.random.default_rng([seed, 3])
            if chance.random() < self._config.augment.bare:
                image, labels = bare_part(image, labels, chance)
        if self._fixed is not None:
            image = self._augment.colours(image, seed)
            shape = (-1,) + (1,) * (image.ndim - 1)
            mean, std = (torch.tensor(v).view(shape) for v in self._fixed)
            image = (image - mean) / std
        image = self._augment.intensities(image, seed)
        target = to_target(labels.numpy(), self._card.classes, self._card.activation)
        return image, torch.from_numpy(target), weights


def _shrink(
    images: Tensor, targets: Tensor, weights: Tensor | None, size: tuple[int, ...]
) -> Batch:
    """Resize a 2D batch for the early epochs, as in progressive learning.

    Source: Tan & Le 2021, EfficientNetV2, arXiv:2104.00298, §4, sizes only.
    """
    images = F.interpolate(images, size, mode="bilinear", antialias=True)
    kept = targets[:, None].float() if targets.ndim == 3 else targets
    kept = F.interpolate(kept, size, mode="nearest-exact")
    if weights is not None:
        weights = F.interpolate(weights, size, mode="nearest-exact")
    return images, kept[:, 0].long() if targets.ndim == 3 else kept, weights
