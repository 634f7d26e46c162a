"""The scores of a card as tables: a split each, a row per class, a column per metric; no torch.

Cards name a score "test HD95 in mm, anterior": split, metric, unit, class. What is named otherwise
is shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.headline import number
from napari_medseg.engine.metric_table import METRICS

MEAN = "mean"
_SPLITS = {
    "test": "On test cases it never saw",
    "held-out": "On test cases it never saw",
    "": "As its card says",
    "validation": "On the cases that chose the best round of training",
    "training": "On the cases it learned from",
}
_KEY = re.compile(
    r"(?:(?P<split>test|held-out|validation|training)\s+)?"
    r"(?P<metric>[^,]+?)(?:\s+in\s+(?P<unit>mm|pixels|px|voxels|ml|%))?(?:,\s*(?P<name>.+))?"
)


@dataclass
class ScoreTable:
    """The scores of one split.

    Parameters
    ----------
    title : str
        On which cases, in words.
    columns : list of str
        Metrics with their unit: "Dice", "HD95 (mm)".
    rows : dict
        Class name, or "mean", to its scores by column; a missing one is left out.
    others : dict
        What is no number per class, by name, as text.
    """

    title: str
    columns: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def score_tables(card: ModelCard) -> list[ScoreTable]:
    """Return the scores of `card`, those on unseen cases first; empty if it has none."""
    tables = {title: ScoreTable(title) for title in _SPLITS.values()}
    classes = [c.name for c in card.classes]
    for key, value in card.scores.items():
        match = _KEY.fullmatch(str(key))
        if match is None:
            tables[_SPLITS[""]].others[str(key)] = score_text(str(key), value)
            continue
        table = tables[_SPLITS[match["split"] or ""]]
        _put(table, match, value, classes)
    order = [*classes, MEAN]
    for table in tables.values():
        table.rows = {name: table.rows[name] for name in order if name in table.rows}
    return [table for table in tables.values() if table.rows or table.others]


def metric_words(column: str) -> str:
    """Return what the metric of a column says, or nothing if it is not known."""
    name = column.split(" (")[0]
    titled = {metric.title.lower(): metric for metric in METRICS.values()}
    metric = titled.get(name.lower())
    return f"{metric.words}{metric.wish}" if metric else ""


def score_text(column: str, value: Any) -> str:
    """Return a score with as many digits as it means: lengths one, shares two."""
    known = number(value)
    if known is None:
        return str(value)
    if isinstance(value, int):
        return str(value)
    return f"{known:.1f}" if "(" in column else f"{known:.2f}"


def _put(table: ScoreTable, match: re.Match[str], value: Any, classes: list[str]) -> None:
    unit = f" ({match['unit'].replace('px', 'pixels')})" if match["unit"] else ""
    column, name = f"{match['metric']}{unit}", match["name"] or ""
    by_class = value if isinstance(value, dict) else {name: value}
    if isinstance(value, list) and len(value) == len(classes):
        by_class = dict(zip(classes, value, strict=True))
    known = {str(key): number(one) for key, one in by_class.items()}
    is_metric = bool(metric_words(column))
    rows = {key: score for key, score in known.items() if score is not None and is_metric}
    if not rows or not all(key in (*classes, MEAN, "") for key in rows):
        column = "best round" if column == "epoch" else column
        label = f"{column}, {name}" if name else column
        table.others[label] = score_text(column, value)
        return
    if column not in table.columns:
        table.columns.append(column)
    for key, score in rows.items():
        row = key or (classes[0] if len(classes) == 1 else MEAN)
        table.rows.setdefault(row, {})[column] = score
