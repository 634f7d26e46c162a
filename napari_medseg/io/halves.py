"""Images that are two files: a header and its values beside it."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.io.errors import UnusableFile

_PAIRS = ((".hdr", ".img"), (".head", ".brik"), (".par", ".rec"))


def halves_of(path: Path) -> tuple[Path, Path]:
    """Return the file of the header and that of the values, whichever of them is given.

    Parameters
    ----------
    path : Path
        One half of an Analyze or NIfTI pair, of AFNI's or of Philips's, each perhaps with
        ``.gz``; every other path is both halves itself.

    Raises
    ------
    UnusableFile
        If the other half is not there.
    """
    name = path.name.lower().removesuffix(".gz")
    for pair in _PAIRS:
        for mine, other in (pair, pair[::-1]):
            if not name.endswith(mine):
                continue
            stem, own = path.name[: len(name) - len(mine)], path.name[len(name) - len(mine) :]
            found = _beside(path, stem, other)
            if found is None:
                other = other.upper() if own.isupper() else other
                raise UnusableFile(
                    f"{path.name} is one half of an image; put the other, {stem}{other}, beside it "
                    "and open it again"
                )
            return (path, found) if mine == pair[0] else (found, path)
    return path, path


def _beside(path: Path, stem: str, suffix: str) -> Path | None:
    wanted = (f"{stem}{suffix}".lower(), f"{stem}{suffix}.gz".lower())
    near = sorted(entry for entry in path.parent.iterdir() if entry.name.lower() in wanted)
    exact = [entry for entry in near if entry.name.startswith(stem)]  # of names that differ in case
    return next(iter(exact or near), None)
