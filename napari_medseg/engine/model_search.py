"""Search that forgives: words in any order, capitals, accents, umlauts and hyphens; no torch."""

from __future__ import annotations

import unicodedata

from napari_medseg.engine.card import ModelCard

_SPELT_OUT = (("ae", "a"), ("oe", "o"), ("ue", "u"))


def search_text(card: ModelCard, *more: str) -> str:
    """Return all that one may search a model by, folded as `matches` wants it."""
    about = card.preprocessing
    parts = [
        card.name,
        card.title,
        card.description,
        card.data,
        card.licence,
        card.architecture,
        f"{card.spatial_dims}D",
        about.modality,
        *about.channels,
        *(c.name for c in card.classes),
        *more,
    ]
    return folded(" ".join(parts))


def matches(asked: str, text: str) -> bool:
    """Whether every word of `asked` begins or lies in a word of `text` (from `search_text`)."""
    return all(word in text for word in folded(asked).split())


def folded(text: str) -> str:
    """Return `text` without what people leave out when they type: accents, capitals, hyphens.

    "Läsion", "laesion" and "LASION" are the same; so are "x-ray" and "xray".
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c) and c not in "-_.'")
    for spelt, letter in _SPELT_OUT:
        plain = plain.replace(spelt, letter)
    return plain
