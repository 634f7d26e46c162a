"""Which files of a folder belong together: one series, one geometry, one volume."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_medseg.io.dicom.headers import Frame, Header, read_header
from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.paths import is_dicom, natural_key
from napari_medseg.progress import Report, Step, silent


@dataclass(frozen=True, eq=False)
class Series:
    """Frames that make one volume, or one picture.

    Parameters
    ----------
    frames : tuple of Frame
        In the order of the files.
    part : str
        What sets it apart from the others of its series: "echo 80", "b 1000"; often empty.
    notes : tuple of str
        What a person should know: files beside it that are damaged and may belong to it.
    """

    frames: tuple[Frame, ...]
    part: str = ""
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> Header:
        """The header of its first file."""
        return self.frames[0].header

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files, each once."""
        return tuple(dict.fromkeys(frame.header.path for frame in self.frames))

    @property
    def name(self) -> str:
        """For people: "Abdomen 3.0 B30f, echo 80"."""
        head = self.header
        what = head.text("SeriesDescription") or head.text("ProtocolName")
        what = what or f"{head.text('Modality')} {head.text('SeriesNumber')}".strip()
        return ", ".join(word for word in (what or head.path.stem, self.part) if word)

    @property
    def words(self) -> str:
        """A line for choosing among several: name, modality, size."""
        tags, count = self.header.tags, len(self.frames)
        size = f"{tags.Columns} x {tags.Rows}" + (f" x {count}" if count > 1 else "")
        return f"{self.name} ({self.header.text('Modality') or 'unknown kind'}, {size})"


def find_series(folder: Path, report: Report = silent) -> list[Series]:
    """Find the series of images in a folder and its subfolders; labels (SEG) are left out.

    Parameters
    ----------
    folder : Path
        All files of it are looked at, whatever they are called.
    report : Report
        Called for every hundredth file.

    Returns
    -------
    list of Series
        By series number. A series that holds several volumes, as of several echoes or times, or a
        localiser in another orientation, is several.

    Raises
    ------
    UnusableFile
        If all its DICOM files are damaged; the message is that of the first.
    OSError
        If the folder cannot be read.
    """
    files = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: natural_key(str(p)))
    found = []
    for done, path in enumerate(files):
        if done % 100 == 0:
            report(Step(done, len(files), "file", "looking for images" if done == 0 else ""))
        if not path.name.startswith(".") and path.name != "DICOMDIR" and is_dicom(path):
            found.append(path)
    headers, damaged = _read_headers(found)
    if damaged and not headers:
        raise next(iter(damaged.values()))
    return _grouped(headers, damaged)


def series_of(path: Path) -> list[Series]:
    """Return the volumes of the series that a file belongs to, with the files beside it."""
    header = read_header(path)
    uid = header.text("SeriesInstanceUID")
    beside: list[Path] = []
    if uid and int(header.tags.get("NumberOfFrames") or 1) == 1:
        beside = sorted((p for p in path.parent.iterdir() if p.is_file()), key=_by_name)
    headers, damaged = _read_headers([p for p in beside if p != path and is_dicom(p)])
    own = [header, *(h for h in headers if h.text("SeriesInstanceUID") == uid)]
    return _grouped(sorted(own, key=lambda h: _by_name(h.path)), damaged)


def _read_headers(paths: Sequence[Path]) -> tuple[list[Header], dict[Path, UnusableFile]]:
    """Return the headers of files, and what is wrong with the files whose header is damaged."""
    headers: list[Header] = []
    damaged: dict[Path, UnusableFile] = {}
    for path in paths:
        try:
            header = read_header(path)
            header.frames()
        except UnusableFile as error:
            damaged[path] = error  # it cannot say to which series it belongs
        else:
            headers.append(header)
    return headers, damaged


def _by_name(path: Path) -> list[tuple[int, int, str]]:
    return natural_key(path.name)


def _grouped(headers: Sequence[Header], damaged: Iterable[Path] = ()) -> list[Series]:
    groups: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for header in headers:
        if not header.has_pixels or header.is_segmentation:
            continue
        uid = header.text("SeriesInstanceUID") or str(header.path)
        frames = header.frames()
        alone = not frames[0].placed  # without a place, nothing says that two files are one volume
        for frame in frames:
            groups[(uid, _shape(frame), str(header.path) if alone else "")].append(frame)
    found = [part for frames in groups.values() for part in _volumes(frames)]
    return sorted((_warned(series, damaged) for series in found), key=_order)


def _warned(series: Series, damaged: Iterable[Path]) -> Series:
    """Say that files beside a series are damaged: slices at its ends could be missing unseen."""
    folders = {file.parent for file in series.files}
    names = [path.name for path in damaged if path.parent in folders]
    if not names:
        return series
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    files = "1 file beside it is" if len(names) == 1 else f"{len(names)} files beside it are"
    note = f"{files} damaged and left out, perhaps slices of it: {shown}"
    return replace(series, notes=(note,))


def _shape(frame: Frame) -> tuple[object, ...]:
    """Return what all slices of a volume share."""
    tags = frame.header.tags
    cosines: tuple[float, ...] = ()
    if frame.rows is not None and frame.columns is not None:
        cosines = tuple(float(c) + 0.0 for c in np.round([*frame.rows, *frame.columns], 2))
    return int(tags.Rows), int(tags.Columns), int(tags.get("SamplesPerPixel") or 1), cosines


def _volumes(frames: list[Frame]) -> list[Series]:
    """Split frames of which several lie in one place by what tells these apart."""
    most = max(_places(frames).values(), default=1)  # frames in one place
    if not frames[0].placed or most == 1:
        return [Series(tuple(frames))]
    for word in dict(kind for frame in frames for kind in frame.kind):
        parts: dict[str, list[Frame]] = defaultdict(list)
        for frame in frames:
            parts[dict(frame.kind).get(word, "")].append(frame)
        groups = list(parts.items())
        alone = all(max(_places(part).values()) == 1 for _, part in groups)
        if alone and len(groups) == most:
            return [Series(tuple(part), f"{word} {value}".strip()) for value, part in groups]
    return [Series(tuple(frames))]


def _places(frames: list[Frame]) -> Counter[tuple[float, ...]]:
    """Count the frames in each place, to a hundredth of a millimetre."""
    return Counter(tuple(np.round(f.position, 2)) for f in frames if f.position is not None)


def _order(series: Series) -> tuple[int, list[tuple[int, int, str]]]:
    number = series.header.text("SeriesNumber")
    return int(number) if number.isdecimal() else 0, natural_key(series.name)
