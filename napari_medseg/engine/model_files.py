"""What one does with model files: copy one out with its card, keep one, remove one; no torch."""

from __future__ import annotations

import os
from pathlib import Path

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.card_words import card_markdown
from napari_medseg.engine.checkpoint import SUFFIX, read_card
from napari_medseg.engine.stamps import stamp
from napari_medseg.engine.zoo import user_directory
from napari_medseg.io.atomic import atomic_path
from napari_medseg.progress import Report, Step, silent

CARD_SUFFIXES = (".md", ".json")
_BLOCK = 1 << 22


def copy_model(source: Path, target: Path, *, report: Report = silent) -> Path:
    """Copy a checkpoint; `target` appears whole or stays as it was.

    Parameters
    ----------
    source : Path
        A checkpoint of napari-medseg; read again after copying.
    target : Path
        Ends in ``.safetensors``; replaced if it is there, so ask before.
    report : Report
        Called before every block of 4 MiB.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    ValueError
        If both are the same file, the name ends otherwise, or `source` is no model (any more).
    OSError
        If one cannot be read or written.
    """
    if target.suffix != SUFFIX:
        raise ValueError(f"a model file must end in {SUFFIX}, got {target.name}")
    if target.exists() and source.exists() and os.path.samefile(source, target):
        raise ValueError(f"{target.name} is the model itself; choose another name or folder")
    about = stamp(source)
    size, done = about[0] if about is not None else 0, 0
    with source.open("rb") as original, atomic_path(target) as temporary:
        with temporary.open("wb") as copy:
            while block := original.read(_BLOCK):
                report(Step(done, size, "byte", source.name))
                copy.write(block)
                done += len(block)
        read_card(temporary)
    return target


def write_card(card: ModelCard, target: Path) -> Path:
    """Write a card for people (``.md``) or programs (``.json``), whole or not at all.

    Raises
    ------
    ValueError
        If the name ends otherwise.
    OSError
        If it cannot be written.
    """
    if target.suffix not in CARD_SUFFIXES:
        raise ValueError(
            f"a card is written as {' or '.join(CARD_SUFFIXES)}, got the name {target.name}"
        )
    text = card_markdown(card) if target.suffix == ".md" else card.to_json() + "\n"
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def export_model(
    source: Path, target: Path, *, with_card: bool = False, report: Report = silent
) -> list[Path]:
    """Copy a checkpoint, with its card as readable text beside it if wished.

    Returns the files written; see `copy_model` for what may be raised.
    """
    written = [copy_model(source, target, report=report)]
    if with_card:
        written.append(write_card(read_card(target), card_beside(target)))
    return written


def card_beside(target: Path) -> Path:
    """Return where the readable card of an exported model lies."""
    return target.with_suffix(".md")


def keep_model(source: Path, report: Report = silent) -> Path:
    """Copy a checkpoint into the folder of a person's own models, under a free name.

    Returns where it is now; if it lies there already, nothing is copied.

    Raises
    ------
    ValueError, OSError
        As `copy_model`.
    """
    if is_own(source):
        return source
    return copy_model(source, free_own_path(source.stem), report=report)


def free_own_path(stem: str) -> Path:
    """Return where a new model of that name goes in a person's own folder; nothing is there yet."""
    folder, number = user_directory(), 2
    target = folder / f"{stem}{SUFFIX}"
    while target.exists():
        target, number = folder / f"{stem}-{number}{SUFFIX}", number + 1
    return target


def is_own(path: Path) -> bool:
    """Whether a file lies in the folder of a person's own models."""
    return path.resolve().parent == user_directory().resolve()


def delete_model(path: Path) -> None:
    """Delete a model of a person's own folder for good, where there is no trash.

    Raises
    ------
    ValueError
        If it lies elsewhere.
    OSError
        If it cannot be deleted.
    """
    if not is_own(path):
        raise ValueError(f"{path.name} does not lie in your models folder; it is not deleted")
    path.unlink(missing_ok=True)
