"""What a fine-tuning is worth, in words: is the new model better, and what did it forget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_medseg.engine.evaluation_statistics import CASES_FOR_INTERVAL, summarise
from napari_medseg.engine.finetune_choice import MARGIN
from napari_medseg.engine.finetune_result import CaseResult, FineTuned
from napari_medseg.engine.finetune_scores import ClassScore, Scored, mean_dice

Outcome = Literal["better", "worse", "unclear", "same", "unknown"]
"""`unclear`: the interval of the gain holds 0; `unknown`: no case was held out."""

_SAME = 5e-4  # Dice; less is not seen in three digits
_POINTS = 100  # of a Dice of 1


@dataclass(frozen=True)
class Verdict:
    """What speaks for a mix of old and new weights.

    Parameters
    ----------
    outcome : Outcome
        On the corrected cases.
    forgets : bool
        Whether it forgets more than the recipe allows.
    gained, forgotten : str
        A sentence or two each, for people.
    caution : str
        Why the gain may be smaller on other images; empty where it was not measured.
    """

    outcome: Outcome
    forgets: bool
    gained: str
    forgotten: str
    caution: str = ""

    @property
    def advisable(self) -> bool:
        """Whether nothing speaks against taking it."""
        return self.outcome not in ("worse", "same") and not self.forgets


def is_measured(tuned: FineTuned, alpha: float) -> bool:
    """Whether a mix was scored, and not only ones below and above it."""
    return any(abs(row.alpha - alpha) < 1e-9 for row in tuned.sweep)


def scored_at(case: CaseResult, alpha: float) -> Scored | None:
    """Return the scores of a case at any mix, between two that were measured on a straight line.

    None where no mix on the far side was measured.
    """
    known = sorted(case.by_alpha)
    low = max((a for a in known if a <= alpha + 1e-9), default=None)
    high = min((a for a in known if a >= alpha - 1e-9), default=None)
    if low is None or high is None:
        return None
    share = 0.0 if high == low else (alpha - low) / (high - low)
    return tuple(
        ClassScore(
            a.value,
            a.name,
            a.dice + share * (b.dice - a.dice),
            a.hd95 + share * (b.hd95 - a.hd95),
        )
        for a, b in zip(case.by_alpha[low], case.by_alpha[high], strict=True)
    )


def verdict(tuned: FineTuned, alpha: float | None = None) -> Verdict:
    """Judge a mix, the chosen one by default."""
    alpha = tuned.alpha if alpha is None else alpha
    if alpha == 0:
        outcome: Outcome = "worse" if tuned.alpha == 0 else "same"
        return Verdict(outcome, False, _as_it_was(tuned), _forgotten(tuned, alpha)[1])
    outcome, gained = _gained(tuned, alpha)
    forgets, forgotten = _forgotten(tuned, alpha)
    return Verdict(outcome, forgets, gained, forgotten, _caution(tuned))


def _caution(tuned: FineTuned) -> str:
    """Say what the cases that tell the gain have decided before."""
    held_out = [case for case in tuned.cases if case.held_out]
    if not held_out:
        return ""
    these = "this same case" if len(held_out) == 1 else "these same cases"
    return (
        f"How long it learnt and how much of the new model is taken were chosen on {these}: "
        "expect somewhat less on new images."
    )


def _as_it_was(tuned: FineTuned) -> str:
    if tuned.alpha != 0:
        return "This is the model you have, as it is."
    if any(row.gain >= _SAME for row in tuned.sweep):
        allowed = _points((1 - MARGIN) * tuned.config.forgetting)
        return f"Not better: what gained forgot more than the {allowed} allowed."
    first, last = tuned.sweep[0], tuned.sweep[-1]
    return (
        "Not better: no mix of old and new gained anything over the model you have; all of the "
        f"new one: Dice {first.dice:.3f} → {last.dice:.3f}."
    )


def _gained(tuned: FineTuned, alpha: float) -> tuple[Outcome, str]:
    held_out = [case for case in tuned.cases if case.held_out]
    judged = held_out or list(tuned.cases)
    pairs = [(case.before, scored_at(case, alpha)) for case in judged]
    known = [(before, after) for before, after in pairs if after is not None]
    if not known:
        return "unknown", "Whether this mix is better was not measured."
    gains = [mean_dice([after]) - mean_dice([before]) for before, after in known]
    summary = summarise(gains)
    old, new = (mean_dice([pair[side] for pair in known]) for side in (0, 1))
    gain = f"{summary.mean:+.3f}" if abs(summary.mean) >= _SAME else "±0.000"
    change = f"Dice {old:.3f} → {new:.3f} ({gain}"
    if summary.interval is not None and held_out:
        low, high = summary.interval
        change += f"; 95 % interval {low:+.3f} to {high:+.3f}"
    word, outcome = _word(summary.mean)
    if not held_out:
        outcome = "worse" if outcome == "worse" else "unknown"
        return outcome, (
            f"{word} on {_cases(len(known))} it learnt from: {change}). On others it is "
            "not known: none was held out."
        )
    sure = ""
    if summary.interval is None:
        sure = (
            " One case can be chance."
            if len(known) == 1
            else f" So few cases can be chance; from {CASES_FOR_INTERVAL} on an interval is given."
        )
    elif outcome in ("better", "worse") and summary.interval[0] <= 0 <= summary.interval[1]:
        outcome = "unclear" if outcome == "better" else outcome
        sure = " That cannot be told apart from no change at all."
    return outcome, f"{word} on {_cases(len(known))} it did not learn from: {change}).{sure}"


def _word(gain: float) -> tuple[str, Outcome]:
    if abs(gain) < _SAME:
        return "No different", "same"
    return ("Better", "better") if gain > 0 else ("Worse", "worse")


def _forgotten(tuned: FineTuned, alpha: float) -> tuple[bool, str]:
    pairs = [(guard.before, scored_at(guard, alpha)) for guard in tuned.guards]
    known = [(before, after) for before, after in pairs if after is not None]
    if not known:
        return False, (
            "What it forgot is not known: beside the model there are no labelled examples of what "
            "it knew."
        )
    old, new = (mean_dice([pair[side] for pair in known]) for side in (0, 1))
    lost = old - new
    words = f"On {_cases(len(known), 'guard case')} of what it knew: Dice {old:.3f} → {new:.3f}"
    if lost < _SAME:
        return False, f"{words} (nothing forgotten)."
    if lost <= tuned.config.forgetting + 1e-9:
        return False, f"{words} ({_points(lost)} forgotten)."
    allowed = _points(tuned.config.forgetting)
    return True, f"{words} ({_points(lost)} forgotten, more than the {allowed} allowed)."


def _points(dice: float) -> str:
    number = round(_POINTS * dice, 1)
    return f"{number:g} {'point' if number == 1 else 'points'}"


def _cases(count: int, what: str = "case") -> str:
    return f"one {what}" if count == 1 else f"{count} {what}s"
