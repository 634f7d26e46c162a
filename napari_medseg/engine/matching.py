"""Which prediction belongs to which truth, by name or case folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_medseg.io import find_cases, image_stem, is_image_path
from napari_medseg.io.layouts import LABEL_FOLDERS, LABEL_STEMS
from napari_medseg.io.paths import is_zarr_folder

_LABEL_FOLDERS = ("labelsTr", "labelsTs", *LABEL_FOLDERS)
_ENDING = re.compile(r"(_0000|[_-](labels?|seg|segmentation|masks?|pred|prediction))+$", re.I)
_MAP = re.compile(r"_(probabilities|uncertainty)$")


@dataclass(frozen=True)
class Pairs:
    """Predictions with their truths, and what is left over.

    Parameters
    ----------
    matched : tuple
        ``(name, prediction, truth)`` of every case that has both.
    missing : tuple of str
        Cases of the truth without a prediction.
    unmatched : tuple of str
        Predictions without a truth.
    """

    matched: tuple[tuple[str, Path, Path], ...]
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


def match(prediction: Path, truth: Path) -> Pairs:
    """Pair two label files, or the label files of two folders by the names of their cases.

    A folder may hold label files (of DICOM: segmentations), case folders, ``images/`` with
    ``masks/`` or ``labels/``, or nnU-Net's raw layout. Names match exactly, else without the
    endings ``_0000``, ``_seg``, ``_mask``, ``_label`` and ``_pred``.

    Raises
    ------
    ValueError
        If nothing matches, or both names of two files stand for one case.
    OSError
        If one of the paths is not there.
    """
    if _is_image(prediction) and _is_image(truth):
        return Pairs(((image_stem(prediction), prediction, truth),))
    predictions, truths = label_files(prediction), label_files(truth)
    if _is_image(truth):  # a folder of predictions against one truth: its own is meant
        predictions = {n: p for n, p in predictions.items() if _core(n) in map(_core, truths)}
    partner = _partners(predictions, truths)
    matched = tuple((name, predictions[name], truths[partner[name]]) for name in partner)
    if not matched:
        raise ValueError(
            f"no prediction in {prediction} has the name of a truth in {truth} "
            f"({_some(predictions)} against {_some(truths)}); name them alike"
        )
    missing = tuple(sorted(set(truths) - set(partner.values())))
    unmatched = tuple(sorted(set(predictions) - set(partner)))
    return Pairs(matched, () if _is_image(prediction) else missing, unmatched)


def label_files(path: Path) -> dict[str, Path]:
    """Find the label file of every case in a folder, or of the one case a file is.

    Parameters
    ----------
    path : Path
        A label file; a folder of them; a data set as nnU-Net or MONAI lays it out; or a folder
        with a folder for each case.

    Returns
    -------
    dict
        By the name of the case.

    Raises
    ------
    ValueError
        If two files are of one case.
    OSError
        If nothing is there.
    """
    if _is_image(path):
        return {_case_name(path): path}
    if not path.is_dir():
        raise OSError(f"{path} is not there; check the path")
    if (path / "imagesTr").is_dir() or (path / "images").is_dir():
        return {case.name: case.label for case in find_cases(path) if case.label is not None}
    if not _label_images(path):
        folders = sorted(sub for sub in path.iterdir() if sub.is_dir())
        labels = next((sub for sub in folders if sub.name in _LABEL_FOLDERS), None)
        if labels is not None:
            return label_files(labels)
        found = {sub.name: _label_of_case(sub) for sub in folders}
        return {name: file for name, file in found.items() if file is not None}
    files: dict[str, Path] = {}
    for file in _label_images(path):
        other = files.setdefault(image_stem(file), file)
        if other is not file:
            raise ValueError(
                f"{other.name} and {file.name} in {path} are the same case; keep one of them"
            )
    return files


def _is_image(path: Path) -> bool:
    """Whether it is one image: a file, or the folder of an OME-Zarr."""
    return path.is_file() or is_zarr_folder(path)


def _label_images(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if (is_image_path(file) and _is_image(file) and not _MAP.search(image_stem(file)))
        or _is_segmentation(file)
    )


def _is_segmentation(file: Path) -> bool:
    """Whether it is a DICOM segmentation, or a damaged file that may be one; slices are not."""
    if file.suffix.lower() != ".dcm" or not file.is_file():
        return False
    from napari_medseg.io.dicom import is_segmentation

    try:
        return is_segmentation(file)
    except ValueError:
        return True


def _label_of_case(folder: Path) -> Path | None:
    files = _label_images(folder)
    labels = [file for file in files if image_stem(file).lower() in LABEL_STEMS]
    if len(labels) > 1:
        names = " and ".join(file.name for file in labels)
        raise ValueError(f"{folder} has more than one label file, {names}; keep one of them")
    return labels[0] if labels else files[0] if len(files) == 1 else None


def _case_name(file: Path) -> str:
    stem = image_stem(file)
    return file.resolve().parent.name if stem.lower() in LABEL_STEMS else stem


def _partners(predictions: dict[str, Path], truths: dict[str, Path]) -> dict[str, str]:
    """Map the name of each prediction to that of its truth, exact names before shortened ones."""
    partner = {name: name for name in predictions if name in truths}
    taken = set(partner.values())
    by_core: dict[str, list[str]] = {}
    for name in truths:
        if name not in taken:
            by_core.setdefault(_core(name), []).append(name)
    for name in predictions:
        candidates = by_core.get(_core(name), []) if name not in partner else []
        if len(candidates) > 1:
            raise ValueError(
                f"the prediction {name} could belong to {' or '.join(candidates)}; name them alike"
            )
        if candidates and candidates[0] not in taken:
            partner[name] = candidates[0]
            taken.add(candidates[0])
    return {name: partner[name] for name in predictions if name in partner}


def _core(name: str) -> str:
    return _ENDING.sub("", name)


def _some(names: dict[str, Path]) -> str:
    shown = ", ".join(list(names)[:3]) or "no label files"
    return shown if len(names) <= 3 else f"{shown}, ..."
