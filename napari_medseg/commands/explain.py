"""``napari-medseg explain``: what the viewer's Explain panel shows, as files."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.progress import Report, Step

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.explain.entries import Entry
    from napari_medseg.explain.showing import Shown
    from napari_medseg.explain.view import View
    from napari_medseg.explain.voxel import Why
    from napari_medseg.volume import Volume

_WHY = "why"


def explain(args: argparse.Namespace) -> int:
    """Write what was asked for, one file each, and print their names; or list what there is."""
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.explain.entries import catalogue
    from napari_medseg.explain.view import view_of
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
            segmenter, volume, at=args.at, slices=args.slices, whole=args.whole, report=report
        )
        for note in view.notes:
            say(note)
        for done, key in enumerate(keys):

            def at(step: Step, done: int = done, key: str = key) -> None:
                report(Step(done, len(keys), "overlay", key))

            for path in _write(args, segmenter, volume, view, key, at):
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
    question = Question(layer=args.layer, value=args.label, labels=labels)
    return _save(show(segmenter, view, key, question, report=report), key, args)


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
