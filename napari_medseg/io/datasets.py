"""Which images and labels a folder holds, in the layouts people use."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_medseg.io.layouts import (
    LABEL_FOLDERS,
    LABEL_STEMS,
    DatasetLayout,
    existing_folder,
    folders_in,
    images_in,
    is_label_stem,
    layout_of,
)
from napari_medseg.io.paths import SUPPORTED, holds_dicom, image_stem, natural_key

IGNORED_STEMS = ("brainmask", "brain_mask")
_NNUNET_IMAGES = ("imagesTr", "imagesTs", "imagesVal")
_CHANNEL = re.compile(r"^(.+)_(\d{4})$")


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Parameters
    ----------
    name : str
        For people and for naming results.
    images : tuple of Path
        One file, or one per modality in the order of the channels.
    label : Path or None
        None where nothing has been segmented yet.
    """

    name: str
    images: tuple[Path, ...]
    label: Path | None


LeftOut = dict[Path, str]


def find_cases(
    folder: str | os.PathLike[str],
    *,
    need_labels: bool = False,
    left_out: LeftOut | None = None,
) -> list[CaseFiles]:
    """Find the cases of a folder, sorted by name the way people count (2 before 10).

    Layouts, the first that fits:

    * nnU-Net's raw one: ``imagesTr``, ``labelsTr``, channels ``_0000``, ``_0001``...;
    * ``images/`` with ``masks/`` or ``labels/``, matched by name whatever the suffix
      (``x_mask``, ``x_segmentation``... count as a mask of ``x``);
    * one folder per case, or one such folder itself, with a label named label, labels, seg,
      segmentation or mask; ``brainmask`` is ignored, everything else is a modality, by name;
      the case's name may stand before each (``BraTS_001/BraTS_001_flair.nii.gz``);
    * a plain folder of images, with masks ``x_mask``... beside them or without;
    * DICOM files, whatever they are called: a case for each series.

    Parameters
    ----------
    folder : path
        The dataset, or a folder of images to segment.
    need_labels : bool
        For training and evaluation: images without labels are an error that lists them.
    left_out : dict or None
        To be filled with the files and folders that cannot be used, and why, for lists people
        look at; None makes the first of them an error.

    Returns
    -------
    list of CaseFiles
        At least one.

    Raises
    ------
    ValueError
        If there are no images, labels are needed and missing, none of the masks has the name of
        an image, a case lacks a modality that others have, or two files have one name.
    OSError
        If there is no such folder.
    """
    folder = existing_folder(folder)
    layout = layout_of(folder)
    if layout is DatasetLayout.NNUNET:
        cases = _paired(folder / "imagesTr", folder / "labelsTr", left_out)
    elif layout is DatasetLayout.PAIRED_FOLDERS:
        cases = _paired(folder / "images", _label_folder(folder), left_out)
    elif layout is DatasetLayout.CASE_FOLDERS:
        folders = [folder] if images_in(folder) else folders_in(folder)
        cases = [case for case in (_case(sub, left_out) for sub in folders) if case.images]
    else:
        cases = _plain(folder, left_out)
    if not cases and holds_dicom(folder):
        cases = _dicom_cases(folder)
    if not cases:
        raise ValueError(_nothing_found(folder))
    if left_out is None:
        _check_modalities(cases)
    missing = [case.name for case in cases if case.label is None]
    if need_labels and missing:
        raise ValueError(
            f"{len(missing)} of {len(cases)} images in {folder} have no labels: "
            f"{_listed(missing)}; add a mask of the same name (empty where there is nothing) or "
            "move these images away"
        )
    return sorted(cases, key=lambda case: natural_key(case.name))


def _label_folder(folder: Path) -> Path | None:
    return next((folder / name for name in LABEL_FOLDERS if (folder / name).is_dir()), None)


def _paired(images: Path, labels: Path | None, left_out: LeftOut | None) -> list[CaseFiles]:
    masks = _by_stem(labels, left_out) if labels is not None and labels.is_dir() else {}
    grouped = _by_channels(images, masks, left_out)
    cases = [
        CaseFiles(name, tuple(paths), _mask_of(name, masks)) for name, paths in grouped.items()
    ]
    if left_out is None and masks and cases and all(case.label is None for case in cases):
        raise ValueError(
            f"no mask in {labels} has the name of an image in {images} ({_listed(masks)} against "
            f"{_listed(grouped)}); name them alike"
        )
    return cases


def _by_channels(
    images: Path, masks: dict[str, Path], left_out: LeftOut | None
) -> dict[str, list[Path]]:
    """Group the files of nnU-Net by case; elsewhere every file is one."""
    grouped: dict[str, list[Path]] = defaultdict(list)
    for stem, path in _by_stem(images, left_out).items():
        match = _CHANNEL.match(stem) if images.name in _NNUNET_IMAGES else None
        # a mask of the full name says that the four digits count cases, not channels
        grouped[stem if match is None or stem in masks else match[1]].append(path)
    return grouped


def _mask_of(name: str, masks: dict[str, Path]) -> Path | None:
    candidates = (name, *(f"{name}_{ending}" for ending in LABEL_STEMS))
    return next((masks[candidate] for candidate in candidates if candidate in masks), None)


def _by_stem(folder: Path, left_out: LeftOut | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in images_in(folder):
        stem = image_stem(path)
        if stem not in found:
            found[stem] = path
        elif left_out is not None:
            left_out[path] = f"has the same name as {found[stem].name}; rename one of them"
        else:
            raise ValueError(
                f"{found[stem].name} and {path.name} in {folder} have the same name; keep one"
            )
    return found


def _case(folder: Path, left_out: LeftOut | None) -> CaseFiles:
    by_stem = _by_stem(folder, left_out)
    labels = [path for stem, path in by_stem.items() if is_label_stem(stem, folder.name)]
    if len(labels) > 1:
        names = " and ".join(path.name for path in labels)
        if left_out is None:
            raise ValueError(f"{folder} has more than one label file, {names}; keep one")
        left_out[folder] = f"has more than one label file, {names}; keep one"
        return CaseFiles(folder.name, (), None)
    images = [
        path
        for stem, path in by_stem.items()
        if path not in labels and not stem.lower().endswith(IGNORED_STEMS)
    ]
    return CaseFiles(folder.name, tuple(images), labels[0] if labels else None)


def _plain(folder: Path, left_out: LeftOut | None) -> list[CaseFiles]:
    by_stem = _by_stem(folder, left_out)
    masks = {
        stem: path
        for stem, path in by_stem.items()
        if any(
            stem.endswith(f"_{ending}") and stem.removesuffix(f"_{ending}") in by_stem
            for ending in LABEL_STEMS
        )
    }
    return [
        CaseFiles(name, tuple(paths), _mask_of(name, masks))
        for name, paths in _by_channels(folder, {}, left_out).items()
        if name not in masks
    ]


def _check_modalities(cases: Sequence[CaseFiles]) -> None:
    """Refuse a folder where some cases have fewer files than others."""
    counts = [len(case.images) for case in cases]
    fullest = cases[counts.index(max(counts))]
    lacking = [case.name for case in cases if len(case.images) < len(fullest.images)]
    if lacking:
        raise ValueError(
            f"{fullest.name} has {len(fullest.images)} images "
            f"({_listed(path.name for path in fullest.images)}) but {_listed(lacking)} fewer; "
            "give every case the same modalities"
        )


def _dicom_cases(folder: Path) -> list[CaseFiles]:
    """Return a case for each series of images; its first file stands for it."""
    from napari_medseg.io.dicom import find_series

    found = find_series(folder)
    places = [series.files[0].parent for series in found]
    names = [
        place.relative_to(folder.parent).as_posix().replace("/", "_")
        if places.count(place) == 1
        else f"{place.name}_{series.name}"
        for place, series in zip(places, found, strict=True)
    ]
    cases = [
        CaseFiles(_distinct(name, names[:i]), (series.files[0],), None)
        for i, (name, series) in enumerate(zip(names, found, strict=True))
    ]
    return sorted(cases, key=lambda case: natural_key(case.name))


def _distinct(name: str, earlier: Sequence[str]) -> str:
    clean = re.sub(r"[^\w.-]+", "_", name)  # it names the files of its labels
    again = earlier.count(name)
    return f"{clean}_{again + 1}" if again else clean


def _nothing_found(folder: Path) -> str:
    dicom = sorted(path.name for path in folder.glob("*.[dD][cC][mM]"))
    if dicom:
        return (
            f"no DICOM file in {folder} holds an image that can be read ({_listed(dicom)}); copy "
            "or export the series again"
        )
    return f"no images were found in {folder}; it may hold {SUPPORTED}"


def _listed(names: Iterable[str], at_most: int = 5) -> str:
    names = list(names)
    shown = ", ".join(names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"
