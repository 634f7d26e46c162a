"""Where a fine-tuning is: what its curves, its bar and its preview are made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.progress import Step, duration


@dataclass(frozen=True, eq=False)
class FineTuneProgress:
    """One step of a fine-tuning, as it is told to those who watch.

    Parameters
    ----------
    stage : str
        Which run of learning, for people: "without case 2 of 5", "learning".
    final : bool
        Whether it is the run whose result is kept.
    step, steps : int
        Steps taken in this run, and how many it has.
    done, total : int
        The same over all runs.
    supervised, distilled : float or None
        The losses of the step; None before the first one.
    validation : float or None
        Mean Dice of the candidate on held-out cases, where this step was checked.
    guard : float or None
        Mean Dice of the candidate on cases of what the model knew, where it was checked.
    seconds_left : float or None
        Until the end of all runs; None while that cannot be told.
    snapshot : callable
        Returns a copy of the candidate. To be called while the step is told, in its thread.
    """

    stage: str
    final: bool
    step: int
    steps: int
    done: int
    total: int
    supervised: float | None
    distilled: float | None
    validation: float | None
    guard: float | None
    seconds_left: float | None
    snapshot: Callable[[], Segmenter]

    @property
    def line(self) -> Step:
        """The same as a step of a bar, with a line for people."""
        note = self.stage
        if self.supervised is not None:
            note += f" · loss {self.supervised:.3f}"
        if self.validation is not None:
            note += f" · Dice {self.validation:.3f}"
        if self.seconds_left is not None:
            note += f" · {duration(self.seconds_left)} left"
        return Step(self.done, self.total, "step", note)


class Clock:
    """Time spent, also before an interruption, and what is left by the pace of the steps.

    Parameters
    ----------
    spent : float
        Seconds of earlier sittings.
    """

    def __init__(self, spent: float = 0.0) -> None:
        self._before, self._started = spent, time.monotonic()
        self._first: int | None = None

    @property
    def spent(self) -> float:
        """Seconds so far, over all sittings."""
        return self._before + time.monotonic() - self._started

    def left(self, done: int, total: int) -> float | None:
        """Return the seconds left after `done` of `total` steps; None until a few are taken."""
        if self._first is None:
            self._first = done
        taken = done - self._first
        if taken < 5:
            return None
        return (time.monotonic() - self._started) / taken * (total - done)
