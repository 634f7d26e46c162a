"""``napari-medseg finetune``: let a model learn from corrected images."""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from lightning_fabric import Fabric

    from napari_medseg.engine.cases import Case
    from napari_medseg.engine.finetune_config import FineTuneConfig
    from napari_medseg.engine.finetune_result import FineTuned
    from napari_medseg.engine.finetune_scores import Scored
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.progress import Report

_MARKS = ("reviewed", "changed")  # folders of masks beside the images


def finetune(args: argparse.Namespace) -> int:
    """Learn from the cases of a folder, and say what was gained; 130 if it was stopped."""
    from napari_medseg.commands.flags import apply, changes
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine.finetune_config import FineTuneConfig
    from napari_medseg.engine.finetune_result import check_new
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.progress import Cancelled, silent

    config = apply(FineTuneConfig(), changes(args, FineTuneConfig))
    check_new(args.out, keep_replay=args.keep_replay)
    state = args.out.with_suffix(".finetune")
    if state.exists() and not args.resume:
        raise ValueError(
            f"{state} holds a fine-tuning that was interrupted; go on with it by --resume, delete "
            "that folder, or choose another name"
        )
    fabric = _fabric()
    segmenter = Segmenter.load(args.model, args.device if fabric is None else fabric.device)
    if fabric is not None and fabric.global_rank:
        _learn(args, segmenter, config, state, silent, fabric)
        return 0
    try:
        with watching("fine-tuning", time_left=False) as report:
            result = _learn(args, segmenter, config, state, report, fabric)
    except Cancelled:
        say(f"stopped; go on with --resume, the state is in {state}")
        return 130
    say(summary(result))
    print(result.save(args.out, keep_replay=args.keep_replay))
    shutil.rmtree(state, ignore_errors=True)
    return 0


def _learn(
    args: argparse.Namespace,
    segmenter: Segmenter,
    config: FineTuneConfig,
    state: Path,
    report: Report,
    fabric: Fabric | None,
) -> FineTuned:
    """Read the cases, say what stands for and against learning from them, and learn."""
    from napari_medseg.commands.terminal import say
    from napari_medseg.engine.finetune import finetune as learn
    from napari_medseg.engine.finetune_plan import plan
    from napari_medseg.engine.finetune_preflight import STOP, preflight
    from napari_medseg.engine.replay import load_replay
    from napari_medseg.engine.zoo import find_model

    file = args.replay_file or _replay_beside(find_model(args.model))
    replay = None if file is None else load_replay(file)
    cases = load_cases(args.cases, {mark: getattr(args, mark) for mark in _MARKS}, report)
    if fabric is None or not fabric.global_rank:
        findings = preflight(segmenter, cases, config, replay=replay, report=report)
        for finding in findings:
            say(": ".join(part for part in (finding.case, finding.text) if part))
        if any(finding.severity == STOP for finding in findings):
            raise ValueError("nothing was learnt: see above for what stands against it")
        planned = plan(segmenter, cases, config, replay=replay, report=report)
        say(planned.words)
        config = planned.config
    if fabric is not None:
        config = fabric.broadcast(config)  # all cut a step into as many parts
    return learn(
        segmenter,
        cases,
        config,
        replay=replay,
        out=state,
        resume=args.resume,
        report=report,
        fabric=fabric,
    )


def _fabric() -> Fabric | None:
    """Join the other processes if `torchrun` started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
    except ImportError as error:
        raise ValueError(
            "several processes learn together with Lightning Fabric, which is not installed: "
            "pip install 'napari-medseg[many-gpus]'"
        ) from error
    processes = int(os.environ["LOCAL_WORLD_SIZE"])
    fabric = Fabric(
        devices=processes,
        num_nodes=int(os.environ["WORLD_SIZE"]) // processes,
        strategy=DDPStrategy(find_unused_parameters=True),
    )
    fabric.launch()
    return fabric


def load_cases(folder: Path, marks: dict[str, Path | None], report: Report) -> list[Case]:
    """Read the labelled cases of a folder, and which voxels were reviewed and changed.

    Parameters
    ----------
    folder : Path
        In one of the layouts that `find_cases` knows.
    marks : dict
        "reviewed" and "changed" to a folder of masks named as the cases; None is the folder of
        that name beside the images, if there is one.
    report : Report
        Called before each case.

    Raises
    ------
    ValueError
        If there is no case, or a mask does not lie on its image.
    """
    from napari_medseg.engine.cases import load_case
    from napari_medseg.io import find_cases
    from napari_medseg.progress import Step

    found = find_cases(folder, need_labels=True)
    masks = {
        mark: _masks(folder / mark if given is None else given, mark if given else "")
        for mark, given in marks.items()
    }
    cases = []
    for done, files in enumerate(found):
        report(Step(done, len(found), "case", "reading"))
        case = load_case(files)
        reviewed, changed = (_mask(case, masks[mark].get(files.name)) for mark in _MARKS)
        cases.append(replace(case, reviewed=reviewed, changed=changed))
    return cases


def _masks(folder: Path, needed_for: str) -> dict[str, Path]:
    from napari_medseg.io import image_stem, is_image_path

    if not folder.is_dir():
        if needed_for:
            raise ValueError(f"there is no folder {folder} of masks; check --{needed_for}")
        return {}
    return {image_stem(path): path for path in sorted(folder.iterdir()) if is_image_path(path)}


def _mask(case: Case, path: Path | None) -> np.ndarray | None:
    from napari_medseg.io import check_same_grid, read_labels

    if path is None:
        return None
    labels = read_labels(path)
    check_same_grid(case.volume, labels, f"the image of {case.name}", path.name)
    mask: np.ndarray = labels.array[0] > 0
    return mask


def _replay_beside(model: Path) -> Path | None:
    from napari_medseg.engine.replay import replay_path

    beside = replay_path(model)
    return beside if beside.is_file() else None


def summary(result: FineTuned) -> str:
    """Return what was gained and forgotten, as lines for a terminal."""
    lines = ["mix of old and new weights   Dice   gain   guards   forgotten"]
    for row in result.sweep:
        chosen = "*" if row.alpha == result.alpha else " "
        guard = "     -" if row.guard is None else f"{row.guard:.4f}"
        lost = "     -" if row.forgotten is None else f"{row.forgotten:+.4f}"
        lines.append(f"{chosen} {row.alpha:<25g} {row.dice:.4f} {row.gain:+.4f} {guard}   {lost}")
    for case in result.cases:
        kind = "held out" if case.held_out else "learnt from"
        after = case.by_alpha[result.alpha]
        classes = _changes(case.before, after)
        lines.append(f"{case.name} ({kind}): {classes}")
    gain = result.gain()
    if gain.interval is not None:
        lines.append(
            f"gain {gain.mean:+.4f}, 95 % interval {gain.interval[0]:+.4f} to "
            f"{gain.interval[1]:+.4f}"
        )
    lines += [f"note: {note}" for note in result.notes]
    lines.append(f"{result.minutes:.1f} minutes, {result.edited_voxels} edited voxels")
    return "\n".join(lines)


def _changes(before: Scored, after: Scored) -> str:
    return ", ".join(
        f"{b.name} Dice {b.dice:.3f} -> {a.dice:.3f}, HD95 {b.hd95:.1f} -> {a.hd95:.1f}"
        for b, a in zip(before, after, strict=True)
    )
