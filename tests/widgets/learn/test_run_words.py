"""A run says beforehand what one will see of it."""

from __future__ import annotations

import pytest

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.widgets.learn.lesson import Lesson
from napari_medseg.widgets.learn.run_words import words_of


@pytest.mark.parametrize(
    ("config", "cases", "title", "dice"),
    [
        (FineTuneConfig(), 2, "Teaching liver on 2 cases", "on cases held out"),
        (FineTuneConfig(), 1, "Teaching liver on 1 case", "No case is held out"),
        (FineTuneConfig(validation="none"), 5, "Teaching liver on 5 cases", "No case is held out"),
        (TrainingConfig(), 1, "Training liver on 1 case", "if the plan holds something out"),
    ],
)
def test_the_words_fit_what_learns_and_what_is_held_out(config, cases, title, dice):
    words = words_of(Lesson("m", "liver", "cpu", config, cases=cases))
    assert words.title == title
    assert dice in words.dice
    assert bool(words.no_preview) is isinstance(config, TrainingConfig)
