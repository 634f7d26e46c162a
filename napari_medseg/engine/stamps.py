"""Whether a file is still the one it was, without reading it; and its hash, read only once."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from napari_medseg.progress import Report, Step, silent

Stamp = tuple[int, int]
"""Size in bytes and time of writing in nanoseconds: another file has another stamp."""

_BLOCK = 1 << 22
_hashes: dict[Path, tuple[Stamp, str]] = {}
_lock = threading.Lock()


def stamp(path: Path) -> Stamp | None:
    """Return what changes when a file is written anew; None if it is not there."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns


def known_hash(path: Path) -> str | None:
    """Return the sha256 of a file if `cached_hash` was asked for it since it was written."""
    with _lock:
        known = _hashes.get(path)
    return known[1] if known is not None and known[0] == stamp(path) else None


def cached_hash(path: Path, report: Report = silent) -> str:
    """Return the sha256 of a file; read again only after it was written anew.

    Parameters
    ----------
    path : Path
        The file.
    report : Report
        Called before every block of 4 MiB.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    known = known_hash(path)
    if known is not None:
        return known
    before, digest, done = stamp(path), hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            report(Step(done, before[0] if before else done, "byte"))
            digest.update(block)
            done += len(block)
    if before is not None:
        with _lock:
            _hashes[path] = before, digest.hexdigest()
    return digest.hexdigest()
