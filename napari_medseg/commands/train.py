"""``napari-medseg train``: a model of one's own from labelled images."""

from __future__ import annotations

import argparse


def train(args: argparse.Namespace) -> int:
    """Train, and say how good the model is; 130 if it was stopped."""
    from napari_medseg.commands.flags import apply, changes
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine.training_config import TrainingConfig
    from napari_medseg.progress import Cancelled

    base = TrainingConfig.recipe(args.recipe) if args.recipe else TrainingConfig()
    config = apply(base, changes(args, TrainingConfig))

    from napari_medseg.engine import training

    try:
        with watching("training", time_left=False) as report:
            result = training.train(
                args.folder,
                config,
                out=args.out,
                resume=args.resume,
                overwrite=args.overwrite,
                report=report,
            )
    except Cancelled:
        if args.out.exists():
            say(f"stopped; {args.out} holds the best model so far, go on with --resume")
        else:
            say("stopped before there was anything to keep")
        return 130
    say(f"best mean Dice on the held-out cases: {result.best:.3f}; log: {result.log}")
    print(result.checkpoint)
    return 0
