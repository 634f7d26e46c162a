"""The one score a list shows of a model; imports without torch."""

from __future__ import annotations

from typing import Any

from napari_medseg.engine.card import ModelCard


def headline_score(card: ModelCard) -> str:
    """Return the mean Dice, held-out rather than validation; empty if the card has none.

    Of several classes the mean the card gives, else the mean of those it names, is taken.
    """
    dice = {name: number(value) for name, value in card.scores.items() if "dice" in name.lower()}
    held_out = {name: value for name, value in dice.items() if "validation" not in name.lower()}
    chosen = held_out or dice
    means = {name: value for name, value in chosen.items() if "mean" in name.lower()}
    result = number(list((means or chosen).values()))
    if result is None:
        return ""
    return f"Dice {result:.2f}" if held_out else f"validation Dice {result:.2f}"


def number(value: Any) -> float | None:
    """Return a score that is a number, or the mean of one number per class; None for others."""
    if isinstance(value, dict):
        if "mean" in value:
            return number(value["mean"])
        value = list(value.values())
    if isinstance(value, list):
        numbers = [n for n in map(number, value) if n is not None]
        return sum(numbers) / len(numbers) if numbers else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None
