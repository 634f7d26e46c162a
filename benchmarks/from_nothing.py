"""From nothing: a model from five painted slices in each of three volumes, judged on 20 others.

    MEDSEG_DATA=FOLDER python -m benchmarks from-nothing

Hippocampi of the Medical Segmentation Decathlon; skipped without them. The slices are those of the
true labels, axial, evenly spread over the volume; all else is unseen. The recipe is the Learn
panel's preset "quick" as it is. A first recipe (300 steps, gentler changes of the images) was tuned
on places 100 to 109 of the list by name, learning from 5, 55 and 105, and judged on places 180 to
199: 0.631. This one is judged on 20 others, not on those again, once: 0.740 at commit f519758, in
567 CPU seconds (``docs/learning.md``).

On a shared machine minutes say little, so CPU seconds are counted too: ten minutes on two cores are
1200 of them.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_medseg.engine.cases import Case, load_case
from napari_medseg.engine.metrics import dice
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training import train
from napari_medseg.engine.training_presets import preset_config
from napari_medseg.engine.training_trial import plan_training
from napari_medseg.io import find_cases

DATA = Path(os.environ.get("MEDSEG_DATA", "../shared/data")) / "msd_hippocampus"
LEARN = (10, 60, 110)  # places in the list of cases by name
JUDGED = range(160, 180)
SLICES = 5
CLASSES = ("1=anterior", "2=posterior")
GOAL, MOST_SECONDS, CORES = 0.70, 600, 2


def painted(case: Case, slices: int = SLICES) -> Case:
    """Return a case of which only some slices were seen, evenly spread along its first axis."""
    depth = case.labels.shape[0]
    seen = np.zeros(case.labels.shape, bool)
    seen[((np.arange(slices) + 0.5) * depth / slices).astype(int)] = True
    return replace(case, labels=np.where(seen, case.labels, 0), reviewed=seen)


def main() -> None:
    """Train, judge once, and print Dice and seconds."""
    if not DATA.is_dir():
        print(f"skipped: there are no hippocampi in {DATA}; MEDSEG_DATA says where the data is")
        return
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", CORES)))
    files = find_cases(DATA, need_labels=True)
    cases = [painted(load_case(files[place])) for place in LEARN]
    config = preset_config("quick", cases, classes=CLASSES, device="cpu")
    print(plan_training(cases, config, measure=False).words)
    with tempfile.TemporaryDirectory() as folder:
        started, worked = time.monotonic(), time.process_time()
        result = train(cases, config, out=Path(folder) / "hippocampus.safetensors")
        seconds, work = time.monotonic() - started, time.process_time() - worked
        segmenter = Segmenter.load(result.checkpoint, device="cpu")
    scores = []
    for place in JUDGED:
        case = load_case(files[place])
        found = segmenter.segment(case.volume).labels
        scores.append([dice(found, case.labels, value) for value in (1, 2)])
    mean = statistics.fmean(statistics.fmean(score) for score in scores)
    anterior, posterior = np.mean(scores, axis=0)
    print(f"training took {work:.0f} CPU seconds (at most {CORES * MOST_SECONDS}), {seconds:.0f} s")
    print(f"slices held out of the training: Dice {result.best:.3f}")
    print(
        f"{len(scores)} unseen volumes: mean Dice {mean:.3f} (goal {GOAL:.2f}), anterior "
        f"{anterior:.3f}, posterior {posterior:.3f}, worst {np.mean(scores, axis=1).min():.3f}"
    )


if __name__ == "__main__":
    main()
