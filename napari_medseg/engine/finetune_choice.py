"""How far to go from the old weights to the new ones: the largest gain that forgets little."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.finetune_scores import Scored, mean_dice

CERTAINTY = 0.95
"""How sure it has to be that cases of what the model knew lose no more than they may."""

_NOTHING = 1e-9  # rounding is no gain


@dataclass(frozen=True)
class SweepRow:
    """A mix of old and new weights.

    Parameters
    ----------
    alpha : float
        0 is old, 1 is new.
    dice : float
        Mean Dice on the corrected cases.
    gain : float
        Against the old model.
    guard : float or None
        Mean Dice on cases of what the model knew; None if there are none.
    forgotten : float or None
        What `guard` lost against the old model; below 0 it gained.
    at_most : float or None
        What it may have lost on cases like the guards, with `CERTAINTY`; None of one guard.
    """

    alpha: float
    dice: float
    gain: float
    guard: float | None = None
    forgotten: float | None = None
    at_most: float | None = None


def sweep_rows(
    cases: Mapping[float, Sequence[Scored]], guards: Mapping[float, Sequence[Scored]]
) -> tuple[SweepRow, ...]:
    """Return a row for each alpha; 0 is among the keys, `guards` may be empty."""
    before = mean_dice(cases[0.0])
    known = mean_dice(guards[0.0]) if guards else None
    rows = []
    for alpha in sorted(cases):
        dice = mean_dice(cases[alpha])
        guard = None if known is None else mean_dice(guards[alpha])
        lost = None if known is None or guard is None else known - guard
        most = _upper_bound(guards[0.0], guards[alpha]) if guards else None
        rows.append(SweepRow(alpha, dice, dice - before, guard, lost, most))
    return tuple(rows)


def _upper_bound(before: Sequence[Scored], after: Sequence[Scored]) -> float | None:
    """Return the one-sided bound of the mean loss over cases, by Student's t."""
    from scipy.special import stdtrit

    lost = [mean_dice([b]) - mean_dice([a]) for b, a in zip(before, after, strict=True)]
    if len(lost) < 2:
        return None
    error = np.std(lost, ddof=1) / np.sqrt(len(lost))
    return float(np.mean(lost) + stdtrit(len(lost) - 1, CERTAINTY) * error)


def choose(rows: Sequence[SweepRow], forgetting: float) -> float:
    """Return the alpha of the largest gain among those that forget at most `forgetting` Dice.

    Few guards tell little of others: the bound of what is forgotten counts where there is one.
    0, the old model, if none gains; the one nearest to it if several gain the same.
    """
    allowed = [r for r in rows if _forgets(r) <= forgetting + _NOTHING]
    best = max(allowed, key=lambda r: (r.gain, -r.alpha), default=None)
    return best.alpha if best is not None and best.gain > _NOTHING else 0.0


def _forgets(row: SweepRow) -> float:
    if row.at_most is not None:
        return row.at_most
    return -math.inf if row.forgotten is None else row.forgotten
