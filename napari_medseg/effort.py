"""What correcting took: minutes of work, and all of it from round to round of learning."""

from __future__ import annotations

from dataclasses import dataclass

_PAUSE = 60.0  # seconds; who did nothing for longer did something else


@dataclass(frozen=True)
class Effort:
    """What the cases took together that were added after so many rounds of learning.

    Parameters
    ----------
    rounds : int
        How often the model had learnt from a person's cases before.
    cases : int
        How many were added then.
    edited_voxels : int
        Changed by hand.
    prompts : int
        Clicks, scribbles and boxes given to a model.
    minutes : float
        Spent on them; 0 where nobody measured.
    """

    rounds: int
    cases: int
    edited_voxels: int
    prompts: int
    minutes: float

    def per_case(self) -> tuple[float, float, float]:
        """Return edited voxels, prompts and minutes of a case on average."""
        count = max(self.cases, 1)
        return self.edited_voxels / count, self.prompts / count, self.minutes / count

    def cells(self) -> tuple[str, ...]:
        """Return round, cases, and what a case took, as people read them; – was not noted."""
        edited, prompts, minutes = self.per_case()
        return (
            str(self.rounds),
            str(self.cases),
            f"{edited:,.0f}",
            f"{prompts:.1f}" if self.prompts else "–",
            f"{minutes:.1f}" if self.minutes else "–",
        )


class WorkClock:
    """Adds up the time between one act of a person and the next, but for pauses.

    Attributes
    ----------
    seconds : float
        Of work so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last: float | None = None

    def note(self, now: float) -> None:
        """Note an act at `now`, in seconds of any clock that does not go back."""
        if self._last is not None and now - self._last <= _PAUSE:
            self.seconds += now - self._last
        self._last = now
