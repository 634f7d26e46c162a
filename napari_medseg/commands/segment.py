"""``napari-medseg segment``: run a model over files or folders."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.commands.segment_blocks import image_in_blocks, segment_blocks
from napari_medseg.io import CaseFiles, find_cases, image_stem, is_image_path
from napari_medseg.io.paths import is_zarr_folder
from napari_medseg.progress import Report, Step

if TYPE_CHECKING:
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.interact.prompts import Prompt
    from napari_medseg.volume import Volume


@dataclass(frozen=True)
class Target:
    """Where labels go: one file, or a folder with a file per image.

    Parameters
    ----------
    path : Path
        A file if it has an image suffix, else a folder.
    """

    path: Path

    @property
    def is_file(self) -> bool:
        """Whether the name is that of an image, or of a DICOM segmentation."""
        return is_image_path(self.path) or self.path.suffix.lower() == ".dcm"

    def file(self, name: str, volume: Volume) -> Path:
        """Return the label file of an image: NIfTI where it has a place, PNG for 2D, else TIFF."""
        if self.is_file:
            return self.path
        suffix = ".png" if volume.spatial_dims == 2 else ".tif"
        kind = volume.storage.format if volume.storage is not None else ""
        if kind == "nifti" or (kind in ("dicom", "itk") and volume.spatial_dims == 3):
            suffix = ".nii.gz"
        return self.path / f"{name}{suffix}"


def segment(args: argparse.Namespace) -> int:
    """Segment every image, go on where one fails, and return 2 if any did."""
    from napari_medseg.commands.flags import apply, changes
    from napari_medseg.commands.terminal import say, sentence, watching
    from napari_medseg.engine.inference_config import InferenceConfig

    config = apply(InferenceConfig(), changes(args, InferenceConfig))
    image = image_in_blocks(args)
    if image is not None and args.prompts is None:
        return segment_blocks(args, image, config)
    cases = find_inputs(args.input, modalities=args.modalities)
    target = Target(args.out)
    check_target(cases, target)
    prompts = prompts_for(cases, args.prompts, in_blocks=image is not None)

    from napari_medseg.engine.segmenter import Segmenter

    segmenter = Segmenter.load(args.model, device=args.device)
    failed = []
    for index, case in enumerate(cases):
        try:
            with watching(case.name) as report:
                place = f"image {index + 1} of {len(cases)}" if len(cases) > 1 else ""
                at = partial(_with_place, report, place)
                written, notes = segment_case(
                    segmenter, case, config, target, prompts=prompts, report=at
                )
        except (ValueError, OSError, MemoryError) as error:
            failed.append(case.name)
            say(f"{case.name}: {sentence(error)}" if len(cases) > 1 else sentence(error))
            continue
        for note in notes:
            say(f"{case.name}: {note}")
        for path in written:
            print(path, flush=True)
    if failed and len(cases) > 1:
        say(f"{len(failed)} of {len(cases)} images failed: {', '.join(failed)}")
    return 2 if failed else 0


def segment_case(
    segmenter: Segmenter,
    case: CaseFiles,
    config: InferenceConfig,
    target: Target,
    *,
    prompts: Sequence[Prompt] = (),
    report: Report,
) -> tuple[list[Path], Sequence[str]]:
    """Segment one image and write its labels, and its maps where `config` asks for them.

    The labels are those after `prompts`; the maps are the model's own.

    Returns
    -------
    tuple
        The files written, and what the engine has to say about the run.
    """
    from napari_medseg.io import read_volume, write_image, write_labels
    from napari_medseg.io.classes import ClassName

    volume = read_volume(case.images if len(case.images) > 1 else case.images[0])
    path = target.file(case.name, volume)
    result = segmenter.segment(volume, config, report=report)
    named = [ClassName(c.value, c.name, c.colour) for c in segmenter.card.classes]
    labels, provenance = result.labels, result.provenance
    if prompts:
        from napari_medseg.interact import replay
        from napari_medseg.interact.prompt_files import told

        labels = replay(volume, prompts, segmenter, labels=labels, report=report)
        provenance = {**provenance, "prompts": told([((), tuple(prompts))])}
    write_labels(path, labels, like=volume, provenance=provenance, classes=named)
    written = [path]
    for name in ("probabilities", "uncertainty"):
        values = getattr(result, name)
        if values is not None:
            channels = values if values.ndim > volume.spatial_dims else values[None]
            suffix = path.name[len(image_stem(path)) :].replace(".png", ".tif")
            suffix = ".nii.gz" if path.suffix.lower() == ".dcm" else suffix
            maps = path.with_name(f"{image_stem(path)}_{name}{suffix}")
            write_image(maps, volume.with_array(channels))
            written.append(maps)
    return written, (*volume.notes, *result.notes)


def prompts_for(
    cases: Sequence[CaseFiles], path: Path | None, *, in_blocks: bool = False
) -> list[Prompt]:
    """Read the prompts that correct an image; none without a file.

    Raises
    ------
    ValueError
        If the file holds none, or there are several images or one that is segmented in blocks.
    OSError
        If it cannot be read.
    """
    if path is None:
        return []
    if in_blocks or len(cases) > 1:
        what = "an image block by block" if in_blocks else f"{len(cases)} images"
        raise ValueError(
            f"--prompts correct one image in memory, here is {what}; give the image they were "
            "drawn on, and an --out that is no OME-Zarr"
        )
    from napari_medseg.interact import read_prompts

    return list(read_prompts(path))


def find_inputs(inputs: Sequence[Path], *, modalities: bool = False) -> list[CaseFiles]:
    """Find the images that files and folders on the command line stand for.

    Parameters
    ----------
    inputs : sequence of Path
        A file is an image; a folder is a data set in one of the layouts of `find_cases`.
    modalities : bool
        All files, or those of the one folder, are the channels of a single image.

    Raises
    ------
    ValueError
        If nothing is found, or two images have the same name.
    OSError
        If an input is not there.
    """
    for path in inputs:
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder {path}; check the path")
    if modalities:
        return [_one_case(inputs)]
    cases: list[CaseFiles] = []
    for path in inputs:
        if path.is_dir() and not is_zarr_folder(path):
            cases.extend(find_cases(path))
        else:
            cases.append(CaseFiles(image_stem(path), (path,), None))
    by_name = defaultdict(list)
    for case in cases:
        by_name[case.name].append(case.images[0])
    for name, paths in by_name.items():
        if len(paths) > 1:
            raise ValueError(
                f"{paths[0]} and {paths[1]} would both be written as {name}; segment them one "
                "after the other into different folders"
            )
    return cases


def check_target(cases: Sequence[CaseFiles], target: Target) -> None:
    """Raise a `ValueError` if labels would be written over an image, or over each other."""
    if target.is_file and len(cases) > 1:
        raise ValueError(
            f"{len(cases)} images ({', '.join(case.name for case in cases[:5])}"
            f"{', ...' if len(cases) > 5 else ''}) cannot be written to one file {target.path}; "
            "give a folder as --out (a name without an image suffix)"
        )
    out = target.path.resolve()
    for image in (path.resolve() for case in cases for path in case.images):
        if image == out or (not target.is_file and image.parent == out):
            raise ValueError(
                f"the labels would be written over or among the images in {image.parent}; give "
                "another --out"
            )


def _one_case(inputs: Sequence[Path]) -> CaseFiles:
    if len(inputs) == 1 and inputs[0].is_dir():
        found = find_cases(inputs[0])
        files = tuple(path for case in found for path in case.images)
        return CaseFiles(inputs[0].resolve().name, files, None)
    folders = [path for path in inputs if path.is_dir()]
    if folders:
        raise ValueError(
            f"{folders[0]} is a folder; with --modalities give one folder, or one file per channel"
        )
    return CaseFiles(image_stem(inputs[0]), tuple(inputs), None)


def _with_place(report: Report, place: str, step: Step) -> None:
    report(Step(step.done, step.total, step.unit, " · ".join(p for p in (place, step.note) if p)))
