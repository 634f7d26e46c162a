"""Which values the labels of cases hold, what they are called, and which a model does not know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from napari.layers import Labels

from napari_medseg.casebook_file import CaseEntry
from napari_medseg.engine.card import ModelCard
from napari_medseg.widgets.classes.class_list import classes_of


def names_in(layers: Iterable[Labels | None]) -> dict[int, str]:
    """Return what the values are called in some layers."""
    return {c.value: c.name for layer in layers if layer is not None for c in classes_of(layer)}


def named(used: Iterable[CaseEntry], names: Mapping[int, str]) -> tuple[str, ...]:
    """Return the values of cases that have a name: ``"1=anterior"``."""
    return tuple(f"{v}={names[v]}" for v in sorted(_values(used) & set(names)))


def unknown_to(card: ModelCard, used: Iterable[CaseEntry], names: Mapping[int, str]) -> list[str]:
    """Return the values of cases that a model does not know, with their names: ``"5=cyst"``."""
    known = {0, *(c.value for c in card.classes), *(v for c in card.classes for v in c.unites)}
    return [f"{v}={names.get(v, f'class {v}')}" for v in sorted(_values(used) - known)]


def _values(used: Iterable[CaseEntry]) -> set[int]:
    return {value for entry in used for value in entry.values}
