"""A case read from its files, in any thread: its image, its labels, and what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.case_labels import fingerprint
from napari_medseg.io import CaseFiles, image_stem, read_labels, read_volume
from napari_medseg.io.classes import ClassName
from napari_medseg.io.placing import Relation, grid_relation
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.file_classes import file_classes


@dataclass(frozen=True, eq=False)
class ReadCase:
    """What is shown when a case is opened.

    Parameters
    ----------
    case : CaseFiles
        Its files.
    volume : Volume
        Its image, ``(C, *S)``.
    labels : Volume or None
        The saved labels, else those that came with the case, ``(1, *S)``.
    saved : bool
        Whether the labels are the saved ones.
    known : str
        Fingerprint of the saved label file as it was read; empty if it is not shown.
    provenance : dict
        How the saved labels came about, as far as their JSON file says.
    values : tuple of int
        The values the labels hold, 0 left out.
    warning : str
        Why there are labels that are not shown; empty if all is well.
    classes : tuple of ClassName
        What the values are called, as far as the file or a table beside it says.
    relation : Relation or None
        How the labels lie to the image where that is not voxel for voxel: a person is asked.
    """

    case: CaseFiles
    volume: Volume
    labels: Volume | None = None
    saved: bool = False
    known: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    values: tuple[int, ...] = ()
    warning: str = ""
    classes: tuple[ClassName, ...] = ()
    relation: Relation | None = None


def read_case(case: CaseFiles, saved: Path | None, report: Report = silent) -> ReadCase:
    """Read the image of a case and its labels: the saved ones, else those it came with.

    Labels that cannot be read, or do not fit, are left out with a warning: the image is shown.

    Raises
    ------
    ValueError
        If the image cannot be used.
    OSError
        If it cannot be read.
    """
    report(Step(0, 0, "image", f"reading {case.name} …"))
    volume = read_volume(list(case.images))
    path = saved if saved is not None else case.label
    if path is None:
        return ReadCase(case, volume)
    report(Step(0, 0, "image", f"reading the labels of {case.name} …"))
    known = fingerprint(path) if saved is not None else ""
    try:
        labels = read_labels(path)
        relation = grid_relation(labels, volume)
        if not relation.overlap:
            raise ValueError(f"{relation.words}; they were made for another image")
    except (ValueError, OSError) as error:
        return ReadCase(case, volume, warning=f"the labels of {case.name} are not shown: {error}")
    return ReadCase(
        case,
        volume,
        labels,
        saved is not None,
        known,
        _provenance(path) if saved is not None else {},
        _values(labels.array),
        classes=file_classes(labels, path),
        relation=None if relation.kind == "same" else relation,
    )


def _values(labels: np.ndarray) -> tuple[int, ...]:
    if labels.dtype.itemsize > 2:
        return tuple(int(v) for v in np.unique(labels) if v)
    return tuple(int(v) for v in np.flatnonzero(np.bincount(labels.ravel())) if v)


def _provenance(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.with_name(f"{image_stem(path)}.json").read_text("utf-8"))
    except (ValueError, OSError):  # labels need no such file
        return {}
    return content if isinstance(content, dict) else {}
