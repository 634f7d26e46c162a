"""The models at hand: bundled, the user's own, and downloadable; lists without torch."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import SUFFIX, read_card
from napari_medseg.engine.stamps import Stamp, stamp
from napari_medseg.nearest import did_you_mean

_LOG = logging.getLogger(__name__)
_BUNDLED = Path(__file__).parent.parent / "models"
_INDEX = _BUNDLED / "downloads.json"
_FOREIGN = (".pth", ".pt", ".ckpt", ".onnx", ".h5", ".keras", ".bin")  # weights of other programs

_read: dict[Path, tuple[Stamp, ModelCard | str]] = {}


@dataclass(frozen=True)
class ZooEntry:
    """A model one can choose by name.

    Parameters
    ----------
    name : str
        Unique; the file's name without suffix.
    path : Path
        The checkpoint; for a downloadable model where it will be.
    card : ModelCard
        What it is.
    origin : str
        "bundled", "user", "folder" (another folder one asked for) or "download" (not fetched yet).
    """

    name: str
    path: Path
    card: ModelCard
    origin: str


@dataclass(frozen=True)
class UnreadableModel:
    """A file in a model folder that cannot be used.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        Why not, in a sentence.
    origin : str
        "bundled", "user" or "folder".
    """

    path: Path
    reason: str
    origin: str


def user_directory() -> Path:
    """Return where a user's own models are looked for.

    ``NAPARI_MEDSEG_MODELS`` overrides the platform's data directory.
    """
    import platformdirs

    override = os.environ.get("NAPARI_MEDSEG_MODELS")
    return Path(override or platformdirs.user_data_dir("napari-medseg")) / (
        "" if override else "models"
    )


def models() -> dict[str, ZooEntry]:
    """Return the models by name; a user's model hides a bundled one of the same name.

    A file that cannot be read is left out, with a line in the log.
    """
    entries, unreadable = survey()
    for one in unreadable:
        _LOG.warning("left out %s: %s", one.path.name, one.reason)
    return entries


def survey(folder: str = "") -> tuple[dict[str, ZooEntry], list[UnreadableModel]]:
    """Return the models by name as `models` does, and the files beside them that are none.

    A file is read again only when it changed, so that asking often is cheap.

    Parameters
    ----------
    folder : str
        Another folder to look into; its models come before those of the same name.
    """
    entries = {name: _downloadable(name) for name in _index()}
    unreadable = []
    for path, origin in _files(folder):
        card = card_or_reason(path)
        if isinstance(card, ModelCard):
            entries[path.stem] = ZooEntry(path.stem, path, card, origin)
        else:
            unreadable.append(UnreadableModel(path, card, origin))
    return dict(sorted(entries.items())), unreadable


def card_or_reason(path: Path) -> ModelCard | str:
    """Return the card of a checkpoint, or why it cannot be used; cheap while it stays as it is."""
    if path.suffix != SUFFIX:
        return (
            f"{path.name} holds weights of another program; if they were published with a paper "
            "that napari-medseg knows, import them"
        )
    now, known = stamp(path), _read.get(path)
    if known is not None and now is not None and known[0] == now:
        return known[1]
    answer: ModelCard | str
    try:
        answer = read_card(path)
    except (ValueError, OSError) as error:
        answer = str(error)
    if now is not None:
        _read[path] = now, answer
    return answer


def find_model(name_or_path: str | Path) -> Path:
    """Return the checkpoint file of a model, fetching it when it is a downloadable one.

    Raises
    ------
    ValueError
        If there is no model of that name.
    OSError
        If there is no such file, or a download fails.
    """
    path = Path(name_or_path)
    if path.suffix == SUFFIX or path.is_file() or len(path.parts) > 1:
        if not path.is_file():
            raise FileNotFoundError(f"there is no model file {path}; check the path")
        return path
    known = models()
    entry = known.get(str(name_or_path))
    if entry is None:
        raise ValueError(
            f"there is no model {str(name_or_path)!r}{did_you_mean(str(name_or_path), known)}; "
            f"choose {', '.join(known) or 'a file'} or give the path of a {SUFFIX} file"
        )
    return _fetch(entry.name) if entry.origin == "download" else entry.path


def _files(more: str = "") -> Iterator[tuple[Path, str]]:
    """Give what may be a model in the folders, with its origin; not half-written files."""
    folders = [(_BUNDLED, "bundled"), (user_directory(), "user")]
    if more and Path(more).resolve() != user_directory().resolve():
        folders.append((Path(more), "folder"))
    for folder, origin in folders:
        suffixes = (SUFFIX,) if origin == "folder" else (SUFFIX, *_FOREIGN)
        for path in sorted(folder.glob("*")):
            if path.suffix not in suffixes or path.name.startswith("."):
                continue
            if not path.name.endswith(f".replay{SUFFIX}"):
                yield path, origin


def _index() -> dict[str, dict[str, Any]]:
    """Read the downloadable models: name -> url, sha256, card; none where there is no list."""
    if not _INDEX.is_file():
        return {}
    index: dict[str, dict[str, Any]] = json.loads(_INDEX.read_text(encoding="utf-8"))
    return index


def _downloadable(name: str) -> ZooEntry:
    card = ModelCard.from_dict(_index()[name]["card"])
    return ZooEntry(name, user_directory() / f"{name}{SUFFIX}", card, "download")


def _fetch(name: str) -> Path:
    import pooch

    entry = _index()[name]
    try:
        path = pooch.retrieve(
            entry["url"],
            known_hash=f"sha256:{entry['sha256']}",
            fname=f"{name}{SUFFIX}",
            path=user_directory(),
        )
    except ValueError as error:  # pooch's word for a file with another hash
        raise OSError(f"the download of {name} is damaged or was replaced; not used") from error
    return Path(path)
