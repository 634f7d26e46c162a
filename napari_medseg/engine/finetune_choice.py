"""How far to go from the old weights to the new ones: the largest gain that forgets little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_medseg.engine.finetune_scores import Scored, mean_dice

MARGIN = 0.5
"""Share of what may be forgotten that the few guards must leave free."""

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
    """

    alpha: float
    dice: float
    gain: float
    guard: float | None = None
    forgotten: float | None = None


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
        rows.append(SweepRow(alpha, dice, dice - before, guard, lost))
    return tuple(rows)


def choose(rows: Sequence[SweepRow], forgetting: float) -> float:
    """Return the alpha of the largest gain among those that forget at most `forgetting` Dice.

    `MARGIN` of it is kept free, since others than the guards lose more.
    0, the old model, if none gains; the one nearest to it if several gain the same.
    """
    most = (1 - MARGIN) * forgetting + _NOTHING
    allowed = [r for r in rows if r.forgotten is None or r.forgotten <= most]
    best = max(allowed, key=lambda r: (r.gain, -r.alpha), default=None)
    return best.alpha if best is not None and best.gain > _NOTHING else 0.0
