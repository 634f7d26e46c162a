"""A model card in plain words: what it expects of an image, and the whole of it as Markdown."""

from __future__ import annotations

from typing import Any

from napari_medseg.engine.card import ModelCard, Preprocessing
from napari_medseg.engine.score_table import ScoreTable, score_tables, score_text

_GREY = "one grey image"


def expected_input(card: ModelCard) -> dict[str, str]:
    """Return what the model expects of an image, aspect by aspect, in a sentence each."""
    about = card.preprocessing
    words = {
        "Image": _image(card),
        "Channels": _channels(card),
        "Size": _size(card),
        "Voxels" if card.spatial_dims == 3 else "Pixels": _spacing(about),
        "Intensity": _intensity(about),
        "Orientation": _orientation(card),
    }
    return {name: text for name, text in words.items() if text}


def origin_words(origin: str) -> str:
    """Return what people call where a model comes from."""
    words = {
        "bundled": "bundled",
        "user": "yours",
        "folder": "data folder",
        "download": "to download",
    }
    return words.get(origin, origin)


def history_lines(card: ModelCard) -> list[str]:
    """Return a line for each entry of a card's history: when, what."""
    lines = []
    for entry in card.history:
        what = str(entry.get("what", "")).strip()
        when = str(entry.get("when") or entry.get("date") or entry.get("created") or "")[:10]
        text = ": ".join(part for part in (when, what) if part)
        if text:
            lines.append(text)
    return lines


def card_markdown(card: ModelCard) -> str:
    """Return the whole card as Markdown, to be read beside an exported model."""
    parts = [f"# {_plain(card.title or card.name)}", _plain(card.description)]
    parts.append(_table(("value", "finds", "colour"), _classes(card)))
    parts += ["## Expected input", _list(expected_input(card))]
    parts += ["## Scores", *(_scores(table) for table in score_tables(card)), _plain(card.split)]
    facts = {
        "Trained on": card.data,
        "Licence": card.licence,
        "Architecture": card.architecture,
        "Made": card.created,
        "Made from (sha256)": card.parent,
        "Made by": f"`{card.reproduce}`" if card.reproduce else "",
        "History": "; ".join(history_lines(card)),
    }
    parts += ["## About", _list({name: text for name, text in facts.items() if text})]
    parts.append(f"*{_plain(card.intended_use)}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def _image(card: ModelCard) -> str:
    modality = f"{card.preprocessing.modality}: " if card.preprocessing.modality else ""
    if card.spatial_dims == 3:
        return f"{modality}a volume (3D)"
    return f"{modality}an image (2D), or a volume slice by slice"


def _channels(card: ModelCard) -> str:
    names, count = card.preprocessing.channels, card.in_channels
    if tuple(n.lower() for n in names) == ("red", "green", "blue"):
        return "one image in colour"
    if count == 1:
        return f"{_GREY} ({names[0]})" if names else _GREY
    listed = f": {', '.join(names)}" if names else ""
    return f"{count} images of one case on the same grid{listed}"


def _size(card: ModelCard) -> str:
    about, unit = card.preprocessing, "voxels" if card.spatial_dims == 3 else "pixels"
    if about.size is not None:
        inside = " × ".join(map(str, about.size))
        return f"any; made {inside} {unit} for the network, the answer has your image's size"
    if about.window is not None:
        window = " × ".join(map(str, about.window))
        return f"any; larger ones in overlapping windows of {window} {unit}"
    return "any; the whole image at once"


def _spacing(about: Preprocessing) -> str:
    if about.spacing is None:
        return "" if about.size is not None else "taken as they are: like those it was trained on"
    return f"{' × '.join(f'{s:g}' for s in about.spacing)} mm; others are resampled for you"


def _intensity(about: Preprocessing) -> str:
    parts = []
    if about.unit_range:
        parts.append("8-bit or 16-bit values, brought to 0–1")
    if about.clip is not None:
        unit = " HU" if "CT" in about.modality.upper().split() else ""
        low, high = (f"{v:g}".replace("-", "−") for v in about.clip)
        parts.append(f"clipped to {low} … {high}{unit}")
    if about.clip_percentiles is not None:
        low, high = (f"{v:g}" for v in about.clip_percentiles)
        parts.append(f"the darkest and brightest cut off (percentiles {low} and {high})")
    ends = {
        "zscore": "any brightness and contrast: each image is evened out by itself",
        "fixed": "shifted and scaled by fixed numbers: the brightness must be as in training",
        "none": "otherwise taken as they are" if parts else "taken as they are",
    }
    return "; ".join([*parts, ends[about.normalise]])


def _orientation(card: ModelCard) -> str:
    turned = "volumes are turned upright for you" if card.spatial_dims == 3 else "upright"
    return f"{turned}; mirrored {'is fine, too' if card.mirrored else 'it has never seen'}"


def _classes(card: ModelCard) -> list[tuple[str, ...]]:
    return [(str(c.value), c.name, c.colour) for c in card.classes]


def _scores(table: ScoreTable) -> str:
    rows = [
        (name, *(score_text(c, row[c]) if c in row else "" for c in table.columns))
        for name, row in table.rows.items()
    ]
    body = _table(("", *table.columns), rows) if rows else ""
    return "\n\n".join(part for part in (f"{table.title}:", body, _list(table.others)) if part)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _list(facts: dict[str, Any]) -> str:
    return "\n".join(f"- **{_plain(name)}**: {_plain(text)}" for name, text in facts.items())


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: Any) -> str:
    return " ".join(str(text).split())
