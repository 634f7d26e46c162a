"""Box plots with every case as a point, as SVG that needs nothing around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from napari_medseg.engine.evaluation_statistics import Summary
from napari_medseg.engine.metric_table import Metric

if TYPE_CHECKING:
    from napari_medseg.engine.evaluation import CaseScore, Evaluation

BOX = "#2b7bba"  # a blue with a contrast of at least 4 to white and to black
_WIDTH, _LABELS, _ROW, _MARGIN = 560, 150, 34, 14
_AXIS = 34  # height of the axis with its numbers and title
_POINTS = 400  # of a class; more would be one grey stripe


def box_plot(evaluation: Evaluation, metric: Metric) -> str:
    """Draw one metric: a row per class, with box, median, whiskers and a point per case.

    The box reaches from the 25th to the 75th percentile, the whiskers from the least to the most.

    Returns
    -------
    str
        One ``<svg>`` element; lines and text take the colour of the text around it.
    """
    known = {value: _known(evaluation, metric, value) for value in evaluation.classes}
    numbers = [case.number(metric.name) for cases in known.values() for case in cases]
    ticks = _ticks(metric, numbers)
    height = _ROW * len(known) + _AXIS + 4
    heading = metric.heading(evaluation.unit, evaluation.dims)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="12" '
        f'color="inherit" aria-label="{escape(f"Box plot of {heading}")}">',
        *_axis(ticks, heading, _ROW * len(known)),
    ]
    for row, (value, cases) in enumerate(known.items()):
        middle = row * _ROW + _ROW / 2
        parts.append(_text(_LABELS - 8, middle + 4, _short(evaluation.classes[value]), "end"))
        if cases:
            parts += _whiskers(evaluation.summary(metric.name, value), ticks, middle)
            parts += _strip(cases, metric, ticks, middle)
    return "\n".join([*parts, "</svg>"])


def _known(evaluation: Evaluation, metric: Metric, value: int) -> list[CaseScore]:
    return [c for c in evaluation.of_class(value) if not math.isnan(c.number(metric.name))]


def _ticks(metric: Metric, numbers: Sequence[float]) -> list[float]:
    """Return round numbers that reach over all; shares are always drawn from 0 to 1."""
    if metric.kind == "share" or not numbers:
        return [0, 0.2, 0.4, 0.6, 0.8, 1]
    low, high = min(0.0, *numbers), max(0.0, *numbers)
    span = high - low or 1.0
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(f for f in (1, 2, 5, 10) if span / (f * step) <= 6)
    first = math.floor(low / step)
    return [step * n for n in range(first, math.ceil(max(high, step) / step) + 1)]


def _axis(ticks: list[float], heading: str, bottom: float) -> list[str]:
    parts = []
    for tick in ticks:
        x = _x(tick, ticks)
        parts.append(_line(x, 0, x, bottom, 0.15))
        parts.append(_text(x, bottom + 14, f"{tick:.10g}", "middle"))
    parts.append(_line(_LABELS, bottom, _WIDTH - _MARGIN, bottom, 0.6))
    parts.append(_text((_LABELS + _WIDTH - _MARGIN) / 2, bottom + 30, heading, "middle"))
    return parts


def _whiskers(summary: Summary, ticks: list[float], middle: float) -> list[str]:
    least, lower, median, upper, most = (
        _x(number, ticks)
        for number in (summary.least, summary.lower, summary.median, summary.upper, summary.most)
    )
    return [
        _line(least, middle, most, middle, 0.8),
        f'<rect x="{lower:.1f}" y="{middle - 9:.1f}" width="{max(upper - lower, 1):.1f}" '
        f'height="18" fill="{BOX}" fill-opacity="0.35" stroke="{BOX}"/>',
        _line(median, middle - 10, median, middle + 10, 1, 2.5),
    ]


def _strip(cases: list[CaseScore], metric: Metric, ticks: list[float], middle: float) -> list[str]:
    """Draw a point per case; above and below the middle in turn, so that fewer hide each other."""
    parts = []
    for number, case in enumerate(cases[:: math.ceil(len(cases) / _POINTS)]):
        y = middle + (-5, 0, 5, -2.5, 2.5)[number % 5]
        what = escape(f"{case.case}: {metric.shown(case.number(metric.name))}")
        parts.append(
            f'<circle cx="{_x(case.number(metric.name), ticks):.1f}" cy="{y:.1f}" r="2.5" '
            f'fill="currentColor" fill-opacity="0.55"><title>{what}</title></circle>'
        )
    return parts


def _x(number: float, ticks: list[float]) -> float:
    share = (number - ticks[0]) / (ticks[-1] - ticks[0])
    return _LABELS + share * (_WIDTH - _MARGIN - _LABELS)


def _line(x1: float, y1: float, x2: float, y2: float, opacity: float, width: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
        f'stroke-opacity="{opacity}" stroke-width="{width}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">'
        f"{escape(text)}</text>"
    )


def _short(name: str, at_most: int = 22) -> str:
    return name if len(name) <= at_most else f"{name[: at_most - 1]}…"
