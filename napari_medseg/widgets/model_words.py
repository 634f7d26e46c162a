"""A model card in the words of a clinic, as one line and as a page."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from napari_medseg.engine.card import ModelCard


def what_it_finds(card: ModelCard, at_most: int = 4) -> str:
    """Return the names of the classes, the first few."""
    names = [c.name for c in card.classes]
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def one_line(card: ModelCard) -> str:
    """Return what a list says of a model: classes, dimensions, input, score."""
    parts = [what_it_finds(card), dimensions(card), card.preprocessing.modality, score(card)]
    return " · ".join(p for p in parts if p)


def dimensions(card: ModelCard) -> str:
    """Return "2D" or "3D"."""
    return f"{card.spatial_dims}D"


def score(card: ModelCard) -> str:
    """Return the mean Dice, held-out rather than validation, or nothing if the card has none."""
    dice = {k: _mean(v) for k, v in card.scores.items() if "dice" in k.lower()}
    held_out = {k: v for k, v in dice.items() if "validation" not in k.lower()}
    chosen = held_out or dice
    means = {k: v for k, v in chosen.items() if "mean" in k.lower()}
    number = _mean(list((means or chosen).values()))
    if number is None:
        return ""
    return f"Dice {number:.2f}" if held_out else f"validation Dice {number:.2f}"


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
        number = _mean(value)
        if number is not None:
            lines.append(f"{escape(key)} {number:.3g}")
        elif not isinstance(value, dict | list):
            lines.append(f"{escape(key)} {escape(str(value))}")
    return "<br>".join(lines)


def _mean(value: Any) -> float | None:
    """Return a score that is a number, or the mean of one number per class."""
    if isinstance(value, dict):
        if "mean" in value:
            return _mean(value["mean"])
        value = list(value.values())
    if isinstance(value, list):
        numbers = [n for n in map(_mean, value) if n is not None]
        return sum(numbers) / len(numbers) if numbers else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def _file(path: Path) -> str:
    if not path.is_file():
        return "is downloaded when first used"
    size = path.stat().st_size
    words = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"
    return f"{path.name}, {words}"
