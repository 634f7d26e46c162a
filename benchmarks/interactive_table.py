"""The table of `benchmarks.interactive`, and what of the goals is met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Sessions = Sequence[Mapping[str, Any]]
Cells = Mapping[tuple[str, str], Mapping[str, Sessions]]

AFTER = (0, 1, 3, 5, 10)
REACH = (0.80, 0.85, 0.90)
CAP = 20  # prompts
DONE = 0.95  # Dice, at which a session ends
FAILED = 0.5  # Dice, below which a mask has failed
GOAL_FAILED = {2: 0.90, 3: 0.85}
_IN_3D = ("hippocampus",)


def dice_after(session: Mapping[str, Any], prompts: int) -> float:
    """Return the Dice after so many prompts; a session that ended before keeps what it reached."""
    scores = session["dice"]
    return float(scores[min(prompts, len(scores) - 1)])


def clicks_to(session: Mapping[str, Any], reach: float) -> int:
    """Return after how many prompts the Dice was first so high; `CAP` if it never was."""
    return next((n for n, score in enumerate(session["dice"]) if score >= reach), CAP)


def mean_after(sessions: Sessions, prompts: int) -> float:
    """Return the mean Dice over images after so many prompts."""
    return statistics.fmean(dice_after(one, prompts) for one in sessions)


def table(rows: Mapping[str, Sessions]) -> list[str]:
    """Return the lines of a table, a row for each tool."""
    columns = [f"{'Dice ' if n == 0 else ''}after {n}" for n in AFTER]
    head = "".join(f"{name:>13}" if n == 0 else f"{name:>10}" for n, name in enumerate(columns))
    clicks = "".join(f"{f'to {reach:.2f}':>9}" for reach in REACH)
    lines = [f"{'':<18}{head}{clicks}{'p50 ms':>9}{'p95 ms':>9}{'outside':>9}"]
    for name, sessions in rows.items():
        scores = [f"{mean_after(sessions, n):.3f}" for n in AFTER]
        after = "".join(f"{s:>13}" if n == 0 else f"{s:>10}" for n, s in enumerate(scores))
        to = "".join(
            f"{statistics.fmean(clicks_to(one, reach) for one in sessions):>9.1f}"
            for reach in REACH
        )
        times = [1000 * second for one in sessions for second in one["cpu"]] or [0.0]
        half, most = np.percentile(times, (50, 95))
        outside = sum(one["outside"] for one in sessions)
        lines.append(f"{name:<18}{after}{to}{half:>9.0f}{most:>9.0f}{outside:>9}")
    return lines


def goals(cells: Cells) -> list[str]:
    """Return a line for each goal: met, or missed by how much."""
    lines = []
    for (name, model), rows in cells.items():
        at = f"{name}, {model}"
        if "lane 0" in rows:
            gained = [mean_after(rows["lane 0"], n) for n in (0, 1)]
            lines.append(_line(f"{at}: lane 0 lowers nothing at 1 click", gained[1] - gained[0]))
        lines += _more(rows, at, "lane 1", "lane 0", (3, 5, 10))
        for lane in ("lane 0", "lane 1"):
            lines += _more(rows, at, lane, "random walker", (3, 5))
    for dims in (2, 3):
        lines += _failed(cells, dims)
    ours = [
        one["outside"]
        for rows in cells.values()
        for row, sessions in rows.items()
        if row.startswith(("lane", "0+1"))
        for one in sessions
    ]
    if ours:
        lines.append(_line("voxels changed outside of the region: 0", -float(sum(ours)), "voxels"))
    return lines


def _more(
    rows: Mapping[str, Sessions], at: str, better: str, than: str, clicks: Sequence[int]
) -> list[str]:
    """Return a line on whether one row is at least as good as another one."""
    if better not in rows or than not in rows:
        return []
    more = {n: mean_after(rows[better], n) - mean_after(rows[than], n) for n in clicks}
    least = min(more, key=more.__getitem__)
    words = f"{at}: {better} at least {than} at {', '.join(map(str, clicks))} clicks"
    return [_line(f"{words} (least at {least})", more[least])]


def _failed(cells: Cells, dims: int) -> list[str]:
    """Return a line on the failed masks of all domains in 2D or in 3D, for each of our lanes."""
    lines = []
    for lane in ("lane 0", "lane 1", "0+1"):
        reached = [
            dice_after(one, AFTER[-1])
            for (name, _), rows in cells.items()
            if (name in _IN_3D) == (dims == 3)
            for one in rows.get(lane, ())
            if one["dice"][0] < FAILED
        ]
        if reached:
            goal, median = GOAL_FAILED[dims], statistics.median(reached)
            words = (
                f"{lane}: {len(reached)} failed masks in {dims}D reach a median of {goal:.2f} "
                f"within {AFTER[-1]} prompts: {median:.3f}"
            )
            lines.append(_line(words, median - goal))
    return lines


def _line(words: str, margin: float, unit: str = "") -> str:
    met = margin >= 0
    amount = f"{abs(margin):.0f} {unit}" if unit else f"{abs(margin):.3f}"
    verdict = f"met, by {amount}" if met else f"MISSED, by {amount}"
    return f"{verdict:<18} {words}"
