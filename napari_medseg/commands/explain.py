"""``napari-medseg explain``: what the viewer's Explain panel shows, as files."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.commands.values import numbers, region, slices
from napari_medseg.progress import Report, Step

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.explain.entries import Entry
    from napari_medseg.explain.showing import Shown
    from napari_medseg.explain.view import View
    from napari_medseg.explain.voxel import Why
    from napari_medseg.volume import Volume

EXAMPLES = """\
WHAT are names that --list shows for a model, names of groups (feature_maps, attention, evidence,
curves), "all", or "why": a page on the voxel at --at. Maps are written on the image's own voxels
where they were computed, 0 elsewhere; numbers and curves as CSV. A model that runs in windows is
shown the one around --at, or with --all-windows all of them, blended.

What is too large for the memory is refused with its size; --region, --half, a coarser --layer and a
smaller --window make it smaller.
"""
_WHY = "why"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the words of ``napari-medseg explain``."""
    add = parser.add_argument
    parser.usage = "%(prog)s IMAGE --model MODEL --what WHAT [WHAT ...] --out FOLDER [options]"
    add("image", nargs="?", type=Path, metavar="IMAGE", help="an image or volume")
    add("--model", required=True, metavar="NAME_OR_FILE", help="see 'napari-medseg models'")
    add(
        "--what",
        nargs="+",
        default=("energy", "grad_cam", "uncertainty"),
        metavar="WHAT",
        help="what to show (default: energy grad_cam uncertainty)",
    )
    add("--out", type=Path, metavar="FOLDER", help="where the files go")
    add("--list", action="store_true", help="name all there is to see of the model")
    add("--layer", metavar="NAME", help="of the network (default: the last stage)")
    add("--label", type=int, metavar="N", help="the class (default: the first)")
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="where the class is (default: as the model says)",
    )
    add(
        "--compare",
        metavar="NAME_OR_FILE",
        help="another model, such as the one before learning: also write where the two differ",
    )
    add(
        "--format",
        choices=(".nii.gz", ".tif", ".png", ".csv"),
        default=".nii.gz",
        help="of the maps (default: .nii.gz)",
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    _add_places(parser.add_argument_group("where to look"))


def _add_places(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--at", type=numbers, metavar="D,H,W", help="the voxel asked about (default: the middle)")
    add(
        "--region",
        type=region,
        metavar="A:B,C:D,E:F",
        help="the only voxels of the image that maps cover, a range per axis (default: all)",
    )
    add("--slices", type=slices, metavar="A:B", help="of a volume, for a 2D model (default: one)")
    add(
        "--window",
        type=numbers,
        metavar="D,H,W",
        help="what the model is given at once (default: its own)",
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--whole", action="store_true", help="look at the whole image at once, not at a window"
    )
    which.add_argument(
        "--all-windows", action="store_true", help="look at all windows of the run, blended"
    )
    add("--half", action="store_true", help="record maps in half precision")


def explain(args: argparse.Namespace) -> int:
    """Write what was asked for, one file each, and print their names; or list what there is."""
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.explain.entries import catalogue
    from napari_medseg.explain.viewing import view_of
    from napari_medseg.io import read_volume

    segmenter = Segmenter.load(args.model, device=args.device)
    if args.list:
        _list(catalogue(segmenter))
        return 0
    if args.image is None or args.out is None:
        raise ValueError("an IMAGE and --out FOLDER are needed, or --list to see what there is")
    volume = read_volume(args.image)
    keys = chosen_keys(args.what, catalogue(segmenter))
    with watching(args.image.name, time_left=False) as report:
        view = view_of(
            segmenter,
            volume,
            at=args.at,
            slices=args.slices,
            whole=args.whole,
            blend=args.all_windows,
            box=args.region,
            config=InferenceConfig(window=args.window),
            report=report,
        )
        for note in view.notes:
            say(note)
        for done, key in enumerate(keys):

            def at(step: Step, done: int = done, key: str = key) -> None:
                report(Step(done, len(keys), "overlay", key))

            for path in _write(args, segmenter, volume, view, key, at):
                print(path, flush=True)
        if args.compare is not None:
            for path in _compare(args, segmenter, volume, view, report):
                print(path, flush=True)
    return 0


def chosen_keys(what: Sequence[str], entries: Sequence[Entry]) -> list[str]:
    """Return the keys meant by words: keys, names of groups, "all".

    Raises
    ------
    ValueError
        If a word means nothing; near ones are offered.
    """
    from napari_medseg.nearest import did_you_mean

    there = [entry for entry in entries if not entry.why_not]
    groups: dict[str, list[str]] = {"all": [entry.key for entry in there]}
    for entry in there:
        groups.setdefault(entry.group.lower().replace(" ", "_"), []).append(entry.key)
    known = {entry.key: [entry.key] for entry in entries} | groups | {_WHY: [_WHY]}
    keys: list[str] = []
    for word in what:
        if word not in known:
            raise ValueError(
                f"there is nothing called {word!r} to show{did_you_mean(word, known)}; "
                "--list names all there is"
            )
        keys += known[word]
    return list(dict.fromkeys(keys))


def _list(entries: Sequence[Entry]) -> None:
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            print(f"{group}:")
        needs = f" [{', '.join(sorted(entry.needs))}]" if entry.needs else ""
        lacks = f" (not here: {entry.why_not})" if entry.why_not else ""
        print(f"  {entry.key}: {entry.words}{needs}{lacks}")
    print(f"{_WHY}: a page on the label of the voxel at --at")


def _write(
    args: argparse.Namespace,
    segmenter: Segmenter,
    volume: Volume,
    view: View,
    key: str,
    report: Report,
) -> list[Path]:
    from napari_medseg.explain.showing import Question, show
    from napari_medseg.explain.voxel import why
    from napari_medseg.io import check_same_grid, read_labels

    args.out.mkdir(parents=True, exist_ok=True)
    if key == _WHY:
        page = why(segmenter, volume, view.at, view=view, report=report)
        text = args.out / "why.txt"
        text.write_text(_page(page), encoding="utf-8")
        return [text, *_save([page.classes, page.layers, *page.overlays], "why", args)]
    labels = None
    if args.labels is not None:
        read = read_labels(args.labels)
        check_same_grid(read, volume, str(args.labels), str(args.image))
        labels = read.array[0]
    question = Question(layer=args.layer, value=args.label, labels=labels, half=args.half or None)
    return _save(show(segmenter, view, key, question, report=report), key, args)


def _compare(
    args: argparse.Namespace, segmenter: Segmenter, volume: Volume, view: View, report: Report
) -> list[Path]:
    """Write where the model differs from another one, and what the page on the voxel says then."""
    from napari_medseg.commands.terminal import say
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.explain.comparison import compare
    from napari_medseg.explain.viewing import view_of
    from napari_medseg.explain.voxel import changes, why

    other = Segmenter.load(args.compare, device=args.device)
    theirs = view_of(other, volume, at=view.at, box=view.shown, blend=True, report=report)
    found = compare(other, segmenter, theirs, report=report)
    for note in found.notes:
        say(note)
    shown: list[Shown] = [*found.overlays, found.answers, found.features]
    if _WHY in args.what:
        pages = (why(s, volume, view.at, report=report) for s in (other, segmenter))
        shown.append(changes(*pages))
    return _save(shown, "compare", args)


def _save(shown: Sequence[Shown], key: str, args: argparse.Namespace) -> list[Path]:
    from napari_medseg.explain.overlay import Overlay

    written = []
    for one in shown:
        suffix = args.format if isinstance(one, Overlay) else ".csv"
        stem = f"{key}-{one.name}" if len(shown) > 1 or key not in one.name else one.name
        path = args.out / (re.sub(r"[^\w.-]+", "_", stem).strip("_") + suffix)
        one.save(path)
        written.append(path)
    return written


def _page(page: Why) -> str:
    at = ", ".join(map(str, page.at))
    lines = [
        f"Voxel {at}: {page.name} (label {page.value}), says {page.model}.",
        "",
        *page.sentences,
        "",
        *(f"{name}: {share:.3f}" for name, share in page.classes.rows),
        "",
        *page.notes,
    ]
    return "\n".join(lines).rstrip() + "\n"
