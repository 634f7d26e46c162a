"""A new model as a file: which name, written whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.engine.replay import replay_path
from napari_medseg.engine.zoo import user_directory
from napari_medseg.progress import Report, Step, silent

if TYPE_CHECKING:
    from napari_medseg.engine.finetune_result import FineTuned

_NUMBERED = re.compile(r"^(?P<stem>.+)-(?P<number>\d{1,4})$")
_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


def suggested_name(name: str, folder: Path | None = None) -> str:
    """Return what a model made from `name` is called: "liver" → "liver-2" → "liver-3".

    Parameters
    ----------
    folder : Path, optional
        Where it must be free; the person's own models by default.
    """
    folder = user_directory() if folder is None else folder
    found = _NUMBERED.match(name)
    stem, number = (found["stem"], int(found["number"])) if found else (name or "model", 1)
    stem = _FORBIDDEN.sub("_", stem)
    number += 1
    while _taken(folder / f"{stem}-{number}{SUFFIX}"):
        number += 1
    return f"{stem}-{number}"


def why_not_named(name: str, folder: Path) -> str:
    """Return why a model cannot be called so, or nothing."""
    name = name.strip()
    if not name:
        return "Give the new model a name"
    if _FORBIDDEN.search(name) or name.startswith("."):
        return 'A name has none of \\ / : * ? " < > | in it, and does not begin with a dot'
    if _taken(folder / f"{name}{SUFFIX}"):
        return f"There is a model {name} already, and it is kept: choose another name"
    return ""


def promote(
    tuned: FineTuned, path: Path, alpha: float, *, keep_replay: bool, report: Report = silent
) -> Path:
    """Write a mix as a new model; what fails leaves no file behind.

    Raises
    ------
    ValueError
        If there is such a file already.
    OSError
        If it cannot be written.
    """
    report(Step(0, 0, "model", f"writing {path.name} …"))
    path.parent.mkdir(parents=True, exist_ok=True)
    files = (path, replay_path(path))
    there = [file for file in files if file.exists()]
    try:
        return tuned.save(path, alpha=alpha, keep_replay=keep_replay)
    except OSError:
        for file in files:
            if file not in there:
                file.unlink(missing_ok=True)
        raise


def _taken(path: Path) -> bool:
    return path.exists() or replay_path(path).exists()
