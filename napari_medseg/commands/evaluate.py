"""``napari-medseg evaluate``: how good label images are, with every definition named."""

from __future__ import annotations

import argparse


def evaluate(args: argparse.Namespace) -> int:
    """Print the table, and write every number where asked for."""
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine import evaluate as engine

    with watching("evaluating") as report:
        result = engine.evaluate(
            args.prediction,
            args.truth,
            classes=args.classes,
            tolerance=args.tolerance,
            report=report,
        )
    if args.csv is not None:
        result.write_csv(args.csv)
        say(f"every case and class: {args.csv}")
    print(result.table())
    return 0
