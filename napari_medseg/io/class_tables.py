"""Names and colours of classes that lie in a table beside a label file.

Formats like NIfTI hold numbers only; what they mean is said by a small file beside them: our own
provenance, BIDS (``*_dseg.tsv``), ITK-SNAP's label descriptions, 3D Slicer's colour table, or the
``dataset.json`` of nnU-Net and the Medical Segmentation Decathlon.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from napari_medseg.io.classes import ClassName, classes_in, colour_in, hex_colour
from napari_medseg.io.layouts import label_names
from napari_medseg.io.paths import image_stem

Classes = tuple[ClassName, ...]

_log = logging.getLogger(__name__)
_LARGEST = 1 << 20  # bytes: a larger file is no table of classes
_ITK_SNAP = re.compile(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+[\d.]+\s+[01]\s+[01]\s+"(.*)"\s*')
_SLICER = re.compile(r"\s*(\d+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+\s*")
_FOLDERS_UP = 3  # BIDS: session, subject, data set


def classes_beside(path: str | os.PathLike[str]) -> Classes:
    """Return the classes that a table beside a label file names, by ascending value.

    Parameters
    ----------
    path : path
        A label file. Looked at, the first that names something: ``NAME.json`` (how MedSeg says
        it), ``NAME.tsv`` (BIDS), ``NAME.label``, ``NAME.txt`` (ITK-SNAP), ``NAME.ctbl`` (Slicer),
        then a ``*dseg.tsv`` that BIDS lets this file inherit, then ``dataset.json`` in its folder
        or the one above.

    Returns
    -------
    tuple of ClassName
        Without the background; the colour is empty where none is given. Empty if there is no
        table, or only such that cannot be read: labels need none.
    """
    path = Path(path)
    stem = image_stem(path)
    beside: list[tuple[Path, Callable[[str], Iterable[ClassName]]]] = [
        (path.with_name(f"{stem}.json"), _provenance),
        (path.with_name(f"{stem}.tsv"), _bids),
        (path.with_name(f"{stem}.label"), _itk_snap),
        (path.with_name(f"{stem}.txt"), _itk_snap),
        (path.with_name(f"{stem}.ctbl"), _slicer),
        *((table, _bids) for table in _inherited(path)),
        *((folder / "dataset.json", _dataset) for folder in (path.parent, path.parent.parent)),
    ]
    for table, read in beside:
        found = _classes(table, read)
        if found:
            return found
    return ()


def _classes(table: Path, read: Callable[[str], Iterable[ClassName]]) -> Classes:
    try:
        if not table.is_file() or table.stat().st_size > _LARGEST:
            return ()
        found = read(table.read_text(encoding="utf-8-sig"))
        by_value = {c.value: c for c in found if c.value > 0 and c.name}
    except (ValueError, TypeError, AttributeError, KeyError, OSError):
        _log.debug("%s is no table of classes", table, exc_info=True)
        return ()
    return tuple(by_value[value] for value in sorted(by_value))


def _provenance(text: str) -> Iterable[ClassName]:
    """Read what `write_labels` wrote beside labels: names, and colours since they are written."""
    return classes_in(text) or ()


def _bids(text: str) -> Iterable[ClassName]:
    """Read a look-up table of BIDS 1.10, "Segmentations": index, name and, if given, color."""
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return [
        ClassName(int(row["index"]), row["name"].strip(), colour_in(row.get("color") or ""))
        for row in rows
    ]


def _itk_snap(text: str) -> Iterable[ClassName]:
    """Read lines of index, red, green, blue, opacity, two switches, and the quoted name."""
    for line in text.splitlines():
        match = _ITK_SNAP.fullmatch(line)
        if match:
            value, *rgb = (int(number) for number in match.groups()[:4])
            yield ClassName(value, match[5].strip(), hex_colour([part / 255 for part in rgb]))


def _slicer(text: str) -> Iterable[ClassName]:
    """Read lines of index, name, red, green, blue and opacity."""
    for line in text.splitlines():
        match = _SLICER.fullmatch(line)
        if match:
            rgb = [int(number) / 255 for number in match.groups()[2:]]
            yield ClassName(int(match[1]), match[2].replace("_", " "), hex_colour(rgb))


def _dataset(text: str) -> Iterable[ClassName]:
    labels = label_names(json.loads(text).get("labels", {}))
    return [ClassName(value, name) for value, name in labels.items()]


def _inherited(path: Path) -> list[Path]:
    """Return the tables that BIDS lets a segmentation inherit, the nearest first.

    Source: BIDS 1.10, "The Inheritance Principle": a file above applies if all parts of its name
    are parts of the name of the file below.
    """
    parts = set(image_stem(path).split("_"))
    if "dseg" not in parts:
        return []
    tables = []
    for folder in [path.parent, *path.parent.parents][: _FOLDERS_UP + 1]:
        found = [t for t in folder.glob("*dseg.tsv") if set(t.stem.split("_")) <= parts]
        tables += sorted(found, key=lambda t: (-len(t.stem.split("_")), t.name))
    return tables
