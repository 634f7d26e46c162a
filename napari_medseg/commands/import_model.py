"""``napari-medseg import``: a published checkpoint becomes a model."""

from __future__ import annotations

import argparse


def import_model(args: argparse.Namespace) -> int:
    """Import, and say what was found and what was left out."""
    from napari_medseg.commands.terminal import say
    from napari_medseg.engine.import_checkpoint import import_checkpoint

    report = import_checkpoint(
        args.file,
        args.architecture,
        out=args.out,
        recipe=args.recipe,
        classes=tuple(args.classes),
        axes=args.axes,
        overwrite=args.overwrite,
    )
    for sentence in report.sentences():
        say(sentence)
    if args.keys:
        for what in ("dropped", "missed", "reshaped"):
            for key in getattr(report, what):
                say(f"{what}  {key}")
    print(report.checkpoint)
    return 0
