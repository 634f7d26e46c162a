"""``napari-medseg evaluate``: how good label images are, with every definition named."""

from __future__ import annotations

import argparse


def evaluate(args: argparse.Namespace) -> int:
    """Print the table, write every number where asked for, return 1 if cases were left out."""
    from napari_medseg.commands.flags import changes
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine import evaluate as engine
    from napari_medseg.engine.lesions import LesionRule

    rule = changes(args, LesionRule, "lesion.")
    lesions = LesionRule(**rule) if args.lesions or rule else None
    with watching("evaluating") as report:
        result = engine.evaluate(
            args.prediction,
            args.truth,
            classes=args.classes,
            tolerance=args.tolerance,
            lesions=lesions,
            resample=args.resample,
            report=report,
        )
    print(result.table(), flush=True)  # before anything can go wrong with a file
    for name, why in result.failed.items():
        say(f"{name}: not scored, {why}")
    for path, write, what in (
        (args.csv, result.write_csv, "every case and class"),
        (args.json, result.write_json, "every number, summaries and definitions"),
        (args.html, result.write_html, "report"),
    ):
        if path is not None:
            write(path)
            say(f"{what}: {path}")
    return 1 if result.failed else 0
