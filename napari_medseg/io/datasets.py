"""Which images and labels a folder holds, in the layouts people use."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from napari_medseg.io.paths import SUPPORTED, image_stem, is_image_path, natural_key

LABEL_FOLDERS = ("masks", "labels", "mask", "label")
LABEL_STEMS = ("label", "labels", "seg", "mask", "segmentation")
IGNORED_STEMS = ("brainmask", "brain_mask")
_CHANNEL = re.compile(r"^(.+)_(\d{4})$")


class DatasetLayout(Enum):
    """How a folder is organised."""

    PAIRED_FOLDERS = "images/ and masks/"
    NNUNET = "imagesTr/ and labelsTr/"
    CASE_FOLDERS = "one folder per case"
    IMAGES = "images without labels"


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


@dataclass(frozen=True)
class DatasetInfo:
    """What a folder says about itself.

    Parameters
    ----------
    layout : DatasetLayout
        How it is organised.
    channels : tuple of str
        Name of each input channel where known, else empty.
    labels : dict
        Name of each label value but background where known, else empty.
    """

    layout: DatasetLayout
    channels: tuple[str, ...] = ()
    labels: dict[int, str] = field(default_factory=dict)


def find_cases(folder: str | os.PathLike[str]) -> list[CaseFiles]:
    """Find the cases of a folder, sorted by name the way people count (2 before 10).

    Layouts, the first that fits: nnU-Net's raw one (``imagesTr``, ``labelsTr``, channels
    ``_0000``...); ``images/`` with ``masks/`` or ``labels/``, matched by name whatever the
    suffix; one folder per case with a label named label, labels, seg, segmentation or mask
    (``brainmask`` is ignored, everything else is a modality, by name); else a plain folder of
    images without labels.

    Parameters
    ----------
    folder : path
        The dataset, or a folder of images to segment.

    Returns
    -------
    list of CaseFiles
        At least one.

    Raises
    ------
    ValueError
        If there are no images, images without a mask beside others that have one, or two files
        of one name.
    OSError
        If there is no such folder.
    """
    folder = _existing(folder)
    layout = _layout(folder)
    if layout is DatasetLayout.NNUNET:
        cases = _paired(folder / "imagesTr", folder / "labelsTr", channels=True)
    elif layout is DatasetLayout.PAIRED_FOLDERS:
        cases = _paired(folder / "images", _label_folder(folder), channels=False)
    elif layout is DatasetLayout.CASE_FOLDERS:
        cases = _case_folders(folder)
    else:
        cases = _plain(folder)
    if not cases:
        raise ValueError(f"no images were found in {folder}; it may hold {SUPPORTED}")
    return sorted(cases, key=lambda case: natural_key(case.name))


def dataset_info(folder: str | os.PathLike[str]) -> DatasetInfo:
    """Say how a folder is organised and, from nnU-Net's ``dataset.json``, what it holds."""
    folder = _existing(folder)
    layout = _layout(folder)
    described = folder / "dataset.json"
    if not described.is_file():
        return DatasetInfo(layout)
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        channels = content.get("channel_names") or content.get("modality") or {}
        ordered = sorted(channels.items(), key=lambda item: int(item[0]))
        return DatasetInfo(
            layout, tuple(str(name) for _, name in ordered), _label_names(content["labels"])
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{described} is not an nnU-Net description with 'channel_names' and 'labels'; "
            "correct or remove it"
        ) from error


def _label_names(labels: dict[str, object]) -> dict[int, str]:
    """Read both of nnU-Net's forms: {"liver": 1} and the older {"1": "liver"}."""
    names: dict[int, str] = {}
    for key, value in labels.items():
        if isinstance(value, int):
            names[value] = key
        elif isinstance(value, str):
            names[int(key)] = value
    return {value: name for value, name in names.items() if value != 0}


def _existing(folder: str | os.PathLike[str]) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "not there"
        raise OSError(f"the folder {folder} is {what}; check the path")
    return folder


def _layout(folder: Path) -> DatasetLayout:
    if (folder / "imagesTr").is_dir():
        return DatasetLayout.NNUNET
    if (folder / "images").is_dir():
        return DatasetLayout.PAIRED_FOLDERS
    if not _images(folder) and any(_images(sub) for sub in _folders(folder)):
        return DatasetLayout.CASE_FOLDERS
    return DatasetLayout.IMAGES


def _images(folder: Path) -> list[Path]:
    files = [path for path in folder.iterdir() if path.is_file() and is_image_path(path)]
    return sorted(files, key=lambda path: natural_key(path.name))


def _folders(folder: Path) -> list[Path]:
    found = [sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith(".")]
    return sorted(found, key=lambda path: natural_key(path.name))


def _label_folder(folder: Path) -> Path | None:
    return next((folder / name for name in LABEL_FOLDERS if (folder / name).is_dir()), None)


def _paired(images: Path, labels: Path | None, *, channels: bool) -> list[CaseFiles]:
    grouped: dict[str, list[Path]] = defaultdict(list)
    for path in _images(images):
        stem = image_stem(path)
        match = _CHANNEL.match(stem) if channels else None
        grouped[match[1] if match else stem].append(path)
    for name, paths in grouped.items():
        _no_duplicates(paths, images, name)
    if labels is None or not labels.is_dir():
        return [CaseFiles(name, tuple(paths), None) for name, paths in grouped.items()]
    masks = _by_stem(labels)
    missing = [name for name in grouped if _mask_of(name, masks) is None]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(grouped)} images have no mask in {labels}: "
            f"{_listed(missing)}; add a mask of the same name (empty where there is nothing) or "
            "move these images away"
        )
    return [CaseFiles(name, tuple(paths), _mask_of(name, masks)) for name, paths in grouped.items()]


def _mask_of(name: str, masks: dict[str, Path]) -> Path | None:
    candidates = (name, *(f"{name}_{ending}" for ending in LABEL_STEMS))
    return next((masks[candidate] for candidate in candidates if candidate in masks), None)


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _images(folder):
        stem = image_stem(path)
        if stem in found:
            raise ValueError(
                f"{found[stem].name} and {path.name} in {folder} have the same name; keep one"
            )
        found[stem] = path
    return found


def _no_duplicates(paths: list[Path], folder: Path, name: str) -> None:
    stems = [image_stem(path) for path in paths]
    if len(set(stems)) < len(stems):
        names = " and ".join(path.name for path in paths)
        raise ValueError(f"{names} in {folder} are the same case {name!r}; keep one")


def _case_folders(folder: Path) -> list[CaseFiles]:
    cases = []
    for sub in _folders(folder):
        by_stem = _by_stem(sub)
        labels = [path for stem, path in by_stem.items() if stem.lower() in LABEL_STEMS]
        if len(labels) > 1:
            names = " and ".join(path.name for path in labels)
            raise ValueError(f"{sub} has more than one label file, {names}; keep one")
        images = [
            path
            for stem, path in by_stem.items()
            if stem.lower() not in (*LABEL_STEMS, *IGNORED_STEMS)
        ]
        if images:
            cases.append(CaseFiles(sub.name, tuple(images), labels[0] if labels else None))
    return cases


def _plain(folder: Path) -> list[CaseFiles]:
    return [CaseFiles(stem, (path,), None) for stem, path in _by_stem(folder).items()]


def _listed(names: Iterable[str], at_most: int = 5) -> str:
    names = list(names)
    shown = ", ".join(names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"
