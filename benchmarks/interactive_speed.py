"""How long an answer takes on 512x512 pixels and on 96x96x96 voxels, beside one bare forward."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage

from benchmarks.interactive_cases import BUNDLED, DOMAINS, cases_of, segmenter_of
from napari_medseg.engine.cases import Case
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.interact.interaction import InteractConfig, Interaction
from napari_medseg.interact.robot import RobotConfig, next_prompt
from napari_medseg.packed import shape_of
from napari_medseg.volume import Volume

LANES = {"lane 0": "refine", "lane 1": "adapt", "0+1": "auto"}
PROMPTS = 7
LONG = 5.0  # seconds; what takes longer is measured once


@dataclass(frozen=True)
class Size:
    """How large an image is measured, and what is asked of it.

    Parameters
    ----------
    domain : str
        Whose first judged image is enlarged.
    shape : tuple of int
        To how many voxels, of the size they were.
    goal : float
        ms, of the median.
    """

    domain: str
    shape: tuple[int, ...]
    goal: float


SIZES = (Size("polyps", (512, 512), 150.0), Size("hippocampus", (96, 96, 96), 1000.0))


def enlarged(case: Case, shape: tuple[int, ...]) -> Case:
    """Return an image with so many voxels, of the size they were."""
    volume = case.volume
    factors = [new / old for new, old in zip(shape, volume.shape, strict=True)]
    values = ndimage.zoom(volume.array, (1, *factors), order=1)
    labels = ndimage.zoom(case.labels, factors, order=0)
    return Case(Volume(values, volume.spacing, channels=volume.channels), labels, name=case.name)


def bare_forward(segmenter: Segmenter, shape: tuple[int, ...]) -> float:
    """Return the median CPU seconds of the network on so many voxels, rounded up to its divisor."""
    network = segmenter.network
    sides = [-(-side // network.divisor) * network.divisor for side in shape]
    image = torch.zeros((1, segmenter.card.in_channels, *sides))
    seconds: list[float] = []
    with segmenter.running():
        while len(seconds) < 3 and sum(seconds) < LONG:
            began = time.process_time()
            network(image)
            seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def answer_times(
    interaction: Interaction, case: Case, start: np.ndarray, radius: float
) -> tuple[list[float], tuple[int, ...]]:
    """Return CPU seconds of each answer, and the largest region."""
    labels, prompts, seconds, region = start.copy(), [], [], (0,)
    for _ in range(PROMPTS):
        prompt = next_prompt(case.labels, labels, case.volume, RobotConfig(radius=radius))
        if prompt is None:
            break
        prompts.append(prompt)
        began = time.process_time()
        answer = interaction.answer(labels, prompts)
        seconds.append(time.process_time() - began)
        labels[answer.box] = answer.labels
        region = max(region, shape_of(answer.box), key=np.prod)
    return seconds, region


def print_speed() -> None:
    """Print the model's first look at an image, and the median answer of each lane after it."""
    print(f"\nhow long an answer takes, {PROMPTS} prompts, CPU time of one thread")
    for size in SIZES:
        domain = replace(DOMAINS[size.domain], count=1, shrink=1)
        segmenter = segmenter_of(domain, BUNDLED)
        case = enlarged(cases_of(domain, BUNDLED)[0], size.shape)
        start = segmenter.segment(case.volume).labels
        interaction = Interaction(case.volume, segmenter)
        began = time.process_time()
        interaction.features(tuple(slice(0, side) for side in size.shape))
        look = 1000 * (time.process_time() - began)
        print(f"{'x'.join(map(str, size.shape))}: the model looks at it once: {look:.0f} ms")
        for name, lane in LANES.items():
            interaction.config = InteractConfig(lane=lane)
            seconds, region = answer_times(interaction, case, start, domain.radius)
            half = 1000 * statistics.median(seconds)
            verdict = "met" if half <= size.goal else f"MISSED, by {half - size.goal:.0f} ms"
            print(
                f"  {name:<7} p50 {half:5.0f} ms, at most {1000 * max(seconds):5.0f} ms; region "
                f"{'x'.join(map(str, region))} (goal {size.goal:.0f} ms: {verdict})",
                flush=True,
            )
        forward = 1000 * bare_forward(segmenter, region)
        print(f"  a bare forward of that region: {forward:.0f} ms", flush=True)
