"""Which models can be compared, by their cards alone."""

from __future__ import annotations

from napari_medseg.engine.card import LabelClass, ModelCard


def why_not_comparable(card: ModelCard, other: ModelCard) -> str:
    """Return why two models cannot be compared on an image; empty if they can."""
    if card.activation != other.activation:
        return (
            f"{card.name!r} and {other.name!r} do not answer alike: one lets classes overlap, the "
            "other does not; compare models of one kind"
        )
    if not shared_classes(card, other):
        return (
            f"{card.name!r} and {other.name!r} do not find the same classes; compare a model with "
            "one that was made of it, or for the same purpose"
        )
    return ""


def shared_classes(card: ModelCard, other: ModelCard) -> list[LabelClass]:
    """Return the classes of `card` that the other model finds, too.

    Models that prepare images alike share classes of the same value, others of the same value
    and name: they need not have anything to do with each other.
    """
    alike = prepare_alike(card, other)
    theirs = {c.value: c.name.casefold() for c in other.classes}
    return [
        c
        for c in card.classes
        if c.value in theirs and (alike or theirs[c.value] == c.name.casefold())
    ]


def prepare_alike(card: ModelCard, other: ModelCard) -> bool:
    """Whether two models are given the same image for the same volume."""
    one, two = ((c.preprocessing, c.spatial_dims, c.in_channels) for c in (card, other))
    return one == two
