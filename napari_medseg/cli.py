"""The command line: which words there are, and how an error ends a run.

Imports neither torch nor napari nor Qt; a command's module is imported when the command is run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from napari_medseg import __version__
from napari_medseg.commands.explain import EXAMPLES, add_options
from napari_medseg.commands.flags import add_flags
from napari_medseg.commands.terminal import say, sentence
from napari_medseg.commands.values import numbers
from napari_medseg.progress import Cancelled

Parser = argparse.ArgumentParser
Commands = argparse._SubParsersAction

_SEGMENT = """\
INPUT is one or more images (NIfTI, PNG, JPEG, BMP, TIFF), or a folder: of images, with
images/ (and masks/), with a folder per case, or in nnU-Net's raw layout. OUT is a file if
its name ends like an image's, else a folder that gets one label file per image, named as the
image or its case folder. Label files that are there already are replaced, images never.

An OME-Zarr image may be larger than memory: with an OUT that ends in .ome.zarr (or lies in the
image: IMAGE.ome.zarr/labels/NAME) it is read and written block by block. A run that was stopped
goes on when the same command is given again. See docs/large.md.
"""
_TRAIN = """\
FOLDER holds images/ and masks/ of the same names, or one folder per case with its image (or a
file per modality) and a label, or is in nnU-Net's raw layout. Ctrl-C leaves the best model so
far; --resume goes on from there, given the same settings.
"""
_FINETUNE = """\
FOLDER holds labelled images in the layouts of 'train'. Where only a part of a label was looked at,
reviewed/NAME, a mask of that part, says so; changed/NAME, a mask of what was corrected, makes
these voxels count more. Both lie in FOLDER or where --reviewed and --changed say, named as the
cases. The model stays as it is. Ctrl-C keeps the state; --resume goes on, given the same settings.
"""
_EVALUATE = """\
PRED and TRUTH are two label files, or two folders whose files are matched by name or case folder:
NIfTI, NRRD, MetaImage, DICOM-SEG, OME-Zarr, PNG, TIFF. A prediction on another grid than its truth
is refused unless --resample is given. Any of the --lesion flags implies --lesions. In folders, a
case that cannot be scored is left out and named; the exit status is then 1.
"""
_IMPORT = """\
FILE holds the state dict of the published LGMSNet (2D, 3D) or MSA²Net. Shape and build are read
off the names and shapes of its tensors. Nothing in the file is run.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after the program's name; default those of this process.

    Returns
    -------
    int
        0 when all went well, 1 when some cases were left out, 2 when the input cannot be used,
        130 after Ctrl-C. Anything else that goes wrong is a bug and keeps its traceback.
    """
    try:
        args = make_parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    except SystemExit as stop:  # argparse has printed its help or the mistake
        return int(stop.code or 0)
    module, _, function = args.run.partition(":")
    try:
        code: int = getattr(importlib.import_module(module), function)(args)
        return code
    except (KeyboardInterrupt, Cancelled):
        say("stopped")
        return 130
    except BrokenPipeError:  # `napari-medseg models | head`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # for the interpreter's last flush
        return 0
    except (ValueError, OSError, MemoryError) as error:
        if os.environ.get("NAPARI_MEDSEG_DEBUG"):
            raise
        say(f"napari-medseg: {sentence(error)}")
        return 2


def _joined(words: Sequence[str]) -> list[str]:
    """Write ``--clip -100,300`` as ``--clip=-100,300``, which argparse takes for a value."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].startswith("--") and re.match(r"-[\d.]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; `args.run` names the function that does the work."""
    parser = argparse.ArgumentParser(
        prog="napari-medseg",
        description="Segment medical images and volumes. Without a command, opens the viewer. "
        "For research use only.",
        epilog="NAPARI_MEDSEG_DEBUG=1 shows the traceback of an error.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run="napari_medseg.commands.viewer:open_viewer")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_models(commands)
    _add_segment(commands)
    _add_train(commands)
    _add_finetune(commands)
    _add_evaluate(commands)
    _add_explain(commands)
    _add_import(commands)
    return parser


def _add(commands: Commands, name: str, run: str, about: str, more: str = "") -> Parser:
    parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=f"napari_medseg.commands.{run}")
    return parser


def _add_demo(commands: Commands) -> None:
    parser = _add(commands, "demo", "viewer:run_demo", "segment a sample in the viewer")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="save a screenshot and the labels there, then close the viewer",
    )
    parser.add_argument("--sample", metavar="NAME", help="which sample (default: hippocampus)")
    parser.add_argument(
        "--model", metavar="NAME_OR_FILE", help="which model (default: the one for the sample)"
    )


def _add_models(commands: Commands) -> None:
    _add(commands, "models", "models:list_models", "list the models, one a line, name first")
    parser = _add(commands, "info", "models:show_model", "show the card of a model")
    parser.add_argument("model", metavar="MODEL", help="name or .safetensors file")
    parser.add_argument("--json", action="store_true", help="print the card as JSON")


def _add_segment(commands: Commands) -> None:
    from napari_medseg.engine.inference_config import InferenceConfig

    parser = _add(commands, "segment", "segment:segment", "run a model over images", _SEGMENT)
    parser.usage = "%(prog)s INPUT [INPUT ...] --model NAME_OR_FILE --out OUT [options]"
    parser.add_argument("input", nargs="+", type=Path, metavar="INPUT", help="images or a folder")
    parser.add_argument(
        "--model", required=True, metavar="NAME_OR_FILE", help="see 'napari-medseg models'"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="OUT", help="file or folder")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)"
    )
    parser.add_argument(
        "--modalities",
        action="store_true",
        help="the INPUT files, or those in the one INPUT folder, are the channels of one image",
    )
    parser.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="correct the one image by these: a project, the .json beside labels, a JSON list",
    )
    add_flags(parser.add_argument_group("how the model is run"), InferenceConfig)
    large = parser.add_argument_group(
        "an image larger than memory", "an OME-Zarr, block by block into OUT.ome.zarr"
    )
    large.add_argument(
        "--memory",
        type=float,
        metavar="GB",
        help="for image, sums and labels, beside the network (default: a quarter of what is free, "
        "at most 1)",
    )
    large.add_argument("--time-point", type=int, metavar="N", help="which one (default: 1)")
    several = large.add_mutually_exclusive_group()
    several.add_argument(
        "--workers", type=int, default=0, metavar="N", help="so many processes on this machine"
    )
    several.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a dask.distributed cluster, such as tcp://host:8786; no voxels travel",
    )


def _add_train(commands: Commands) -> None:
    from napari_medseg.engine.training_config import TrainingConfig
    from napari_medseg.engine.training_recipes import RECIPES

    parser = _add(commands, "train", "train:train", "train a network on labelled images", _TRAIN)
    parser.usage = "%(prog)s FOLDER --out MODEL.safetensors [options]"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="images and their labels")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="MODEL.safetensors", help="the model's file"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    parser.add_argument(
        "--recipe", choices=tuple(RECIPES), help="settings to start from; the flags below win"
    )
    add_flags(parser.add_argument_group("how it is trained"), TrainingConfig)


def _add_finetune(commands: Commands) -> None:
    from napari_medseg.engine.finetune_config import FineTuneConfig

    parser = _add(
        commands, "finetune", "finetune:finetune", "let a model learn from corrections", _FINETUNE
    )
    parser.usage = "%(prog)s --model MODEL --cases FOLDER --out NEW.safetensors [options]"
    parser.add_argument(
        "--model", required=True, metavar="NAME_OR_FILE", help="see 'napari-medseg models'"
    )
    parser.add_argument(
        "--cases", required=True, type=Path, metavar="FOLDER", help="images and corrected labels"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="NEW.safetensors", help="the new model's file"
    )
    parser.add_argument(
        "--reviewed", type=Path, metavar="FOLDER", help="masks of the voxels that count"
    )
    parser.add_argument(
        "--changed", type=Path, metavar="FOLDER", help="masks of the voxels that were corrected"
    )
    parser.add_argument(
        "--replay-file",
        type=Path,
        metavar="FILE",
        help="examples of what the model knew (default: the .replay.safetensors beside it)",
    )
    parser.add_argument(
        "--keep-replay",
        action="store_true",
        help="write examples of these images beside the new model; they are patient data",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)"
    )
    add_flags(parser.add_argument_group("how it learns"), FineTuneConfig)


def _add_evaluate(commands: Commands) -> None:
    from napari_medseg.engine.lesions import LesionRule

    about = "score predictions against the truth"
    parser = _add(commands, "evaluate", "evaluate:evaluate", about, _EVALUATE)
    parser.add_argument("prediction", type=Path, metavar="PRED", help="label file or folder")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="label file or data set")
    for kind, what in (
        ("csv", "every number"),
        ("json", "every number, summaries and definitions"),
        ("html", "a report to read and print"),
    ):
        parser.add_argument(f"--{kind}", type=Path, metavar="FILE", help=f"write {what} there")
    parser.add_argument(
        "--classes",
        type=numbers,
        metavar="N,N,...",
        help="the label values to score (default: all that occur but 0)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1.0,
        metavar="MM",
        help="up to this distance surfaces count as the same in NSD (default: 1 mm)",
    )
    parser.add_argument(
        "--resample",
        action="store_true",
        help="put predictions on another grid onto that of their truth (nearest label)",
    )
    parser.add_argument(
        "--lesions",
        action="store_true",
        help="also match connected lesions one to one: F1, found, missed, extra",
    )
    add_flags(parser.add_argument_group("when a lesion is found"), LesionRule, prefix="lesion.")


def _add_explain(commands: Commands) -> None:
    about = "show what a network sees, and why a voxel got its label"
    parser = _add(commands, "explain", "explain:explain", about, EXAMPLES)
    add_options(parser)


def _add_import(commands: Commands) -> None:
    from napari_medseg.engine.published_recipes import PUBLISHED_RECIPES

    parser = _add(
        commands, "import", "import_model:import_model", "read a published checkpoint", _IMPORT
    )
    parser.usage = "%(prog)s FILE [--architecture NAME] [--out MODEL.safetensors] [options]"
    parser.add_argument("file", type=Path, metavar="FILE", help="a .pth or .safetensors file")
    parser.add_argument(
        "--architecture", metavar="NAME", help="lgmsnet or msa2net (default: found out)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="MODEL.safetensors",
        help="the model's file (default: among the models that 'napari-medseg models' lists)",
    )
    parser.add_argument(
        "--recipe",
        choices=tuple(PUBLISHED_RECIPES),
        help="the published program that trained it: how images are prepared (default: likeliest)",
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        default=(),
        metavar="NAME",
        help="what the outputs mean: 1=liver 2=spleen, or names in order",
    )
    parser.add_argument(
        "--axes",
        choices=("ours", "ras"),
        default="ours",
        help="ras: it was trained on volumes in MONAI's RAS order (default: ours)",
    )
    parser.add_argument("--keys", action="store_true", help="name every tensor left out or changed")
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is there")
