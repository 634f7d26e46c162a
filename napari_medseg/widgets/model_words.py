"""A model card in the words of a clinic, as the parts of a page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.card_words import expected_input, history_lines
from napari_medseg.engine.lineage import Lineage, Relative
from napari_medseg.widgets.model_colours import ModelColours

_FEW = 12  # classes that get a line each


def what_it_finds(card: ModelCard, at_most: int = 4) -> str:
    """Return the names of the classes, the first few."""
    names = [c.name for c in card.classes]
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def input_words(card: ModelCard) -> tuple[str, str]:
    """Return dimensions and modality; the second is empty where the card does not say."""
    return dimensions(card), card.preprocessing.modality


def dimensions(card: ModelCard) -> str:
    """Return "2D" or "3D"."""
    return f"{card.spatial_dims}D"


def finds_page(card: ModelCard) -> str:
    """Return the classes with a chip of their colour as rich text: a line each, or in a row."""
    lines = [
        f"<span style='color: {escape(c.colour)}'>■</span>&nbsp;{escape(c.name)}"
        for c in card.classes
    ]
    return ("<br>" if len(lines) <= _FEW else " &nbsp; ").join(lines)


def input_page(card: ModelCard) -> str:
    """Return what the model expects of an image as rich text."""
    return _table(expected_input(card))


def about_page(card: ModelCard, path: Path) -> str:
    """Return where the model comes from and on which terms as rich text."""
    facts = {
        "Trained on": card.data,
        "Licence": card.licence,
        "Network": _network(card),
        "Made": card.created[:10],
        "File": _file(path),
    }
    return _table({name: text for name, text in facts.items() if text})


def lineage_page(card: ModelCard, line: Lineage | None, colours: ModelColours) -> str:
    """Return parents, history and children as rich text; links lead to known models.

    Without `line` (it is still being read) the parent is shown by its hash.
    """
    parents = line.parents if line is not None else ()
    if not parents and card.parent:
        parents = (Relative(card.parent),)
    steps = [_relative(one, colours) for one in parents]
    steps.append(f"<b>this model</b>{_date(card)}")
    lines = [" → ".join(steps)] if parents else []
    if line is not None and line.children:
        made = ", ".join(_relative(one, colours) for one in line.children)
        lines.append(f"From it was made: {made}")
    lines += [escape(text) for text in history_lines(card)]
    return "<br>".join(lines)


def tip_page(text: str) -> str:
    """Return plain text as a tooltip that breaks its lines and follows no markup in it."""
    return f"<qt>{escape(text).replace(chr(10), '<br>')}</qt>"


def _relative(one: Relative, colours: ModelColours) -> str:
    if one.card is None or one.path is None:
        return f"a model that is not here (sha256 {escape(one.digest[:12])}…)"
    title = escape(one.card.title or one.card.name)
    link = f"<a href='{escape(one.digest)}' style='color: {colours.link}'>{title}</a>"
    return link + _date(one.card)


def _date(card: ModelCard) -> str:
    return f" ({escape(card.created[:10])})" if card.created else ""


def _network(card: ModelCard) -> str:
    from napari_medseg.networks import architectures

    known = architectures().get(card.architecture)
    return known.title if known is not None else card.architecture


def _file(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return "is downloaded when first used"
    words = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"
    return f"{path.name}, {words}"


def _table(facts: dict[str, str]) -> str:
    lines = "".join(
        f"<tr><td style='padding-right: 8px'>{escape(name)}</td><td>{escape(text)}</td></tr>"
        for name, text in facts.items()
    )
    return f"<table>{lines}</table>" if lines else ""
