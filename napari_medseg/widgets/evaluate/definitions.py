"""What every number means, as a page."""

from __future__ import annotations

from html import escape

from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_statistics import INTERVAL_WORDS
from napari_medseg.engine.evaluation_table import conventions
from napari_medseg.engine.metric_table import METRICS


def definitions_page(evaluation: Evaluation | None) -> str:
    """Return remarks on an evaluation, conventions and all metrics, as rich text."""
    parts = []
    if evaluation is not None:
        parts += [_list("What to know about this comparison", evaluation.remarks())]
        parts += [_list("How it was computed", conventions(evaluation))]
    else:
        parts += [_list("How it is computed", [INTERVAL_WORDS])]
    for title, lesion in (("Voxel by voxel", False), ("Lesion by lesion", True)):
        rows = [
            f"<p><b>{escape(m.title)}</b>: {escape(m.words)}.<br><i>{escape(m.definition)}.</i></p>"
            for m in METRICS.values()
            if m.lesion is lesion
        ]
        parts.append(f"<h3>{title}</h3>{''.join(rows)}")
    return "".join(parts)


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>"
