"""What the page of a run says of it before anything is learnt."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.widgets.learn.lesson import Lesson


@dataclass(frozen=True)
class RunWords:
    """Words about a run.

    Parameters
    ----------
    title : str
        What learns from what.
    dice : str
        What stands where the Dice will be.
    no_preview : str
        Why nothing can be looked at on the way; empty if it can.
    """

    title: str
    dice: str
    no_preview: str = ""


def words_of(lesson: Lesson) -> RunWords:
    """Return what is said of a lesson."""
    cases = "1 case" if lesson.cases == 1 else f"{lesson.cases} cases"
    config = lesson.config
    if not isinstance(config, FineTuneConfig):
        return RunWords(
            f"Training {lesson.title} on {cases}",
            "Dice is told every few steps if the plan holds something out",
            "A new model finds too little on the way to be looked at",
        )
    title = f"Teaching {lesson.title} on {cases}"
    if lesson.cases > 1 and config.validation != "none":
        return RunWords(title, "Dice on cases held out is told every few steps")
    return RunWords(title, "No case is held out: how good it is on others is not told on the way")
