"""Whatever ends a run too early, a window or the whole program, it can be gone on with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from napari.components import ViewerModel

from napari_medseg.casebook import Casebook
from napari_medseg.engine import finetune_state
from napari_medseg.engine.checkpoint import read_card
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.learn.lesson import Lesson, interrupted, run_folder
from napari_medseg.widgets.learn.turn import is_taken
from napari_medseg.widgets.sessions import session_of

LONG = {"steps": 2000, "patience": 0, "save_every": 0}

LEARN = """
import json, sys
from pathlib import Path
from qtpy.QtCore import QCoreApplication
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.widgets.learn.lesson import Lesson, Request, learn
from napari_medseg.widgets.learn.points import Feed
app = QCoreApplication([])
project, told = Path(sys.argv[1]), json.loads(sys.argv[2])
lesson = Lesson(**{**told, "config": FineTuneConfig.from_dict(told["config"])})
learn(Request(project, lesson, False, Feed()))
"""


@pytest.fixture
def open_with_model(open_panel, models):
    def open_it():
        viewer, path = ViewerModel(), models / "tiny-grey.safetensors"
        session_of(viewer).model = ChosenModel(path, read_card(path))
        return open_panel(viewer)

    return open_it


def go_on_and_stop(hands, panel):
    """Go on with what was interrupted until something is learnt, then end it."""
    assert panel.page is panel.running
    assert "interrupted" in panel.running.stage.text()
    hands.click(panel.running.pause)
    hands.until(lambda: bool(panel.running.losses.names))
    hands.click(panel.running.stop)
    hands.wait_for_end(panel)
    assert panel.page is panel.cases


def test_a_second_window_waits_for_its_turn_and_says_so(hands, open_with_model, a_case, judge):
    first, second = open_with_model(), open_with_model()
    for panel in (first, second):
        hands.fill(panel, a_case("a"))
    hands.begin(first, **LONG)
    hands.wait_for_plan(second, steps=2, batch_size=1, alphas=(1.0,))
    hands.click(second.cases.below.start)
    assert second.page is second.cases
    assert not second.run.going
    assert "learning in another window already; wait" in second.cases.below.hint.text()
    assert first.run.going
    hands.click(first.running.pause)
    hands.wait_for_end(first)
    hands.click(second.cases.below.start)
    hands.wait_for_end(second)
    assert second.page is second.gate
    second._shelf.take(first._shelf.book.project)  # one may go on with it anywhere
    assert interrupted(first._shelf.book.project) == first.of_run.lesson


def test_a_run_begun_under_an_earlier_recipe_says_what_to_do(
    hands, open_with_model, a_case, monkeypatch
):
    panel = open_with_model()
    hands.fill(panel, a_case("a"))
    hands.begin(panel, **LONG)
    hands.click(panel.running.pause)
    hands.wait_for_end(panel)
    monkeypatch.setattr(finetune_state, "_VERSION", 3)
    hands.click(panel.running.pause)
    hands.wait_for_end(panel)
    said = panel.running.stage.text()
    assert "begun with another version of this program and cannot go on. Press Stop" in said
    assert "finetune.resume.pt" not in said
    hands.click(panel.running.stop)
    assert panel.page is panel.cases
    assert interrupted(panel._shelf.book.project) is None
    assert [entry.name for entry in panel._shelf.book.used] == ["a"]


def test_closing_the_window_keeps_the_run(
    hands, viewer, open_workbench, open_with_model, a_case, models
):
    workbench = open_workbench(viewer)
    workbench.choose_model(models / "tiny-grey.safetensors")
    workbench.go_to("learn")
    panel = workbench.panel("learn")
    hands.fill(panel, a_case("a"))
    panel.cases.wake()  # the window is not shown in this test
    hands.begin(panel, **LONG)
    project, lesson = panel._shelf.book.project, panel.of_run.lesson
    viewer.close()
    hands.until(lambda: not is_taken(project))
    assert interrupted(project) == lesson
    assert [entry.name for entry in Casebook.open(project).used] == ["a"]
    again = open_with_model()
    again._shelf.take(project)
    go_on_and_stop(hands, again)


@pytest.mark.slow
def test_after_a_kill_the_run_is_offered_and_goes_on(
    hands, open_with_model, a_case, models, tmp_path
):
    book = Casebook.open(tmp_path / "study.medseg.json")
    book.add(a_case("a"), copy_image=True)
    model = models / "tiny-grey.safetensors"
    config = FineTuneConfig(**LONG, batch_size=1, alphas=(1.0,))
    lesson = Lesson(str(model), "tiny grey", "cpu", config, cases=1)
    told = json.dumps({**vars(lesson), "config": config.to_dict()})
    child = subprocess.Popen([sys.executable, "-c", LEARN, str(book.project), told])
    try:
        hands.until((run_folder(book.project) / "finetune.resume.pt").is_file)
    finally:
        child.kill()
        child.wait()
    assert interrupted(book.project) == lesson
    assert not is_taken(book.project)
    panel = open_with_model()
    own = panel._shelf.book.project
    for project, page in ((book.project, "running"), (own, "cases"), (book.project, "running")):
        panel._shelf.take(project)  # there and back: the run is offered as often as one comes
        assert panel.page is getattr(panel, page)
    go_on_and_stop(hands, panel)
