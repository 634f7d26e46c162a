"""A run of learning on disk: what it learns from."""

from __future__ import annotations

import pytest

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.widgets.learn.lesson import Lesson, files_learnt_from, run_folder


@pytest.mark.parametrize(
    ("config", "cases", "held_out"),
    [
        (FineTuneConfig(), 2, True),
        (FineTuneConfig(), 1, False),
        (FineTuneConfig(validation="none"), 5, False),
        (TrainingConfig(), 1, True),
    ],
)
def test_one_knows_before_whether_something_is_held_out(config, cases, held_out):
    assert Lesson("m", "liver", "cpu", config, cases=cases).holds_out is held_out


def test_without_a_run_nothing_is_learnt_from(tmp_path):
    project = tmp_path / "study.medseg.json"
    assert files_learnt_from(project) is None
    folder = run_folder(project) / "cases.medseg-cases"
    folder.mkdir(parents=True)
    assert files_learnt_from(project) == frozenset()
    (folder / "cases.json").write_text("{ torn", "utf-8")
    assert not files_learnt_from(project)
