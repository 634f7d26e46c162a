"""Before anything is learnt: what is said of cases, model and cost, and how it is stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_medseg.casebook import Casebook
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.progress import Cancelled
from napari_medseg.widgets.learn.forecast import NewModel, Question, load_cases, look_ahead

FAST = FineTuneConfig(steps=2, batch_size=1)


@pytest.fixture
def book(tmp_path, a_case):
    made = Casebook.open(tmp_path / "study.medseg.json")
    for seed in range(2):
        made.add(a_case(f"case {seed}" + seed * " and more"), copy_image=True)
    return made


@pytest.fixture
def question(book, models):
    new = NewModel("lgmsnet", "quick", ("1=anterior",))
    unseen = frozenset({book.entries[0].key})
    path = models / "tiny-grey.safetensors"
    return Question(book.project, path, "cpu", FAST, new, None, unseen)


def test_the_plan_is_told_before_a_step_is_tried_and_its_cost_afterwards(question, book):
    early = []
    found = look_ahead(question, tell=early.append)
    [first] = early
    assert first.measuring
    assert first.may_start
    assert not first.cost
    assert first.config == FAST
    assert "3 times: without each case in turn" in first.words
    assert not found.measuring
    assert found.may_start
    assert found.cost.startswith("Takes about ")
    assert "memory" not in found.words  # the cost is said once
    assert found.loaded.path == question.model
    assert found.pictures[book.entries[0].key].ndim == 3
    assert len(found.pictures) == 1


def test_it_is_stopped_in_the_middle_of_its_trial(question):
    early, said = [], []

    def stop(step):
        said.append(step)
        if early:
            raise Cancelled

    with pytest.raises(Cancelled):
        look_ahead(question, stop, tell=early.append)
    assert len(early) == 1
    assert len(said) > 1


def test_what_is_in_the_way_is_a_finding_in_words_and_no_error(question, book, models):
    gone = look_ahead(replace(question, model=models / "gone.safetensors"))
    assert not gone.may_start
    assert "gone.safetensors" in gone.findings[0].text
    volume = look_ahead(replace(question, model=models / "tiny-volume.safetensors"))
    assert not volume.may_start
    assert [f.severity for f in volume.findings][:2] == ["stop", "stop"]
    (book.folder / book.entries[0].file).write_bytes(b"torn")
    cases, entries, said = load_cases(book.project)
    assert [case.name for case in cases] == [entry.name for entry in entries] == ["case 1 and more"]
    assert "'case 0' is skipped" in said[0]
    partly = look_ahead(question)
    assert partly.may_start
    assert any("'case 0' is skipped" in f.text for f in partly.findings)


def test_too_little_memory_is_said_and_nothing_is_kept(question, monkeypatch):
    from napari_medseg.engine import finetune_plan

    def full(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr(finetune_plan, "plan", full)
    found = look_ahead(question)
    assert not found.may_start
    assert "not enough memory" in found.findings[0].text


def test_a_new_model_is_planned_for_the_cases(question):
    found = look_ahead(replace(question, model=None))
    assert isinstance(found.config, TrainingConfig)
    assert found.loaded is None
    assert found.may_start
    assert "2 cases" in found.words
