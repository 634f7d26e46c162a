"""Patches kept beside a model, so that later learning can rehearse what it knew.

They are images of the training data: written only when asked for, never exported with a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import file_hash
from napari_medseg.engine.patches import Example, window_of
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.io.atomic import atomic_path

UNSEEN = -1
"""The label of voxels that nobody looked at: they are neither background nor anything else."""

_KEY = "napari_medseg_replay"
_MOST_GUARDS = 8
_MOST_PATCHES = 64
_OF_A_CASE = 8  # patches of what was learnt, at most


@dataclass(frozen=True, eq=False)
class Replay:
    """Training patches to rehearse and held-out cases to guard.

    Parameters
    ----------
    images : Tensor
        ``(N, C, *S)`` float32, on the network's grid, normalised as `Example.image`.
    labels : Tensor
        ``(N, *S)`` int32, label values; `UNSEEN` where nobody looked.
    guards : tuple of (Tensor, Tensor)
        Image ``(C, *S)`` and labels ``(*S)`` of held-out cases, whole, in the same way.
    model : str
        sha256 of the checkpoint they belong to.
    """

    images: Tensor
    labels: Tensor
    guards: tuple[tuple[Tensor, Tensor], ...]
    model: str


def replay_path(checkpoint: Path) -> Path:
    """Return where the patches of a checkpoint are kept."""
    return checkpoint.with_suffix(".replay.safetensors")


def save_replay(
    checkpoint: Path,
    card: ModelCard,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    config: TrainingConfig,
) -> Path:
    """Write ``NAME.replay.safetensors`` beside a checkpoint: patches and guard cases.

    The patches are drawn with the run's seed, evenly over the examples.
    """
    size = config.size or config.window
    assert size is not None  # training does not start without
    rng = np.random.default_rng([config.seed, 2])
    images, labels = _draw(examples, size, config.replay_patches, config.foreground, rng)
    guards = tuple((g.image, _guard_labels(g)) for g in held_out)
    return write_replay(checkpoint, Replay(images, labels, guards, ""), name=card.name)


def _draw(
    examples: Sequence[Example],
    size: tuple[int, ...],
    count: int,
    foreground: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    chosen = np.resize(rng.permutation(len(examples)), count)
    patches = [window_of(examples[int(i)], size, foreground, rng) for i in chosen]
    images = torch.stack([image for image, _, _ in patches])
    return images, torch.stack([_seen_only(labels, weights) for _, labels, weights in patches])


def _guard_labels(example: Example) -> Tensor:
    weights = None if example.weights is None else torch.from_numpy(example.weights)
    return _seen_only(torch.from_numpy(example.labels.astype(np.int32)), weights)


def _seen_only(labels: Tensor, weights: Tensor | None) -> Tensor:
    return labels if weights is None else labels.masked_fill(weights == 0, UNSEEN)


def extended(
    replay: Replay | None, examples: Sequence[Example], size: tuple[int, ...], *, seed: int
) -> Replay:
    """Add patches of what was learnt to what a model knew, and keep its guards.

    The old ones keep at least three quarters of the `_MOST_PATCHES` places if they fill them.
    """
    rng = np.random.default_rng([seed, 2])
    old = [] if replay is None else list(range(len(replay.images)))
    count = max(_MOST_PATCHES - len(old), _MOST_PATCHES // 4)
    count = min(count, _OF_A_CASE * len(examples))
    images, labels = _draw(examples, size, count, 0.5, rng)
    if replay is None:
        return Replay(images, labels, (), "")
    kept = sorted(rng.permutation(len(old))[: _MOST_PATCHES - count].tolist())
    return Replay(
        torch.cat([replay.images[kept], images]),
        torch.cat([replay.labels[kept], labels]),
        replay.guards,
        "",
    )


def write_replay(checkpoint: Path, replay: Replay, *, name: str) -> Path:
    """Write the patches of a checkpoint beside it, images in half precision.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {"images": replay.images.half(), "labels": replay.labels}
    for index, (image, labels) in enumerate(replay.guards[:_MOST_GUARDS]):
        tensors[f"guard.{index}.image"] = image.half().contiguous()
        tensors[f"guard.{index}.labels"] = labels.clone(memory_format=torch.contiguous_format)
    about = {"version": 1, "model": file_hash(checkpoint), "name": name}
    path = replay_path(checkpoint)
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={_KEY: json.dumps(about)}))
    return path


def check_replay(replay: Replay, card: ModelCard) -> None:
    """Raise a `ValueError` unless a model can be shown the patches.

    Parameters
    ----------
    replay : Replay
        What is to be rehearsed.
    card : ModelCard
        Of the model that is to.
    """
    count, channels, *sides = replay.images.shape
    if not count:
        raise ValueError(
            "the examples of what the model knew hold no image; give others, or go without"
        )
    if (channels, len(sides)) != (card.in_channels, card.spatial_dims):
        raise ValueError(
            f"the examples of what the model knew have {channels} channels in {len(sides)}D, the "
            f"model takes {card.in_channels} in {card.spatial_dims}D: they are of another model; "
            "give its own, or go without"
        )


def load_replay(path: str | Path) -> Replay:
    """Read what `save_replay` wrote.

    Raises
    ------
    ValueError
        If the file is something else or cut off.
    OSError
        If it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path.name} is no replay file or is cut off") from error
    if _KEY not in metadata:
        raise ValueError(f"{path.name} is no replay file; one ends in .replay.safetensors")
    count = sum(key.endswith(".image") for key in tensors)
    return Replay(
        tensors["images"].float(),
        tensors["labels"],
        tuple(
            (tensors[f"guard.{i}.image"].float(), tensors[f"guard.{i}.labels"])
            for i in range(count)
        ),
        json.loads(metadata[_KEY])["model"],
    )
