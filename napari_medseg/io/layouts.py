"""How a folder of images is organised, and what it says about itself."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from napari_medseg.io.paths import image_stem, is_image_path, is_zarr_folder, natural_key

LABEL_FOLDERS = ("masks", "labels", "mask", "label")
LABEL_STEMS = ("label", "labels", "seg", "mask", "segmentation")


class DatasetLayout(Enum):
    """How a folder is organised."""

    PAIRED_FOLDERS = "images/ and masks/"
    NNUNET = "imagesTr/ and labelsTr/"
    CASE_FOLDERS = "one folder per case"
    IMAGES = "one folder of images"


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


def dataset_info(folder: str | os.PathLike[str]) -> DatasetInfo:
    """Say how a folder is organised and, from nnU-Net's ``dataset.json``, what it holds.

    Raises
    ------
    ValueError
        If ``dataset.json`` is not what nnU-Net writes.
    OSError
        If there is no such folder.
    """
    folder = existing_folder(folder)
    layout = layout_of(folder)
    described = folder / "dataset.json"
    if not described.is_file():
        return DatasetInfo(layout)
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        channels = content.get("channel_names") or content.get("modality") or {}
        ordered = sorted(channels.items(), key=lambda item: int(item[0]))
        names = tuple(str(name) for _, name in ordered)
        return DatasetInfo(layout, names, label_names(content["labels"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{described} is not an nnU-Net description with 'channel_names' and 'labels'; "
            "correct or remove it"
        ) from error


def layout_of(folder: Path) -> DatasetLayout:
    """Tell the layout of an existing folder from the names in it."""
    if (folder / "imagesTr").is_dir():
        return DatasetLayout.NNUNET
    if (folder / "images").is_dir():
        return DatasetLayout.PAIRED_FOLDERS
    images = images_in(folder)
    if any(is_label_stem(image_stem(path), folder.name) for path in images):
        return DatasetLayout.CASE_FOLDERS  # of one case, itself
    if not images and any(images_in(sub) for sub in folders_in(folder)):
        return DatasetLayout.CASE_FOLDERS
    return DatasetLayout.IMAGES


def existing_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the folder as a `Path`, or raise an `OSError` saying what is wrong with it."""
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "not there"
        raise OSError(f"the folder {folder} is {what}; check the path")
    return folder


def images_in(folder: Path) -> list[Path]:
    """List the images of a folder in natural order; hidden ones are left out."""
    files = [
        path
        for path in folder.iterdir()
        if is_image_path(path) and (path.is_file() or is_zarr_folder(path))
    ]
    return sorted(files, key=lambda path: natural_key(path.name))


def folders_in(folder: Path) -> list[Path]:
    """List the folders in a folder in natural order; hidden ones are left out."""
    found = [
        sub
        for sub in folder.iterdir()
        if sub.is_dir() and not sub.name.startswith(".") and not is_zarr_folder(sub)
    ]
    return sorted(found, key=lambda path: natural_key(path.name))


def is_label_stem(stem: str, case: str) -> bool:
    """Whether a file of a case folder is its label: ``seg``, or ``BraTS_001_seg``."""
    return stem.lower().removeprefix(f"{case.lower()}_") in LABEL_STEMS


def label_names(labels: dict[str, object]) -> dict[int, str]:
    """Return the name of each value but 0, from ``labels`` of a ``dataset.json``.

    Both of nnU-Net's forms are read: {"liver": 1} and the older {"1": "liver"}.
    """
    names: dict[int, str] = {}
    for key, value in labels.items():
        if isinstance(value, int):
            names[value] = key
        elif isinstance(value, str):
            names[int(key)] = value
    return {value: name for value, name in names.items() if value != 0}
