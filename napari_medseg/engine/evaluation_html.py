"""An evaluation as one page that holds all it needs: to read, to print, to send."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_svg import box_plot
from napari_medseg.engine.evaluation_table import class_label, class_rows, conventions
from napari_medseg.engine.metric_table import METRICS, Metric
from napari_medseg.io import atomic_path

WORST_BY = "dice"
CASES_SHOWN = 500
_PLOTTED = ("dice", "hd95", "assd", "nsd", "sensitivity", "precision", "volume_difference")

_STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --dim: #555; --back: #fff; --line: #bbb;
  --band: #f1f4f7; --note: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --dim: #b0b0b0; --back: #1b1d20;
  --line: #555; --band: #26292e; --note: #403614; } }
body { font: 15px/1.45 sans-serif; color: var(--text); background: var(--back);
  max-width: 1200px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; }
.dim { color: var(--dim); }
.notes { background: var(--note); padding: .6em 1em .6em 2em; border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--dim); padding-bottom: .4em; }
th, td { padding: .25em .7em; text-align: right; white-space: nowrap; }
thead th { border-bottom: 2px solid var(--line); }
th:first-child, td.text { text-align: left; }
tbody th { font-weight: 600; vertical-align: top; }
tbody.class { border-bottom: 1px solid var(--line); }
tbody.class tr:first-child td { font-weight: 600; }
tbody.band tr:nth-child(odd) { background: var(--band); }
.plots { display: flex; flex-wrap: wrap; gap: 1.2em; }
.plots svg { max-width: 100%; height: auto; }
dt { font-weight: 600; margin-top: .6em; } dd { margin-left: 1.2em; }
@media print { :root { --text: #000; --dim: #333; --back: #fff; --line: #999; --band: #f1f4f7;
  --note: #fff4d6; } body { margin: 0; max-width: none; font-size: 10pt; }
  .wide { overflow: visible; } th, td { padding: .15em .4em; font-size: 8pt; }
  tr, svg, dt { break-inside: avoid; } thead { display: table-header-group; } }
"""


def write_html(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Write the page; the file appears whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(page(evaluation), encoding="utf-8")


def page(evaluation: Evaluation) -> str:
    """Return the page: no scripts, no pictures of anybody, nothing from elsewhere, no folders."""
    prediction, truth = evaluation.compared
    title = f"Evaluation of {prediction} against {truth}"
    parts = [
        *page_head(title),
        f"<h1>{escape(title)}</h1>",
        _about(evaluation),
        remark_list(evaluation.remarks()),
        "<h2>Every class over all cases</h2>",
        *_summaries(evaluation),
        "<h2>How the cases spread</h2>",
        '<p class="dim">Box: 25 % to 75 % of the cases, thick line: median, thin line: least to '
        "most, points: cases.</p>",
        '<div class="plots">',
        *(box_plot(evaluation, metric) for metric in _plotted(evaluation)),
        "</div>",
        "<h2>Cases, the worst first</h2>",
        _cases(evaluation),
        "<h2>What the numbers mean</h2>",
        _definitions(evaluation),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def page_head(title: str) -> list[str]:
    """Return the beginning of a page that needs nothing from anywhere, with its style."""
    return [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        # a browser then loads nothing from anywhere, whatever a name in the data may say
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
    ]


def _about(evaluation: Evaluation) -> str:
    count, classes = len(evaluation.names()), len(evaluation.classes)
    date = datetime.fromisoformat(evaluation.date)
    rule = evaluation.lesions
    lesions = "" if rule is None else " " + rule.words(evaluation.unit, evaluation.dims)
    text = (
        f"{count} {'case' if count == 1 else 'cases'}, {classes} "
        f"{'class' if classes == 1 else 'classes'}; NSD at a tolerance of "
        f"{evaluation.tolerance:g} {evaluation.unit}.{lesions} Made on {date:%Y-%m-%d %H:%M} by "
        f"napari-medseg {evaluation.version}, for research use only."
    )
    return f'<p class="dim">{escape(text)}</p>'


def remark_list(remarks: Sequence[str]) -> str:
    """Return sentences that a reader must not miss, as a list."""
    if not remarks:
        return ""
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f'<ul class="notes">{items}</ul>'


def _summaries(evaluation: Evaluation) -> Iterable[str]:
    """One table of what is counted in voxels, one of lesions."""
    for lesion in (False, True):
        metrics = tuple(metric for metric in evaluation.metrics if metric.lesion is lesion)
        if metrics:
            yield _summary(evaluation, metrics, "Lesion by lesion" if lesion else "Voxel by voxel")


def _summary(evaluation: Evaluation, metrics: tuple[Metric, ...], caption: str) -> str:
    headings = "".join(_heading(evaluation, metric) for metric in metrics)
    bodies = []
    for value in evaluation.classes:
        rows = class_rows(evaluation, value, metrics)
        label = escape(class_label(evaluation, value))
        name = f'<th scope="rowgroup" rowspan="{len(rows)}">{label}</th>'
        lines = []
        for what, cells in rows.items():
            numbers = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            lines.append(f'<tr>{name}<td class="text">{escape(what)}</td>{numbers}</tr>')
            name = ""
        bodies.append(f'<tbody class="class">{"".join(lines)}</tbody>')
    return (
        f'<div class="wide"><table><caption>{caption}</caption><thead><tr><th scope="col">class'
        f'</th><th scope="col"></th>{headings}</tr></thead>{"".join(bodies)}</table></div>'
    )


def _heading(evaluation: Evaluation, metric: Metric) -> str:
    words = escape(metric.words, quote=True)
    heading = escape(metric.heading(evaluation.unit, evaluation.dims))
    return f'<th scope="col" title="{words}">{heading}</th>'


def _plotted(evaluation: Evaluation) -> list[Metric]:
    return [m for m in evaluation.metrics if m.name in _PLOTTED or m.name == "lesion_f1"]


def _cases(evaluation: Evaluation) -> str:
    """Return a table of the cases of all classes, worst Dice first."""
    worst = evaluation.worst(WORST_BY)
    rows = []
    for case in worst[:CASES_SHOWN]:
        numbers = "".join(
            f"<td>{escape(metric.shown(case.number(metric.name)))}</td>"
            for metric in evaluation.metrics
        )
        label = escape(class_label(evaluation, case.value))
        rows.append(
            f'<tr><th scope="row">{escape(case.case)}</th><td class="text">{label}</td>'
            f"{numbers}</tr>"
        )
    headings = "".join(_heading(evaluation, metric) for metric in evaluation.metrics)
    caption = f"By {METRICS[WORST_BY].title}"
    if len(worst) > CASES_SHOWN:
        caption += f"; the {CASES_SHOWN} worst of {len(worst)}, the CSV and JSON files have all"
    return (
        f'<div class="wide"><table><caption>{caption}</caption><thead><tr><th scope="col">case'
        f'</th><th scope="col">class</th>{headings}</tr></thead><tbody class="band">'
        f"{''.join(rows)}</tbody></table></div>"
    )


def _definitions(evaluation: Evaluation) -> str:
    terms = "".join(
        f"<dt>{escape(metric.heading(evaluation.unit, evaluation.dims))}</dt>"
        f"<dd>{escape(_sentence(metric.words))}<br>{escape(_sentence(metric.definition))}</dd>"
        for metric in evaluation.metrics
    )
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in conventions(evaluation))
    return f"<dl>{terms}</dl><ul>{rules}</ul>"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
