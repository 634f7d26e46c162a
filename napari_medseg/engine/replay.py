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

_KEY = "napari_medseg_replay"
_MOST_GUARDS = 8


@dataclass(frozen=True, eq=False)
class Replay:
    """Training patches to rehearse and held-out cases to guard.

    Parameters
    ----------
    images : Tensor
        ``(N, C, *S)`` float32, on the network's grid, normalised as `Example.image`.
    labels : Tensor
        ``(N, *S)`` int32, label values.
    guards : tuple of (Tensor, Tensor)
        Image ``(C, *S)`` and labels ``(*S)`` of held-out cases, whole.
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

    Images are stored in half precision; the patches are drawn with the run's seed, evenly over
    the examples.
    """
    from safetensors.torch import save

    size = config.size or config.window
    assert size is not None  # training does not start without
    rng = np.random.default_rng([config.seed, 2])
    chosen = np.resize(rng.permutation(len(examples)), config.replay_patches)
    patches = [window_of(examples[int(i)], size, config.foreground, rng) for i in chosen]
    tensors = {
        "images": torch.stack([image for image, _, _ in patches]).half(),
        "labels": torch.stack([labels for _, labels, _ in patches]),
    }
    for index, guard in enumerate(held_out[:_MOST_GUARDS]):
        tensors[f"guard.{index}.image"] = guard.image.half().contiguous()
        tensors[f"guard.{index}.labels"] = torch.from_numpy(guard.labels.astype(np.int32))
    about = {"version": 1, "model": file_hash(checkpoint), "name": card.name}
    path = replay_path(checkpoint)
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={_KEY: json.dumps(about)}))
    return path


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
