"""Which model was made from which: parents and children by the hash of their files; no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.stamps import cached_hash
from napari_medseg.progress import Report, silent


@dataclass(frozen=True)
class Relative:
    """A model in the line of another one.

    Parameters
    ----------
    digest : str
        sha256 of its file.
    path : Path or None
        Its file if it is among the known models.
    card : ModelCard or None
        Its card if it is known.
    """

    digest: str
    path: Path | None = None
    card: ModelCard | None = None


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from and what was made from it.

    Parameters
    ----------
    parents : tuple of Relative
        The oldest known first; the first may be known by its hash alone.
    children : tuple of Relative
        Known models made from it, the oldest first.
    """

    parents: tuple[Relative, ...] = ()
    children: tuple[Relative, ...] = ()


def lineage(path: Path, known: Mapping[Path, ModelCard], report: Report = silent) -> Lineage | None:
    """Return the line of the model in the file `path`; None if it has neither parent nor child.

    Parameters
    ----------
    path : Path
        A key of `known`.
    known : mapping
        The models at hand; their files are hashed, each only once. One that cannot be read any
        more is left out.
    report : Report
        Called while files are read.
    """
    if not any(card.parent for card in known.values()):
        return None
    by_hash: dict[str, Relative] = {}
    own = ""
    for file, card in known.items():
        try:
            digest = cached_hash(file, report)
        except OSError:
            continue
        by_hash.setdefault(digest, Relative(digest, file, card))
        own = digest if file == path else own
    parents = _parents(known[path], by_hash)
    children = _children(own, by_hash.values()) if own else ()
    return Lineage(parents, children) if parents or children else None


def _parents(card: ModelCard, by_hash: Mapping[str, Relative]) -> tuple[Relative, ...]:
    line: list[Relative] = []
    digest = card.parent
    while digest and digest not in [one.digest for one in line]:  # a forged card may name itself
        parent = by_hash.get(digest, Relative(digest))
        line.insert(0, parent)
        digest = parent.card.parent if parent.card is not None else ""
    return tuple(line)


def _children(digest: str, relatives: Iterable[Relative]) -> tuple[Relative, ...]:
    made = [one for one in relatives if one.card is not None and one.card.parent == digest]
    return tuple(sorted(made, key=_age))


def _age(relative: Relative) -> str:
    return relative.card.created if relative.card is not None else ""
