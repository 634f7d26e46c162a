"""A model card in the words of a clinic, as one line and as a page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.headline import headline_score, number


def what_it_finds(card: ModelCard, at_most: int = 4) -> str:
    """Return the names of the classes, the first few."""
    names = [c.name for c in card.classes]
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def one_line(card: ModelCard) -> str:
    """Return what a list says of a model: classes, dimensions, input, score."""
    modality = card.preprocessing.modality
    parts = [what_it_finds(card), dimensions(card), modality, headline_score(card)]
    return " · ".join(p for p in parts if p)


def dimensions(card: ModelCard) -> str:
    """Return "2D" or "3D"."""
    return f"{card.spatial_dims}D"


def card_page(card: ModelCard, path: Path) -> str:
    """Return the card as rich text."""
    rows = [
        ("Finds", "<br>".join(_class_line(c.colour, c.name, c.value) for c in card.classes)),
        ("Needs", escape(_needs(card))),
        ("Trained on", escape(card.data)),
        ("Scores", _scores(card)),
        ("Split", escape(card.split)),
        ("Licence", escape(card.licence)),
        ("Made", escape(card.created[:10])),
        ("Made from", escape(card.parent[:12])),
        ("File", escape(_file(path))),
    ]
    title = f"<p><b>{escape(card.title or card.name)}</b></p>"
    about = f"<p>{escape(card.description)}</p>" if card.description else ""
    lines = "".join(
        f"<tr><td style='padding-right: 8px'>{name}</td><td>{text}</td></tr>"
        for name, text in rows
        if text
    )
    return f"{title}{about}<table>{lines}</table><p><i>{escape(card.intended_use)}</i></p>"


def _class_line(colour: str, name: str, value: int) -> str:
    chip = f"<span style='color: {escape(colour)}'>■</span>"
    return f"{chip} {escape(name)} (value {value})"


def _needs(card: ModelCard) -> str:
    about = card.preprocessing
    kind = "a volume" if card.spatial_dims == 3 else "an image, or a volume slice by slice"
    channels = ""
    if card.in_channels > 1:
        names = f" ({', '.join(about.channels)})" if about.channels else ""
        channels = f", {card.in_channels} channels{names}"
    spacing = ""
    if about.spacing:
        spacing = f"; works at {'×'.join(f'{s:g}' for s in about.spacing)} mm, resampled for you"
    modality = f"{about.modality}: " if about.modality else ""
    return f"{modality}{kind}{channels}{spacing}"


def _scores(card: ModelCard) -> str:
    lines = []
    for key, value in card.scores.items():
        known = number(value)
        if known is not None:
            lines.append(f"{escape(key)} {known:.3g}")
        elif not isinstance(value, dict | list):
            lines.append(f"{escape(key)} {escape(str(value))}")
    return "<br>".join(lines)


def _file(path: Path) -> str:
    if not path.is_file():
        return "is downloaded when first used"
    size = path.stat().st_size
    words = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"
    return f"{path.name}, {words}"
