"""What is to be learnt, as the page of the cases says it: a question first, a lesson then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from napari_medseg.casebook import Casebook
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.session import Session
from napari_medseg.widgets.learn import questions
from napari_medseg.widgets.learn.forecast import Forecast, Question
from napari_medseg.widgets.learn.label_values import named
from napari_medseg.widgets.learn.lesson import Lesson
from napari_medseg.widgets.learn.plan_view import PlanView


def question_of(
    session: Session,
    book: Casebook,
    plan: PlanView,
    names: Mapping[int, str],
    unseen: frozenset[str],
) -> Question:
    """Return what is asked before anything is learnt.

    Parameters
    ----------
    names : mapping
        Value of a label to what layers call it.
    unseen : frozenset of str
        Keys of cases whose picture is wanted.

    Raises
    ------
    ValueError
        If a field of the plan cannot be used.
    """
    model = plan.model
    return Question(
        book.project,
        None if model is None else model.path,
        session.device,
        plan.config,
        replace(plan.new, classes=named(book.used, names)),
        session.ready_segmenter if model is not None else None,
        unseen,
    )


def lesson_of(
    session: Session, book: Casebook, plan: PlanView, forecast: Forecast
) -> Lesson | None:
    """Return what begins now; None if a person gave a new model no name.

    Raises
    ------
    ValueError
        If there is a file of that name.
    """
    model, config, cases = plan.model, forecast.config, len(book.used)
    assert config is not None  # without one nothing may start
    if model is not None:
        return Lesson(str(model.path), model.title, session.device, config, cases=cases)
    path = questions.ask_model("my-model")
    if path is None:
        return None
    if path.exists():
        raise ValueError(f"{path.name} is there already, and no model is ever replaced")
    assert isinstance(config, TrainingConfig)  # it was asked for a new model
    config = config.replace(name=path.stem)
    return Lesson("", path.stem, session.device, config, str(path), cases)
