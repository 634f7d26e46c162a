"""Fine-tuning on another domain: what is gained there, and what is forgotten of the old one.

    python -m benchmarks finetune              the grid on a CPU; skipped without the data
    python -m benchmarks.finetune --pilot      one cell of each row, to see that all is well

Two bundled models meet images as from another device (`benchmarks.shifts`): polyps with another
colour cast, contrast, blur and vignette; hippocampi with inverted, bent intensities and a bias
field. And the polyp model meets something else: lesions in ultrasound of the breast. All images are
ones the models never saw, their own of their test splits: N of the new domain are the corrected
cases, others of it say what is gained, and others of the old one say what is forgotten.
What is rehearsed, and the guard cases that decide how far to go, are of the training split: the
replay patches a training would have left. "Plain" learns all weights at a rate that gains much; the
rows below it differ from it only as they say, the last is `FineTuneConfig` as it is, without
runs to validate. A seed decides the domain, the cases and the order of
learning.

Found with the recipe of commit d445d9e, polyps, 5 corrected cases, points of Dice over three seeds
(all tables and what they do not show are in ``docs/learning.md``):

    plain              +14.9 ± 17.8 gained    +8.5 ± 3.1 forgotten
    + distillation     +15.6 ± 9.8            +2.3 ± 1.0
    + replay           +26.0 ± 20.5           +2.5 ± 1.6
    + interpolation    +18.2 ± 5.5            +0.2 ± 0.6
    the defaults       +26.5 ± 13.9           +0.3 ± 0.7

Of the hippocampi: plain +58.6 ± 6.3 and +40.9 ± 6.2, the defaults +53.0 ± 4.4 and +0.5 ± 0.3.

Every cell is written as JSON when it is done, in the folder of the results; a run that was stopped
goes on where it was. Minutes are CPU time of one thread, scoring left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shifts import in_colour, other_camera, other_scanner
from napari_medseg.engine.cases import Case, load_case
from napari_medseg.engine.finetune import finetune
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.patches import make_examples
from napari_medseg.engine.replay import Replay, load_replay, save_replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_plan import split_cases
from napari_medseg.engine.validation import validate
from napari_medseg.engine.zoo import find_model
from napari_medseg.io import atomic_path, find_cases
from napari_medseg.io.datasets import CaseFiles
from napari_medseg.volume import Volume

SEEDS = (0, 1, 2)
COUNTS = (1, 5)
DATA = Path(os.environ.get("MEDSEG_DATA", "../shared/data"))
RESULTS = Path(os.environ.get("MEDSEG_RESULTS", "finetune_results"))


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A model, its data and what is changed of it.

    Parameters
    ----------
    model, data : str
        Name of the bundled model, and of the folder of its data.
    is_test : callable
        Whether a case, by place and name, is of the test split the model never saw.
    shift : callable
        ``(volume, seed, number) -> volume``.
    judged : int
        Cases that say what is gained, and as many that say what is forgotten.
    rehearsed, guards : int
        Training cases that replay patches are cut from, and held-out ones that are guarded.
    steps, batch : int
        Of every run.
    elsewhere : str
        Name of the folder of the new domain's images, where these are others; the model saw none.
    is_new : callable
        Whether one of these, by name, is of the new domain.
    """

    model: str
    data: str
    is_test: Callable[[int, str], bool]
    shift: Callable[[Volume, int, int], Volume]
    judged: int
    rehearsed: int
    guards: int
    steps: int
    batch: int
    elsewhere: str = ""
    is_new: Callable[[str], bool] = lambda name: True

    @property
    def is_there(self) -> bool:
        """Whether the data is."""
        return all((DATA / name).is_dir() for name in (self.data, self.elsewhere))


DOMAINS = {
    "polyps": Domain(
        model="polyp-lgmsnet",
        data="kvasir_seg_352",
        is_test=lambda place, name: name.startswith("val_"),
        shift=other_camera,
        judged=30,
        rehearsed=64,
        guards=8,
        steps=60,
        batch=4,
    ),
    "hippocampus": Domain(
        model="hippocampus-lgmsnet",
        data="msd_hippocampus",
        is_test=lambda place, name: place % 5 == 0,
        shift=other_scanner,
        judged=8,
        rehearsed=32,
        guards=8,
        steps=60,
        batch=2,
    ),
}
DOMAINS["lesions"] = replace(
    DOMAINS["polyps"],
    shift=in_colour,
    elsewhere="busi",
    is_new=lambda name: not name.startswith("normal"),  # there is no lesion
)

_PLAIN = FineTuneConfig(
    learning_rate=1e-3,
    decoder_rate=0.5,
    encoder_rate=0.2,
    distillation=0.0,
    replay=0.0,
    rehearsal=0.0,
    ema=0.0,
    pull=0.0,
    trained="all",
    alphas=(1.0,),
    validation="none",
)
_DISTILLED = _PLAIN.replace(distillation=1.0, replay=0.5)
REHEARSING = ("replay", "defaults")  # runs that are given what the model learnt from
RUNS: dict[str, FineTuneConfig] = {
    "plain": _PLAIN,
    "distillation": _DISTILLED,
    "replay": _DISTILLED.replace(alphas=FineTuneConfig().alphas),
    "defaults": FineTuneConfig(validation="none"),
}
ROWS: dict[str, tuple[str, float | None]] = {
    # the run a row is of, and the mix of old and new weights that is scored; None is the chosen one
    "plain": ("plain", 1.0),
    "+ distillation": ("distillation", 1.0),
    "+ replay": ("replay", 1.0),
    "+ interpolation": ("replay", None),
    "the defaults": ("defaults", None),
}


class Bench:
    """The images of a domain, shared by all its cells."""

    def __init__(self, domain: Domain, results: Path) -> None:
        self.domain = domain
        self.segmenter = Segmenter.load(domain.model, "cpu")
        files = find_cases(DATA / domain.data, need_labels=True)
        self._test = [f for i, f in enumerate(files) if domain.is_test(i, f.name)]
        self._train = [f for i, f in enumerate(files) if not domain.is_test(i, f.name)]
        self._new = self._test
        if domain.elsewhere:
            others = find_cases(DATA / domain.elsewhere, need_labels=True)
            self._new = [f for f in others if domain.is_new(f.name)]
        self.replay = self._rehearsal(results)
        self._before: dict[int, dict[str, float]] = {}

    def _rehearsal(self, results: Path) -> Replay:
        """Return the patches that the model's training would have left beside it."""
        card = self.segmenter.card
        made = results / f"{self.domain.model}.safetensors"  # where replay belongs to a model
        path = made.with_suffix(".replay.safetensors")
        if not path.exists():
            recipe = TrainingConfig(window=card.preprocessing.window, size=card.preprocessing.size)
            learnt, held_out = _split(self._train, recipe)
            chosen = np.random.default_rng(0).permutation(len(learnt))[: self.domain.rehearsed]
            examples = [
                example for i in chosen for example in make_examples(load_case(learnt[i]), card)
            ]
            guards = [
                e for f in held_out[: self.domain.guards] for e in make_examples(load_case(f), card)
            ]
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(find_model(self.domain.model).read_bytes())
            save_replay(made, card, examples, guards, recipe)
        return load_replay(path)

    def cases(self, seed: int, count: int) -> tuple[list[Case], list[Case], list[Case]]:
        """Return cases to learn from, others of the new domain, and others of the old one."""
        old, fresh = (
            np.random.default_rng([seed, 5]).permutation(len(files)).tolist()
            for files in (self._test, self._new)  # the same order where these are the same
        )
        judged, most = self.domain.judged, max(COUNTS)
        learn = [self._corrected(self._shifted(place, seed)) for place in fresh[:count]]
        new = [self._shifted(place, seed) for place in fresh[most : most + judged]]
        rest = old[most + judged : most + 2 * judged]
        return learn, new, [load_case(self._test[place]) for place in rest]

    def before(self, seed: int, new: Sequence[Case], old: Sequence[Case]) -> dict[str, float]:
        """Return what the model scores as it is; once for all cells of a seed."""
        if seed not in self._before:
            scores = {"new": score(self.segmenter, new), "old": score(self.segmenter, old)}
            self._before[seed] = scores
        return self._before[seed]

    def _shifted(self, place: int, seed: int) -> Case:
        case = load_case(self._new[place])
        return replace(case, volume=self.domain.shift(case.volume, seed, place))

    def _corrected(self, case: Case) -> Case:
        """Note what a person changed of the model's answer, having looked at all of it."""
        answer = self.segmenter.segment(case.volume).labels
        return replace(case, changed=answer != case.labels)


def _split(
    files: Sequence[CaseFiles], config: TrainingConfig
) -> tuple[list[CaseFiles], list[CaseFiles]]:
    """Return what the model's training learnt from and what it held out; both hold all classes."""
    point = Volume(np.zeros((1, 1, 1), np.float32), (1.0, 1.0))
    stand_ins = [Case(point, np.ones((1, 1), np.uint8), name=f.name) for f in files]
    by_name = {f.name: f for f in files}
    learnt, held_out = split_cases(stand_ins, config)
    return [by_name[c.name] for c in learnt], [by_name[c.name] for c in held_out]


def score(segmenter: Segmenter, cases: Sequence[Case]) -> float:
    """Return the mean Dice over cases and classes."""
    return statistics.fmean(validate(segmenter, cases).values())


def cell(bench: Bench, run: str, count: int, seed: int) -> dict[str, Any]:
    """Fine-tune once, and score every row that is of this run."""
    learn, new, old = bench.cases(seed, count)
    domain = bench.domain
    config = RUNS[run].replace(
        steps=domain.steps, validate_every=domain.steps, seed=seed, batch_size=domain.batch
    )
    started = time.process_time()
    tuned = finetune(
        bench.segmenter, learn, config, replay=bench.replay if run in REHEARSING else None
    )
    minutes = (time.process_time() - started) / 60
    rows = {}
    for row, (name, mix) in ROWS.items():
        if name == run:
            alpha = tuned.alpha if mix is None else mix
            student = tuned.segmenter_at(alpha)
            rows[row] = {"alpha": alpha, "new": score(student, new), "old": score(student, old)}
    return {
        "domain": domain.model,
        "count": count,
        "seed": seed,
        "trained": tuned.trained,
        "minutes": minutes,
        "before": bench.before(seed, new, old),
        "rows": rows,
        "sweep": [vars(row) for row in tuned.sweep],
        "config": config.to_dict(),
    }


def table(results: Path, name: str, count: int) -> list[str]:
    """Return the lines of a table of the cells that are done: mean and spread over seeds."""
    lines = [f"{'':<18}{'Dice gained':>18}{'Dice forgotten':>18}{'of the gain':>13}{'CPU min':>10}"]
    plain: float | None = None
    for row, (run, _) in ROWS.items():
        paths = [results / file_name(name, count, seed, run) for seed in SEEDS]
        cells = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
        if not cells:
            continue
        gains = [100 * (c["rows"][row]["new"] - c["before"]["new"]) for c in cells]
        lost = [100 * (c["before"]["old"] - c["rows"][row]["old"]) for c in cells]
        minutes = statistics.fmean(c["minutes"] for c in cells)
        gain = statistics.fmean(gains)
        plain = gain if row == "plain" else plain
        share = f"{gain / plain:.0%}" if plain and plain > 0 else ""
        lines.append(f"{row:<18}{_spread(gains):>18}{_spread(lost):>18}{share:>13}{minutes:>10.2f}")
        if len(cells) < len(SEEDS):
            lines[-1] += f"   ({len(cells)} of {len(SEEDS)} seeds)"
    return lines


def _spread(values: Sequence[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):+.1f} ± {spread:.1f}"


def file_name(name: str, count: int, seed: int, run: str) -> str:
    """Return what the results of a cell are called."""
    return f"{name}-n{count}-seed{seed}-{run}.json"


def run_cells(
    names: Sequence[str], counts: Sequence[int], seeds: Sequence[int], runs: Sequence[str]
) -> None:
    """Fill the cells that are not done yet, and print each."""
    for name in names:
        make = partial(Bench, DOMAINS[name], RESULTS)
        bench: Bench | None = None
        for count in sorted(counts, reverse=True):  # the goal is about the larger
            for seed in seeds:
                for run in runs:
                    path = RESULTS / file_name(name, count, seed, run)
                    if path.exists():
                        continue
                    bench = bench or make()
                    result = cell(bench, run, count, seed)
                    with atomic_path(path) as target:
                        target.write_text(json.dumps(result, indent=1), encoding="utf-8")
                    _tell(name, result)


def _tell(name: str, result: dict[str, Any]) -> None:
    before = result["before"]
    start = f"{name} N={result['count']} seed {result['seed']} ({result['trained']})"
    for row, after in result["rows"].items():
        print(
            f"{start} {row}: new {before['new']:.3f} -> {after['new']:.3f}, old "
            f"{before['old']:.3f} -> {after['old']:.3f}, mix {after['alpha']:g}, "
            f"{result['minutes']:.2f} CPU min",
            flush=True,
        )


def main(
    names: Sequence[str] = tuple(DOMAINS), runs: Sequence[str] = tuple(RUNS), pilot: bool = False
) -> None:
    """Fill the grid and print a table for each domain and number of cases."""
    there = [name for name in names if DOMAINS[name].is_there]
    if not there:
        print(f"skipped: there is no data in {DATA}; MEDSEG_DATA says where it is")
        return
    torch.set_num_threads(1)
    run_cells(there, COUNTS[-1:] if pilot else COUNTS, SEEDS[:1] if pilot else SEEDS, runs)
    for name in there:
        for count in COUNTS:
            print(f"\n{name}, {count} corrected case{'s' * (count > 1)}")
            print("\n".join(table(RESULTS, name, count)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(DOMAINS), choices=DOMAINS)
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=RUNS, help="none = all")
    parser.add_argument("--pilot", action="store_true", help="one seed, five cases")
    arguments = parser.parse_args()
    main(arguments.names, arguments.runs, arguments.pilot)
