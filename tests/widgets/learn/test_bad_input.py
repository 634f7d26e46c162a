"""What cannot be learnt from, and what goes wrong on the way: clear words, and nothing is lost."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np

from napari_medseg.engine import finetune_run
from napari_medseg.widgets.learn import outlook
from napari_medseg.widgets.learn.lesson import run_folder


def test_odd_cases_are_told_by_name_with_what_to_do(hands, scene, open_panel, a_case):
    panel = open_panel(scene)
    page = panel.cases
    hands.fill(panel, a_case("fine"), a_case("coarse one", spacing=(3.0, 3.0)))
    hands.fill(panel, a_case("only confirmed", corrected=False), a_case("colour", channels=3))
    hands.wait_for_plan(panel, steps=2, batch_size=1)
    told = page.plan.findings.text()
    assert "only confirmed: Nothing was corrected" in told
    assert "<b>✕&nbsp; colour:" in told
    assert "1 channel" in told
    assert "different numbers of channels: 1 and 3" in told
    assert not page.below.start.isEnabled()
    assert "in the way" in page.below.start.toolTip()
    rows = page.kept.list.rows
    colour = next(i for i in range(rows.count()) if rows.item(i).text().startswith("colour"))
    rows.setCurrentRow(colour)
    hands.click(page.kept.list.remove)  # the way out
    hands.wait_for_plan(panel)
    assert "voxel sizes of the cases differ" in page.plan.findings.text()
    assert page.below.start.isEnabled()
    assert len(panel._shelf.book.entries) == 3


def test_a_class_no_case_shows_is_told_and_no_hindrance(hands, scene, open_panel, a_case):
    panel = open_panel(scene)
    page = panel.cases
    hands.fill(panel, a_case("empty", value=0))
    hands.wait_for_plan(panel, steps=2, batch_size=1)
    assert "No case shows anterior" in page.plan.findings.text()
    assert page.below.start.isEnabled()


def test_an_error_of_the_program_ends_the_wait_for_a_plan(
    hands, scene, open_panel, a_case, monkeypatch, notices
):
    def fail(question, report, *, tell):
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(outlook, "look_ahead", fail)
    panel = open_panel(scene)
    hands.fill(panel, a_case("a"))
    hands.wait_for_plan(panel)
    assert "Something went wrong inside MedSeg" in panel.cases.plan.findings.text()
    assert not panel.cases.below.start.isEnabled()
    assert len(notices) == 1


def test_too_little_memory_cuts_the_steps_and_says_so(
    hands, scene, open_panel, a_case, judge, monkeypatch
):
    take = finetune_run.FineTuneRun._gradients
    monkeypatch.setattr(
        finetune_run.FineTuneRun,
        "_gradients",
        lambda run, *batches: None if run.parts < 2 else take(run, *batches),
    )
    panel = open_panel(scene)
    hands.fill(panel, a_case("a"))
    hands.begin(panel, steps=3, batch_size=4)
    hands.wait_for_end(panel)
    [(tuned, _)] = panel.gate.shown
    assert any("memory was short" in note and "2 parts" in note for note in tuned.notes)


def test_a_full_disk_stops_the_run_and_it_goes_on_where_it_was_saved(
    hands, scene, open_panel, a_case, judge, monkeypatch
):
    panel = open_panel(scene)
    hands.fill(panel, a_case("a"))
    hands.begin(panel, steps=2000, patience=0, save_every=0)
    state = run_folder(panel._shelf.book.project) / "finetune.resume.pt"
    hands.until(state.is_file)
    write = Path.write_bytes

    def full(path, content):
        if path.suffix == ".pt":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        hands.wait_for_end(panel)
    assert panel.page is panel.running
    assert "disk is full; free some space" in panel.running.stage.text()
    assert state.is_file()
    learnt = len(panel.running.losses.points("corrections")[0])
    hands.click(panel.running.pause)  # go on
    hands.until(lambda: len(panel.running.losses.points("corrections")[0]) > learnt)
    hands.click(panel.running.stop)
    hands.wait_for_end(panel)
    assert panel.page is panel.cases
    assert [entry.name for entry in panel._shelf.book.entries] == ["a"]


def test_a_loss_that_is_no_number_stops_the_run_says_what_to_change_and_keeps_what_was_learnt(
    hands, scene, open_panel, a_case, judge, monkeypatch
):
    take = finetune_run.FineTuneRun._gradients

    def spoilt(run, now, rehearsed):
        if run.done >= 4:
            now = (now[0] * np.inf, *now[1:])
        return take(run, now, rehearsed)

    panel = open_panel(scene)
    hands.fill(panel, a_case("a"))
    with monkeypatch.context() as patch:
        hands.wait_for_plan(panel, steps=8, batch_size=1, alphas=(1.0,), patience=0)
        patch.setattr(finetune_run.FineTuneRun, "_gradients", spoilt)
        hands.click(panel.cases.below.start)
        hands.wait_for_end(panel)
    assert panel.page is panel.running
    assert "Lower the learning rate" in panel.running.stage.text()
    hands.click(panel.running.back)
    form = panel.cases.plan.form
    form.config = form.config.replace(learning_rate=1e-4)
    hands.click(panel.cases.below.to_run)
    hands.click(panel.running.pause)  # go on
    hands.wait_for_end(panel)
    [(tuned, _)] = panel.gate.shown
    assert tuned.steps == 8
    assert all(np.isfinite(row["supervised"]) for row in tuned.curves[0][1])
