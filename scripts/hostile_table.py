"""Try every file of a folder, and write down what became of it as a Markdown table.

    python scripts/hostile_table.py FOLDER [--seconds 120] [--memory 6] [--segment]

Each file, and each DICOM series of several files, is opened as an image and as labels in a
process of its own, with limits of time and memory, and what was opened is compared with another
library's reading of it (see other_readers.py). With ``--segment``, images of up to 100,000
voxels are also segmented by a tiny network, and the labels written in the image's own format must
have the image's grid. At the end stand the counts that must be 0: crashes and silent shifts.
The exit status is 1 if they are not.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SERIES = 3  # files from which on a series is one row, not one row for each file
_SMALL = 100_000  # voxels
_HEAD = "| file | format | as an image | how it was checked | as labels |\n|---|---|---|---|---|"


@dataclass
class Row:
    """What became of one file."""

    file: str
    format: str = ""
    image: str = ""
    checked: str = ""
    labels: str = ""
    crash: str = ""  # the last lines of a traceback, or the limit that was broken
    noise: str = ""  # what was printed or warned of on the way

    @property
    def shifted(self) -> bool:
        """Whether something lies elsewhere than another library finds it."""
        return "SHIFT" in self.checked

    @property
    def line(self) -> str:
        """The row of the table."""
        image = f"**crash**: {self.crash}" if self.crash else self.image
        cells = (f"`{self.file}`", self.format, image, self.checked, self.labels)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rows_of(folder: Path) -> list[Path]:
    """Return what is tried: every file, of a series of several files only the first."""
    from napari_medseg.io.dicom import find_series, is_dicom

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    zarrs = sorted({p.parent for p in files if p.name in ("zarr.json", ".zattrs", ".zgroup")})
    stores = [p for p in zarrs if not any(other in p.parents for other in zarrs)]
    files = [p for p in files if not any(store in p.parents for store in stores)]
    covered: set[Path] = set()
    for parent in sorted({path.parent for path in files if is_dicom(path)}):
        for series in find_series(parent):
            if len(series.files) >= _SERIES:
                covered.update(set(series.files[1:]))
    return [path for path in [*files, *stores] if path not in covered]


def tried(path: Path, root: Path, seconds: float, gigabytes: float, segment: bool) -> Row:
    """Open `path` in a process of its own and return what became of it."""
    name = str(path.relative_to(root))

    def limited() -> None:
        limit = int(gigabytes * 1e9)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.json"
        words = [sys.executable, __file__, str(path), "--answer", str(answer)]
        words += ["--segment"] if segment else []
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=seconds, preexec_fn=limited
            )
        except subprocess.TimeoutExpired:
            return Row(name, crash=f"longer than {seconds:g} s")
        if not answer.exists():
            last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
            return Row(name, crash=last[0])
        found = Row(**json.loads(answer.read_text()))
    found.noise = found.noise or (done.stdout + done.stderr).strip()
    found.file = name
    for place in (f"{path.parent}/", f"{root}/", str(root)):  # nobody's folders in a table
        for key, text in asdict(found).items():
            setattr(found, key, text.replace(place, ""))
    return found


def attempt(path: Path, segment: bool) -> Row:
    """Open `path` as an image and as labels, here."""
    from other_readers import compare

    from napari_medseg.io import read_labels, read_volume

    row = Row(path.name)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        image, row.image = _opened(read_volume, path, row)
        labels, row.labels = _opened(read_labels, path, row)
        if image is not None or labels is not None:
            volume = labels if image is None else image
            row.format = volume.storage.format if volume.storage else "zarr"
        row.noise = "; ".join(f"{one.category.__name__}: {one.message}" for one in said)
    if image is None:
        row.checked = compare(labels, path) if labels is not None else ""
    else:
        row.checked = compare(image, path)
    if labels is not None:
        row.labels = _values(labels)
    if segment and image is not None and image.array[0].size <= _SMALL:
        row.checked += f"; {_guarded(_segmented, path, row)}"
    return row


def _opened(read: Callable[[Path], Any], path: Path, row: Row) -> tuple[Any, str]:
    """Return a volume and its words, or None and the sentence of the refusal."""
    try:
        volume = read(path)
    except (ValueError, OSError) as error:
        return None, f"refused: {' '.join(str(error).split())}"
    except Exception:  # noqa: BLE001  # exactly what is looked for
        row.crash = _last_of_traceback()
        return None, ""
    return volume, _words(volume)


def _guarded(work: Callable[[Path], str], path: Path, row: Row) -> str:
    try:
        return work(path)
    except Exception:  # noqa: BLE001  # exactly what is looked for
        row.crash = _last_of_traceback()
        return ""


def _last_of_traceback() -> str:
    return " ".join(traceback.format_exc().strip().splitlines()[-1].split())


def _words(volume: Any) -> str:
    size = " x ".join(str(n) for n in volume.shape)
    steps = " x ".join(f"{s:.4g}" for s in volume.spacing) + " mm"
    steps = steps if volume.spacing_known else "voxel size unknown"
    channels = f"{len(volume.array)} channels, " if len(volume.array) > 1 else ""
    notes = "".join(f"; note: {note}" for note in volume.notes)
    return f"opened: {channels}{size}, {steps}, {volume.array.dtype}{notes}"


def _values(labels: Any) -> str:
    import numpy as np

    found = [int(value) for value in np.unique(labels.array)]
    shown = ", ".join(str(value) for value in found[:6]) + (", ..." if len(found) > 6 else "")
    return f"opened: values {shown}"


def _segmented(path: Path) -> str:
    """Segment with a tiny network, write the labels and look for the image's grid in them."""
    import torch

    from napari_medseg import Segmenter
    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.io import check_same_grid, read_labels, read_volume, write_labels
    from napari_medseg.networks import create_network

    torch.manual_seed(0)
    volume = read_volume(path)
    options = {"spatial_dims": volume.spatial_dims, "in_channels": len(volume.array)}
    network = create_network(
        "lgmsnet", preset="small", num_classes=2, widths=(4, 4, 8, 8, 8), **options
    )
    card = ModelCard(
        name="tiny",
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="something"),),
        preprocessing=Preprocessing(window=(32,) * volume.spatial_dims),
    )
    labels = Segmenter(network, card).segment(volume).labels
    with tempfile.TemporaryDirectory() as scratch:
        suffix = ".png" if volume.storage and volume.storage.format == "image" else ".nii.gz"
        suffix = suffix if volume.spatial_dims == 2 else ".nii.gz"
        out = Path(scratch) / f"labels{suffix}"
        write_labels(out, labels, like=volume)
        check_same_grid(volume, read_labels(out), "image", "labels")
    return "segmented, labels on its grid"


def main(words: Sequence[str] | None = None) -> int:
    """Try the files of a folder; or, when called by itself, one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--memory", type=float, default=6, help="address space of a child, GB")
    parser.add_argument("--segment", action="store_true")
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.answer:
        given.answer.write_text(json.dumps(asdict(attempt(given.folder, given.segment))))
        return 0
    print(_HEAD)
    rows = []
    for path in rows_of(given.folder):
        row = tried(path, given.folder, given.seconds, given.memory, given.segment)
        print(row.line, flush=True)
        rows.append(row)
    counts = Counter(
        "crashed" if row.crash else "opened" if "opened" in row.image + row.labels else "refused"
        for row in rows
    )
    checked = sum(bool(row.checked) and "not checked" not in row.checked for row in rows)
    shifted = sum(row.shifted for row in rows)
    print(
        f"\n{len(rows)} tried: {counts['opened']} opened ({checked} checked by another library), "
        f"{counts['refused']} refused in a sentence; {counts['crashed']} crashes, "
        f"{shifted} silent shifts."
    )
    for row in rows:
        if row.noise:
            print(f"printed or warned while opening {row.file}: {row.noise}", file=sys.stderr)
    return int(bool(counts["crashed"] or shifted))


if __name__ == "__main__":
    raise SystemExit(main())
