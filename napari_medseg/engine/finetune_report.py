"""A fine-tuning on paper: before and after, what was forgotten, how it was made; no paths."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from napari_medseg import __version__
from napari_medseg.effort import Effort
from napari_medseg.engine.evaluation_html import page_head, remark_list
from napari_medseg.engine.evaluation_statistics import INTERVAL_WORDS
from napari_medseg.engine.finetune_result import CaseResult, FineTuned
from napari_medseg.engine.finetune_verdict import is_measured, scored_at, verdict
from napari_medseg.io import atomic_path
from napari_medseg.progress import Report, silent

REPORT_KINDS = {
    "Report to read and print (*.html)": ".html",
    "Table for spreadsheets (*.csv)": ".csv",
    "Everything, for programs (*.json)": ".json",
}
FORMAT, VERSION = "napari-medseg fine-tuning", 1
_KINDS = {"held out": "not learnt from", "learnt": "learnt from", "guard": "knew before"}


def save_report(
    tuned: FineTuned,
    path: Path,
    *,
    alpha: float | None = None,
    effort: Sequence[Effort] = (),
    report: Report = silent,
) -> Path:
    """Write a fine-tuning as its ending says; the file appears whole or not at all.

    Parameters
    ----------
    tuned : FineTuned
        What was learnt.
    path : Path
        Ends as one of `REPORT_KINDS`.
    alpha : float, optional
        The mix that is judged; the chosen one by default.
    effort : sequence of Effort
        What the cases took, round after round.

    Raises
    ------
    ValueError
        If the ending is another one.
    OSError
        If it cannot be written.
    """
    alpha = tuned.alpha if alpha is None else alpha
    ending = path.suffix.lower()
    if ending not in REPORT_KINDS.values():
        raise ValueError(
            f"a report is saved as {', '.join(REPORT_KINDS.values())}, not as "
            f"'{path.suffix or path.name}'; choose one of these endings"
        )
    with atomic_path(path) as temporary:
        if ending == ".csv":
            _write_csv(tuned, alpha, temporary)
            return path
        text = page(tuned, alpha, effort) if ending == ".html" else _json(tuned, alpha, effort)
        temporary.write_text(text, encoding="utf-8")
    return path


def rows(tuned: FineTuned, alpha: float) -> Iterator[dict[str, Any]]:
    """Yield a row per case and class: before and after; what was not measured is None."""
    for kind, case in _every_case(tuned):
        after = scored_at(case, alpha)
        for index, old in enumerate(case.before):
            new = None if after is None else after[index]
            yield {
                "case": case.name,
                "kind": _KINDS[kind],
                "class": old.value,
                "name": old.name,
                "dice_before": old.dice,
                "dice_after": None if new is None else new.dice,
                "hd95_before": old.hd95,
                "hd95_after": None if new is None else new.hd95,
                "hd95_unit": case.unit,
                "edited_voxels": case.edited,
                "reviewed_voxels": case.reviewed,
            }


def _every_case(tuned: FineTuned) -> Iterator[tuple[str, CaseResult]]:
    for case in sorted(tuned.cases, key=lambda case: not case.held_out):
        yield "held out" if case.held_out else "learnt", case
    for guard in tuned.guards:
        yield "guard", guard


def _write_csv(tuned: FineTuned, alpha: float, path: Path) -> None:
    every = list(rows(tuned, alpha))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(every[0]) if every else ["case"])
        writer.writeheader()
        writer.writerows(every)


def _json(tuned: FineTuned, alpha: float, effort: Sequence[Effort]) -> str:
    said = verdict(tuned, alpha)
    content = {
        "format": FORMAT,
        "schema": VERSION,
        "version": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": {"name": tuned.teacher.card.name, "sha256": tuned.teacher.sha256},
        "alpha": alpha,
        "suggested_alpha": tuned.alpha,
        "measured": is_measured(tuned, alpha),
        "verdict": {**asdict(said), "advisable": said.advisable},
        "trained": tuned.trained,
        "steps": tuned.steps,
        "minutes": tuned.minutes,
        "edited_voxels": tuned.edited_voxels,
        "cases": list(rows(tuned, alpha)),
        "sweep": [asdict(row) for row in tuned.sweep],
        "effort": [asdict(one) for one in effort],
        "curves": [{"run": name, "steps": curve} for name, curve in tuned.curves],
        "config": tuned.config.to_dict(),
        "notes": list(tuned.notes),
    }
    return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def page(tuned: FineTuned, alpha: float, effort: Sequence[Effort] = ()) -> str:
    """Return a page that needs nothing from anywhere: no scripts, no images, no folders."""
    name = tuned.teacher.card.title or tuned.teacher.card.name
    title = f"{name}: before and after learning from corrected cases"
    said = verdict(tuned, alpha)
    estimated = () if is_measured(tuned, alpha) else ("This mix was not measured: its numbers lie "
        "between those of the mixes beside it.",)  # fmt: skip
    parts = [
        *page_head(title),
        f"<h1>{escape(title)}</h1>",
        _about(tuned, alpha),
        f"<p><b>{escape(said.gained)}</b> {escape(said.caution)}</p>"
        f"<p>{escape(said.forgotten)}</p>",
        remark_list([*estimated, *(f"{n[0].upper()}{n[1:]}." for n in tuned.notes)]),
        "<h2>Cases, before and after</h2>",
        _cases(tuned, alpha),
        "<h2>From the old model to the new one</h2>",
        _sweep(tuned, alpha),
        *(["<h2>Work for a case, by round</h2>", _effort(effort)] if effort else []),
        "<h2>How it was made</h2>",
        _table(("setting", "value"), [(k, str(v)) for k, v in tuned.config.to_dict().items()]),
        f'<p class="dim">Dice: how much of the labels both share, 0 to 1. HD95: how far the '
        "outlines lie apart (95 % of them), in mm, in pixels where the size of a voxel is not "
        f"known and for guard cases. {escape(INTERVAL_WORDS)}</p>",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _about(tuned: FineTuned, alpha: float) -> str:
    text = (
        f"{alpha:.0%} of the way from the old to the new weights; {tuned.steps} steps, "
        f"{tuned.minutes:.1f} min, {tuned.edited_voxels:,} voxels corrected by hand. Made on "
        f"{datetime.now():%Y-%m-%d %H:%M} by napari-medseg {__version__}, for research use only."
    )
    return f'<p class="dim">{escape(text)}</p>'


def _cases(tuned: FineTuned, alpha: float) -> str:
    heads = ("case", "", "class", "Dice before", "after", "HD95 before", "after", "edited voxels")
    body = [
        (
            row["case"],
            row["kind"],
            row["name"],
            _number(row["dice_before"], 3),
            _number(row["dice_after"], 3),
            _number(row["hd95_before"], 1),
            f"{_number(row['hd95_after'], 1)} {row['hd95_unit']}",
            f"{row['edited_voxels']:,}",
        )
        for row in rows(tuned, alpha)
    ]
    return _table(heads, body)


def _sweep(tuned: FineTuned, alpha: float) -> str:
    heads = ("share of the new weights", "Dice", "gain", "Dice, guard cases", "forgotten", "")
    body = [
        (
            f"{row.alpha:.0%}",
            _number(row.dice, 3),
            f"{row.gain:+.3f}",
            _number(row.guard, 3),
            _number(row.forgotten, 3),
            "judged here" if abs(row.alpha - alpha) < 1e-9 else "",
        )
        for row in tuned.sweep
    ]
    return _table(heads, body)


def _effort(effort: Sequence[Effort]) -> str:
    heads = ("round", "cases", "edited voxels a case", "prompts a case", "minutes a case")
    return _table(heads, [one.cells() for one in effort])


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f'<tbody class="band">{"".join(lines)}</tbody></table></div>'
    )


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _finite(value: Any) -> Any:
    """Return plain values without NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
