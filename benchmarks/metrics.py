"""Overlap and distances beside MONAI's, on 200x512x512 voxels of 1.5 x 0.8 x 0.8 mm.

* near: one organ of 2.5 million voxels, the prediction two or three mm away; far: another organ in
  its place; scattered: that with specks all over the image, so that its box is nearly the whole;
* distances: HD95, ASSD and NSD beside MONAI's three calls; ours is `score`, with all the rest;
* Dice beside MONAI's;
* all: `score_classes`, every metric of 14 classes at once, beside as many calls for one class each.

MONAI is given masks as tensors, ready made; ours starts from label images. CPU time on one thread.
"""

from __future__ import annotations

import os
import statistics
from typing import Any

import numpy as np

from benchmarks.label_phantom import SPACING, VESSELS, organs
from benchmarks.measure import interleaved, ratio, table

TOLERANCE = 2.0
GOAL_DISTANCES, GOAL_DICE, GOAL_VALUES = 0.12, 0.05, 1e-4
VALUE = 1


def scenes() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return label images, prediction and truth, in which class 1 is scored."""
    from napari_medseg.editing.components import keep_largest

    scattered = organs(1), organs(0)
    other, truth = (keep_largest(side, VALUE) for side in scattered)
    near = np.roll(truth, (1, 2, -2), (0, 1, 2))
    return {"near": (near, truth), "far": (other, truth), "scattered": scattered}


def fourteen(labels: np.ndarray) -> np.ndarray:
    """Return a label image with twice the classes: the upper half of each is another one."""
    halved = labels.copy()
    upper = halved[labels.shape[0] // 2 :]
    upper[upper > 0] += VESSELS
    return halved


def distances(name: str, prediction: np.ndarray, truth: np.ndarray, rounds: int) -> None:
    """Print the time of HD95, ASSD and NSD, and of Dice, beside MONAI's."""
    import monai.metrics as monai
    import torch

    from napari_medseg.engine.metrics import dice, score

    pair = [torch.from_numpy(side == VALUE)[None, None] for side in (prediction, truth)]
    grid: dict[str, Any] = {"include_background": True, "spacing": SPACING}
    values: dict[str, list[float]] = {}

    def theirs() -> None:
        values["MONAI"] = [
            monai.compute_hausdorff_distance(*pair, percentile=95, **grid).item(),
            monai.compute_average_surface_distance(*pair, symmetric=True, **grid).item(),
            monai.compute_surface_dice(*pair, class_thresholds=[TOLERANCE], **grid).item(),
        ]

    def ours() -> None:
        found = score(prediction, truth, VALUE, spacing=SPACING, tolerance=TOLERANCE)
        values["ours"] = [found.hd95, found.assd, found.nsd]

    seconds = interleaved({"MONAI": theirs, "ours": ours}, rounds)
    print(f"\n{name}: HD95, ASSD, NSD")
    table(seconds, "MONAI")
    for who, numbers in values.items():
        print(f"  {who:<6}" + ", ".join(f"{number:.6f}" for number in numbers))
    apart = max(abs(a - b) for a, b in zip(values["MONAI"], values["ours"], strict=True))
    _judge("ratio", ratio(seconds, "ours", "MONAI"), GOAL_DISTANCES)
    _judge("largest difference of values", apart, GOAL_VALUES)

    overlap: dict[str, float] = {}
    seconds = interleaved(
        {
            "MONAI": lambda: overlap.update(MONAI=monai.compute_dice(*pair).item()),
            "ours": lambda: overlap.update(ours=dice(prediction, truth, VALUE)),
        },
        rounds,
    )
    print(f"{name}: Dice")
    table(seconds, "MONAI")
    _judge("ratio", ratio(seconds, "ours", "MONAI"), GOAL_DICE)
    _judge("difference of values", abs(overlap["MONAI"] - overlap["ours"]), GOAL_VALUES)


def many_classes(prediction: np.ndarray, truth: np.ndarray, rounds: int) -> None:
    """Print the time of 14 classes at once beside one after the other."""
    from napari_medseg.engine.metrics import score, score_classes

    pair, values = (fourteen(prediction), fourteen(truth)), range(1, 2 * VESSELS + 1)
    seconds = interleaved(
        {
            "one by one": lambda: [score(*pair, value, spacing=SPACING) for value in values],
            "at once": lambda: score_classes(*pair, values, spacing=SPACING),
        },
        rounds,
    )
    print("\nall metrics of 14 classes")
    table(seconds, "one by one")
    print(f"  {1000 * statistics.median(seconds['at once']) / len(values):.0f} ms a class")


def _judge(what: str, number: float, goal: float) -> None:
    missed = "" if number <= goal else "  <- misses the goal"
    print(f"  {what} {number:.3g}, goal {goal:g}{missed}", flush=True)


def main(rounds: int = 3) -> None:
    """Print everything."""
    import torch

    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {rounds} interleaved rounds")
    found = scenes()
    for name, pair in found.items():
        distances(name, *pair, rounds)
    many_classes(*found["scattered"], rounds)


if __name__ == "__main__":
    main()
