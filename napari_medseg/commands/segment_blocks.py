"""``napari-medseg segment`` of an image that may be larger than memory, block by block."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.io import Pyramid


def image_in_blocks(args: argparse.Namespace) -> Pyramid | None:
    """Return the image that is to be segmented block by block; None if it is not asked for.

    Raises
    ------
    ValueError
        If flags for it are given with other images or outputs.
    """
    from napari_medseg.io import open_pyramid
    from napari_medseg.io.ome_zarr_write import is_zarr_target

    image = None
    if len(args.input) == 1 and is_zarr_target(args.out):
        image = open_pyramid(args.input[0])
    flags = {
        "--memory": args.memory is not None,
        "--time-point": args.time_point is not None,
        "--workers": bool(args.workers),
        "--scheduler": args.scheduler is not None,
    }
    given = ", ".join(name for name, is_given in flags.items() if is_given)
    if image is None and given:
        raise ValueError(
            f"{given} is for one OME-Zarr image that is segmented block by block: give one, and an "
            "--out that ends in .ome.zarr"
        )
    return image


def segment_blocks(args: argparse.Namespace, image: Pyramid, config: InferenceConfig) -> int:
    """Segment `image` block by block and print where its labels are."""
    from napari_medseg.commands.terminal import say, watching
    from napari_medseg.engine.blockwise import segment_blockwise
    from napari_medseg.progress import Cancelled, Step

    told: list[str] = []
    try:
        with watching(image.name) as show:

            def report(step: Step) -> None:
                if step.note.startswith("resuming"):
                    told.append(step.note)
                    say(f"{image.name}: {step.note}")
                show(step)

            result = segment_blockwise(
                args.model,
                Path(image.path) if args.workers or args.scheduler else image,
                args.out,
                config,
                device=args.device,
                memory=None if args.memory is None else int(args.memory * 1e9),
                time=(args.time_point or 1) - 1,
                scheduler=args.scheduler,
                workers=args.workers,
                report=report,
            )
    except (Cancelled, KeyboardInterrupt):
        say("what is done is kept; give the same command again to go on")
        raise
    for note in result.notes:
        if note not in told:
            say(f"{image.name}: {note}")
    print(result.path, flush=True)
    return 0
