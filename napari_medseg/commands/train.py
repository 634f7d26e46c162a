"""``napari-medseg train``: a model of one's own from labelled images."""

from __future__ import annotations

import argparse
from pathlib import Path


def train(args: argparse.Namespace) -> int:
    """Train, and say how good the model is; 130 if it was stopped."""
    from napari_medseg.commands.flags import apply, changes
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine.training_config import TrainingConfig
    from napari_medseg.progress import Cancelled

    given = changes(args, TrainingConfig)
    recipe = args.recipe
    if recipe is None and "architecture" in given:
        recipe = _recipe_of_paper(given["architecture"], args.folder)
    base = TrainingConfig.recipe(recipe) if recipe else TrainingConfig()
    config = apply(base, given)

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


def _recipe_of_paper(architecture: str, folder: Path) -> str:
    """Return the recipe the paper gives for a network and the dimensions of these images."""
    from napari_medseg.commands.terminal import say
    from napari_medseg.engine.training_recipes import paper_recipe
    from napari_medseg.io import find_cases, read_volume

    first = find_cases(folder)[0].images
    dims = read_volume(first if len(first) > 1 else first[0]).spatial_dims
    recipe = paper_recipe(architecture, dims)
    say(f"training by the paper's recipe, {recipe}; --recipe chooses another")
    return recipe
