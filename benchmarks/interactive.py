"""Interactive segmentation with a robot user, beside scikit-image's random walker and GrabCut.

    python -m benchmarks interactive                  the judged images; skipped without the data
    python -m benchmarks.interactive --tuning         others, to look at and to tune on
    python -m benchmarks.interactive polyps --rows "lane 0" "0+1"

Held-out images the bundled models never saw, with these models as they are and weakened (see
`benchmarks.interactive_cases`). The robot (`napari_medseg.interact.robot`) points at the centre of
the largest error, again and again: at least 10 times, and at most 20, until a mean Dice over
classes of 0.90 is reached; a session ends early at 0.95, and what it reached then stands. The
random walker, and lane 0 without a model, start from nothing; all others from the model's answer.

Every cell, one tool on the images of one domain with one model, is written as JSON when it is done;
a run that was stopped goes on where it was. Times are CPU time of one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.interactive_cases import (
    BUNDLED,
    DATA,
    DOMAINS,
    MODELS,
    WEAKENED,
    cases_of,
    segmenter_of,
)
from benchmarks.interactive_speed import print_speed
from benchmarks.interactive_table import CAP, DONE, goals, table
from benchmarks.interactive_tools import FROM_NOTHING, TOOLS, Tool, why_not
from napari_medseg.engine.cases import Case
from napari_medseg.engine.metrics import dice
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.interact.robot import RobotConfig, next_prompt
from napari_medseg.io import atomic_path

RESULTS = Path(os.environ.get("MEDSEG_RESULTS", "interactive_results"))
LEAST = 10  # prompts
ENOUGH = 0.90  # Dice
SIGN_NOISE = 0.05


@dataclass(frozen=True)
class Row:
    """A tool and the robot that uses it.

    Parameters
    ----------
    tool : str
        One of `TOOLS`.
    kind : str
        What the robot gives.
    noisy : bool
        Whether it errs in place and sign.
    models : tuple of str
        Which models it is measured with.
    """

    tool: str
    kind: str = "point"
    noisy: bool = False
    models: tuple[str, ...] = MODELS


ROWS = {name: Row(name) for name in TOOLS} | {
    "0+1, noisy": Row("0+1", noisy=True, models=(WEAKENED,)),
    "lane 0, noisy": Row("lane 0", noisy=True, models=(WEAKENED,)),
    "0+1, scribbles": Row("0+1", kind="scribble", models=(WEAKENED,)),
    "0+1, box first": Row("0+1", kind="box", models=(WEAKENED,)),
}


def session(
    tool: Tool,
    case: Case,
    start: np.ndarray,
    values: Sequence[int],
    robot: RobotConfig,
    seed: int,
) -> dict[str, Any]:
    """Let the robot prompt on one image until it is content; return what came of it.

    Parameters
    ----------
    start : ndarray
        ``(*S)``, the model's answer.
    values : sequence of int
        The classes whose mean Dice counts.
    seed : int
        Of the robot's noise.
    """
    rng = np.random.default_rng([seed, 7])
    labels = start.copy() if tool.needs_start else np.zeros_like(start)
    scores = [mean_dice(labels, case.labels, values)]
    prompts, cpu, wall, stray = [], [], [], 0
    while scores[-1] < DONE:
        if len(prompts) >= (LEAST if max(scores) >= ENOUGH else CAP):
            break
        boxed = any(p.kind == "box" for p in prompts)
        prompt = next_prompt(case.labels, labels, case.volume, robot, rng, boxed=boxed)
        if prompt is None:
            break
        prompts.append(prompt)
        began, began_cpu = time.perf_counter(), time.process_time()
        labels, outside = tool.answer(labels, prompts)
        cpu.append(time.process_time() - began_cpu)
        wall.append(time.perf_counter() - began)
        stray += outside
        scores.append(mean_dice(labels, case.labels, values))
    return {"name": case.name, "dice": scores, "cpu": cpu, "wall": wall, "outside": stray}


def mean_dice(labels: np.ndarray, truth: np.ndarray, values: Sequence[int]) -> float:
    """Return the mean Dice over classes."""
    return statistics.fmean(dice(labels == value, truth == value) for value in values)


class Bench:
    """The images of a domain with one model and its answers, shared by all rows."""

    def __init__(self, name: str, model: str, tuning: bool) -> None:
        self.domain = DOMAINS[name]
        self.segmenter: Segmenter = segmenter_of(self.domain, model)
        self.cases = cases_of(self.domain, model, tuning=tuning)
        self.starts = [self.segmenter.segment(case.volume).labels for case in self.cases]

    def cell(self, row: Row) -> list[dict[str, Any]]:
        """Run one row on every image."""
        robot = RobotConfig(
            kind=row.kind,
            radius=self.domain.radius,
            place_noise=self.domain.error * row.noisy,
            sign_noise=SIGN_NOISE * row.noisy,
        )
        values = [c.value for c in self.segmenter.card.classes]
        return [
            session(TOOLS[row.tool](case.volume, self.segmenter), case, start, values, robot, place)
            for place, (case, start) in enumerate(zip(self.cases, self.starts, strict=True))
        ]


def run_cells(
    results: Path, names: Sequence[str], models: Sequence[str], rows: Sequence[str], tuning: bool
) -> None:
    """Fill the cells that are not done yet, and print each."""
    for name in names:
        for model in models:
            bench: Bench | None = None
            for row in rows:
                path = cell_path(results, name, model, row)
                if path.exists() or model not in ROWS[row].models:
                    continue
                bench = bench or Bench(name, model, tuning)
                reason = why_not(ROWS[row].tool, bench.segmenter.card.spatial_dims)
                if reason:
                    print(f"{name} {model} {row}: left out, {reason}", flush=True)
                    continue
                began = time.process_time()
                result = bench.cell(ROWS[row])
                with atomic_path(path) as target:
                    target.write_text(json.dumps(result), encoding="utf-8")
                last = statistics.fmean(one["dice"][-1] for one in result)
                seconds = time.process_time() - began
                print(f"{name} {model} {row}: {last:.3f} at the end, {seconds:.0f} s", flush=True)


def cell_path(results: Path, name: str, model: str, row: str) -> Path:
    """Return where the results of a cell are; the same for all models where none is used."""
    if ROWS[row].tool in FROM_NOTHING and DOMAINS[name].noise:
        model = BUNDLED
    return results / f"{name}-{model}-{row.replace(' ', '_').replace(',', '')}.json"


def read_cells(results: Path, name: str, model: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a domain and a model that are done."""
    paths = {row: cell_path(results, name, model, row) for row in ROWS if model in ROWS[row].models}
    return {
        row: json.loads(path.read_text(encoding="utf-8"))
        for row, path in paths.items()
        if path.exists()
    }


def main(
    names: Sequence[str] = tuple(DOMAINS),
    rows: Sequence[str] = tuple(ROWS),
    models: Sequence[str] = MODELS,
    tuning: bool = False,
) -> None:
    """Fill the cells, print a table for each domain and model, the speed, and the goals."""
    there = [name for name in names if (DATA / DOMAINS[name].data).is_dir()]
    if not there:
        print(f"skipped: there is no data in {DATA}; MEDSEG_DATA says where it is")
        return
    torch.set_num_threads(1)
    results = RESULTS / "tuning" if tuning else RESULTS
    run_cells(results, there, models, rows, tuning)
    cells = {
        (name, model): read_cells(results, name, model) for name in DOMAINS for model in models
    }
    for (name, model), done in cells.items():
        if done:
            print(f"\n{name}, {model} model, {len(next(iter(done.values())))} images")
            print("\n".join(table(done)), flush=True)
    print("\n" + "\n".join(goals(cells)), flush=True)
    print_speed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(DOMAINS), choices=DOMAINS)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS, help="none = all")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--tuning", action="store_true", help="images that are not judged")
    arguments = parser.parse_args()
    main(arguments.names, arguments.rows, arguments.models, arguments.tuning)
