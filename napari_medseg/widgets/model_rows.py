"""What the list of models shows: which rows, in which order, with which words; no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.card_words import origin_words
from napari_medseg.engine.fit import NOT, Fit, ImageKind, fit
from napari_medseg.engine.headline import headline_score
from napari_medseg.engine.model_search import folded, matches, search_text
from napari_medseg.engine.zoo import UnreadableModel, ZooEntry, card_or_reason
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.model_words import input_words, what_it_finds

OPENED = "opened"


@dataclass(frozen=True)
class ModelRow:
    """A model, or a file that should be one.

    Parameters
    ----------
    name : str
        The file's name without suffix.
    path : Path
        Its file; for a model not yet downloaded where it will be.
    origin : str
        "bundled", "user", "download" or "opened".
    card : ModelCard or None
        Its card; None if the file cannot be used.
    reason : str
        Why the file cannot be used.
    fit : Fit or None
        How it suits the image; None without an image.
    """

    name: str
    path: Path
    origin: str
    card: ModelCard | None = None
    reason: str = ""
    fit: Fit | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return (self.card.title or self.card.name) if self.card is not None else self.path.name

    @property
    def badge(self) -> str:
        """A word at the right of the first line: the score, or that something is wrong."""
        return headline_score(self.card) if self.card is not None else "cannot be used"

    @property
    def line(self) -> str:
        """The second line: classes, dimensions, input, licence; or the reason."""
        if self.card is None:
            return self.reason
        parts = [what_it_finds(self.card, 2), *input_words(self.card), self.card.licence]
        return " · ".join(part for part in parts if part)

    @property
    def origin_words(self) -> str:
        """Where it comes from, for people."""
        return "opened" if self.origin == OPENED else origin_words(self.origin)

    @property
    def text(self) -> str:
        """All of it as text, for those who have it read aloud; the name comes first."""
        score = f"{self.badge} · " if self.badge else ""
        return f"{self.name}\n{self.title} · {self.line} · {score}{self.origin_words}"

    @property
    def tip(self) -> str:
        """What the mouse says over the row."""
        if self.card is None:
            return f"{self.path}\n{self.reason}"
        lines = [self.title, self.line, f"{self.name}: {self.origin_words}"]
        if self.fit is not None:
            suits = "Not for this image" if self.fit.level == NOT else "For this image"
            lines.append(f"{suits}: {self.fit.reason}")
        return "\n".join(lines)

    def chosen(self) -> ChosenModel:
        """Return the model as the session knows it; only of a row with a card."""
        assert self.card is not None
        return ChosenModel(Path(self.name) if self.origin == "download" else self.path, self.card)


@dataclass(frozen=True)
class Section:
    """Rows under a heading; an empty heading is not shown."""

    heading: str
    rows: tuple[ModelRow, ...]


def rows_of(
    entries: Mapping[str, ZooEntry],
    unreadable: Iterable[UnreadableModel],
    opened: Iterable[Path],
    kind: ImageKind | None,
) -> list[ModelRow]:
    """Return a row for each model and each file that should be one, by title."""
    rows = [ModelRow(e.name, e.path, e.origin, e.card) for e in entries.values()]
    rows += [ModelRow(u.path.stem, u.path, u.origin, None, u.reason) for u in unreadable]
    listed = {row.path for row in rows}
    for path in opened:
        if path not in listed:
            card = card_or_reason(path)
            reason = card if isinstance(card, str) else ""
            known = None if isinstance(card, str) else card
            rows.append(ModelRow(path.stem, path, OPENED, known, reason))
    rows = [_judged(row, kind) for row in rows]
    return sorted(rows, key=lambda row: (row.title.casefold(), row.name))


def sections(rows: Iterable[ModelRow], image: str) -> list[Section]:
    """Put rows under headings: for the image, for others, unusable.

    Parameters
    ----------
    rows : iterable of ModelRow
        From `rows_of`.
    image : str
        Name of the image, for the heading; empty without one.
    """
    listed = list(rows)
    usable = [row for row in listed if row.card is not None]
    suits = tuple(row for row in usable if row.fit is None or row.fit.level != NOT)
    suits = tuple(sorted(suits, key=lambda row: -(row.fit.level if row.fit is not None else 0)))
    others = tuple(row for row in usable if row not in suits)
    broken = tuple(row for row in listed if row.card is None)
    first = f"For {image}" if image and others else ""
    return [
        section
        for section in (
            Section(first, suits),
            Section(f"Not for {image}", others),
            Section("Files that cannot be used", broken),
        )
        if section.rows
    ]


def found(row: ModelRow, asked: str) -> bool:
    """Whether a search for `asked` finds the row."""
    if row.card is None:
        return matches(asked, folded(f"{row.path.name} {row.reason} {row.badge}"))
    return matches(asked, search_text(row.card, row.name, row.path.name, row.origin_words))


def _judged(row: ModelRow, kind: ImageKind | None) -> ModelRow:
    if row.card is None or kind is None:
        return row
    judged = fit(row.card, kind)
    return ModelRow(row.name, row.path, row.origin, row.card, row.reason, judged)
