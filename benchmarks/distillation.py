"""Self-distillation on and off: Dice on phantoms that were not learnt from, paired over seeds.

GLAD-Net with and without CSSD, MSD-KMamba with and without its multi-scale self-distillation; of
both the small preset, and all else as the package trains it: the loss of the network's recipe, one
`Objective`. A seed decides the phantoms to learn from, the first weights, the order of the images
and the modalities left out, and is the same in both arms; the phantoms to score are the same
throughout. The phantoms are few, small and noisy, so that the answer is not perfect.

The interval is that of Student's t for the mean of the differences of five seeds. What it says
holds for these phantoms and this budget.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from napari_medseg.engine.metrics import dice
from napari_medseg.engine.objective import objective_of
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_recipes import paper_recipe
from napari_medseg.networks import create_network
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.samples import SAMPLES

SEEDS = range(5)
HELD_OUT_FROM = 1000  # seeds of the phantoms that are scored
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Study:
    """One network, what is switched, and what it learns from.

    Parameters
    ----------
    architecture, off : str, mapping
        The network, and the fields of its config that turn its self-distillation off.
    sample, size : str, tuple of int
        Which phantoms, and what they are shrunk to.
    regions : tuple
        What is segmented: the label values of each region; regions may overlap.
    noise : float
        Standard deviation of the noise added to normalised images.
    learnt, held_out, batch, steps : int
        Phantoms to learn from and to score, images per step, steps.
    """

    architecture: str
    off: Mapping[str, Any]
    sample: str
    size: tuple[int, ...]
    regions: tuple[tuple[int, ...], ...]
    noise: float
    learnt: int
    held_out: int
    batch: int
    steps: int
    rate: float = 2e-3


STUDIES = {
    "GLAD-Net, CSSD": Study(
        architecture="gladnet",
        off={"cssd_stages": 0},
        sample="ultrasound",
        size=(48, 56),
        regions=((1,),),
        noise=3.0,
        learnt=4,
        held_out=24,
        batch=4,
        steps=150,
    ),
    "MSD-KMamba, multi-scale": Study(
        architecture="msd_kmamba",
        off={"distillation": 0.0},
        sample="brain_mri",
        size=(32, 32, 32),
        regions=((1, 2, 3), (1, 3)),
        noise=0.3,
        learnt=4,
        held_out=12,
        batch=2,
        steps=100,
        rate=5e-3,
    ),
}


def phantoms(study: Study, seeds: range) -> tuple[Tensor, Tensor]:
    """Return normalised images ``(N, C, *S)`` and the regions in them ``(N, K, *S)``, 0 and 1."""
    images, targets = [], []
    for seed in seeds:
        phantom = SAMPLES[study.sample].make(seed=seed)
        image = torch.from_numpy(phantom.volume.array.astype(np.float32))[None]
        image = F.interpolate(image, study.size, mode="area")[0]
        spatial = tuple(range(1, image.ndim))
        image = (image - image.mean(spatial, keepdim=True)) / image.std(spatial, keepdim=True)
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
        images.append(image + study.noise * noise)
        labels = torch.from_numpy(
            np.stack([np.isin(phantom.labels, values) for values in study.regions])
        )
        targets.append(F.interpolate(labels[None].float(), study.size, mode="area")[0] >= 0.5)
    return torch.stack(images), torch.stack(targets).float()


def train(study: Study, seed: int, changes: Mapping[str, Any]) -> SegmentationNetwork:
    """Train a network on the phantoms of a seed."""
    images, targets = phantoms(study, range(100 * seed, 100 * seed + study.learnt))
    torch.manual_seed(seed)
    network = create_network(
        study.architecture,
        preset="small",
        spatial_dims=len(study.size),
        in_channels=images.shape[1],
        num_classes=len(study.regions),
        **changes,
    ).train()
    recipe = TrainingConfig.recipe(paper_recipe(study.architecture, len(study.size)))
    objective = objective_of(study.architecture, recipe.loss, "sigmoid")
    optimizer = torch.optim.AdamW(network.parameters(), lr=study.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, study.rate, total_steps=study.steps)
    order = np.random.default_rng(seed)
    for step in range(study.steps):
        batch = order.permutation(study.learnt)[: study.batch]
        flipped = [2 + axis for axis in range(len(study.size)) if order.random() < 0.5]
        given, wanted = images[batch].flip(flipped), targets[batch].flip(flipped)
        torch.manual_seed(1000 * seed + step)  # of the modalities left out
        optimizer.zero_grad()
        objective(network, given, wanted, progress=step / study.steps).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def mean_dice(network: SegmentationNetwork, images: Tensor, targets: Tensor) -> float:
    """Return the mean over images and regions."""
    scores = [
        dice(found, true)
        for image, target in zip(images, targets, strict=True)
        for found, true in zip(
            (network(image[None])[0] > 0).numpy(), target.numpy() > 0, strict=True
        )
    ]
    return statistics.fmean(scores)


def interval(differences: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the ends of Student's t interval for the mean of paired differences."""
    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / len(differences) ** 0.5
    half = float(stats.t.ppf((1 + confidence) / 2, len(differences) - 1)) * error
    return mean - half, mean + half


def compare(study: Study, seeds: Iterable[int] = SEEDS) -> list[tuple[float, float]]:
    """Return Dice without and with self-distillation of every seed, printing them."""
    held_out = phantoms(study, range(HELD_OUT_FROM, HELD_OUT_FROM + study.held_out))
    scores = []
    for seed in seeds:
        start = time.process_time()
        off, on = (mean_dice(train(study, seed, c), *held_out) for c in (study.off, {}))
        seconds = time.process_time() - start
        print(
            f"seed {seed}: off {off:.3f}, on {on:.3f}, {on - off:+.3f}  ({seconds:.0f} s)",
            flush=True,
        )
        scores.append((off, on))
    return scores


def main() -> None:
    """Print Dice per seed and the mean difference with its interval."""
    torch.set_num_threads(1)
    for name, study in STUDIES.items():
        print(f"{name}: {study}")
        off, on = zip(*compare(study), strict=True)
        low, high = interval([b - a for a, b in zip(off, on, strict=True)])
        mean = statistics.fmean(on) - statistics.fmean(off)
        print(
            f"mean off {statistics.fmean(off):.3f}, on {statistics.fmean(on):.3f}, difference "
            f"{mean:+.3f}, {CONFIDENCE:.0%} interval {low:+.3f} to {high:+.3f}",
            flush=True,
        )
