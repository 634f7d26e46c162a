"""Learning as a person does it: correct, add the case, read the plan, learn, judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_medseg.engine import training_presets
from napari_medseg.engine.checkpoint import read_card
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.learn import questions
from napari_medseg.widgets.learn.lesson import run_folder
from napari_medseg.widgets.sessions import session_of

WAIT = 200_000  # ms; it takes seconds where nothing else runs


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def add_case(qtbot, panel):
    page, before = panel.cases, panel._shelf.book.entries
    page.collect.refresh()
    assert page.collect.add.isEnabled(), page.collect.reviewed.text()
    click(qtbot, page.collect.add)
    qtbot.waitUntil(
        lambda: panel._shelf.book.entries != before and not page.collect._busy, timeout=WAIT
    )


def wait_for_plan(qtbot, panel, **fields):
    page = panel.cases
    if fields:
        page.plan.form.config = page.plan.form.config.replace(**fields)
        page.plan.changed.emit()
    qtbot.waitUntil(lambda: page._forecast is not None, timeout=WAIT)


def test_a_corrected_image_becomes_a_case_and_a_plan(
    qtbot, scene, open_panel, add_image, correct, answer
):
    panel = open_panel(scene)
    page = panel.cases
    assert not page.start.isEnabled()
    assert "No image yet" in page.collect.reviewed.text()
    _, labels = add_image(scene)
    page.collect.refresh()
    assert "Nothing of these labels is reviewed" in page.collect.reviewed.text()
    assert not page.collect.add.isEnabled()
    correct(labels)
    asked = answer(True)
    add_case(qtbot, panel)
    assert asked == ["case"]
    row = page.list.rows.item(0)
    assert row.text() == "case\nall reviewed · 256 corrected"
    assert not row.icon().isNull()
    wait_for_plan(qtbot, panel, steps=3, batch_size=1)
    assert "From 1 case" in page.plan.words.text()
    assert "one case the gain can only be measured" in page.plan.findings.text()
    assert page.start.isEnabled()
    correct(labels, 0)
    page.collect.refresh()
    assert "changed since" in page.list.rows.item(0).text()


def begin(qtbot, panel, **fields):
    """Start a fine-tuning and wait until its curves grow."""
    wait_for_plan(qtbot, panel, batch_size=1, alphas=(1.0,), **fields)
    click(qtbot, panel.cases.start)
    assert panel.page is panel.running
    qtbot.waitUntil(lambda: bool(panel.running.losses.names), timeout=WAIT)


def wait_for_end(qtbot, panel):
    qtbot.waitUntil(lambda: not panel.run.going, timeout=WAIT)


def test_learning_goes_over_a_pause_to_the_page_that_judges_it(
    qtbot, scene, open_panel, add_image, correct, answer, judge, models
):
    panel = open_panel(scene)
    _, labels = add_image(scene)
    correct(labels)
    answer(True)
    add_case(qtbot, panel)
    begin(qtbot, panel, steps=2000, patience=0)
    assert not panel.cases.start.isEnabled()
    click(qtbot, panel.running.pause)
    wait_for_end(qtbot, panel)
    assert panel.running.pause.text() == "Go on learning"
    seen = panel.running.losses.points("corrections")[0]
    assert (run_folder(panel._shelf.book.project) / "finetune.resume.pt").is_file()
    correct(labels, 0)  # one goes on working; what was begun does not change
    add_case(qtbot, panel)
    assert panel.page is panel.running
    click(qtbot, panel.running.pause)
    qtbot.waitUntil(
        lambda: len(panel.running.losses.points("corrections")[0]) > len(seen), timeout=WAIT
    )
    click(qtbot, panel.running.stop)
    wait_for_end(qtbot, panel)
    assert panel.page is panel.cases
    assert not run_folder(panel._shelf.book.project).exists()
    correct(labels)
    add_case(qtbot, panel)
    begin(qtbot, panel, steps=3)
    wait_for_end(qtbot, panel)
    [(tuned, book)] = panel.gate.shown
    assert panel.page is panel.gate
    assert tuned.steps == 3
    assert tuned.edited_voxels == 256
    assert book is panel._shelf.book
    panel.gate.back.emit()
    click(qtbot, panel.cases.result)
    assert panel.page is panel.gate
    panel.gate.promoted.emit(models / "new.safetensors")
    assert panel.page is panel.cases
    assert not run_folder(panel._shelf.book.project).exists()


def test_a_run_that_was_cancelled_or_crashed_is_offered_again(
    qtbot, scene, open_panel, add_image, correct, answer, judge, models
):
    panel = open_panel(scene)
    correct(add_image(scene)[1])
    answer(True)
    add_case(qtbot, panel)
    begin(qtbot, panel, steps=2000, patience=0)
    panel._runner.cancel()  # as the run bar does, and the end of the window
    wait_for_end(qtbot, panel)
    assert "kept on disk" in panel.running.stage.text()
    left = panel._shelf.book.project
    panel.close()
    other = ViewerModel()
    path = models / "tiny-grey.safetensors"
    session_of(other).model = ChosenModel(path, read_card(path))
    again = open_panel(other)
    assert again.page is again.cases  # another viewer has cases of its own
    assert again.cases.start.isEnabled() is False
    panel._shelf.take(Path("nowhere.medseg.json").absolute())  # the first viewer is gone
    again.cases.show_shelf()
    assert "1 case of" in again.cases.earlier.text()
    click(qtbot, again.cases.take_earlier)
    assert again._shelf.book.project == left
    assert again.page is again.running
    assert "interrupted" in again.running.stage.text()
    click(qtbot, again.running.pause)
    qtbot.waitUntil(lambda: bool(again.running.losses.names), timeout=WAIT)
    click(qtbot, again.running.stop)
    wait_for_end(qtbot, again)
    assert again.page is again.cases


def test_what_cannot_be_learnt_is_said_with_the_way_out(
    qtbot, scene, open_panel, add_image, correct, answer
):
    panel = open_panel(scene)
    page = panel.cases
    correct(add_image(scene)[1], value=5)
    answer(True)
    add_case(qtbot, panel)
    wait_for_plan(qtbot, panel, batch_size=1)
    assert "which the model does not know" in page.plan.findings.text()
    assert not page.start.isEnabled()
    assert page.plan.new_classes.text() == "Teach it the new class class 5"
    page.plan.new_classes.setChecked(True)
    wait_for_plan(qtbot, panel)
    assert page.start.isEnabled(), page.plan.findings.text()
    page.list.rows.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert "left out" in page.hint.text()
    click(qtbot, page.list.remove)
    assert "No case yet" in page.hint.text()


def test_a_copy_nobody_wants_is_not_kept(qtbot, scene, open_panel, add_image, correct, answer):
    panel = open_panel(scene)
    correct(add_image(scene)[1])
    asked = answer(False)
    panel.cases.collect.refresh()
    click(qtbot, panel.cases.collect.add)
    qtbot.waitUntil(lambda: bool(asked) and not panel.cases.collect._busy, timeout=WAIT)
    assert panel._shelf.book.entries == ()
    assert panel.cases.collect.add.isEnabled()


def test_a_failure_leaves_model_and_cases_as_they_were(
    qtbot, scene, open_panel, add_image, correct, answer, judge, monkeypatch, models
):
    from napari_medseg.engine import finetune

    panel = open_panel(scene)
    correct(add_image(scene)[1])
    answer(True)
    add_case(qtbot, panel)
    wait_for_plan(qtbot, panel, batch_size=1)
    before = (models / "tiny-grey.safetensors").read_bytes(), panel._shelf.book.entries

    def fail(*_args, **_kwargs):
        raise ValueError("the loss became nan at step 3: lower the learning rate")

    monkeypatch.setattr(finetune, "finetune", fail)
    click(qtbot, panel.cases.start)
    wait_for_end(qtbot, panel)
    assert panel.page is panel.cases
    assert "lower the learning rate" in panel.cases.hint.text()
    panel._shelf.book.refresh()
    assert before == (
        (models / "tiny-grey.safetensors").read_bytes(),
        panel._shelf.book.entries,
    )


def test_a_first_model_is_trained_saved_and_chosen(
    qtbot, scene, open_panel, add_image, correct, answer, monkeypatch, tmp_path
):
    quick = training_presets.PRESETS["quick"]
    small = {**quick.fields, "network": {"widths": (4, 4, 4, 4, 4)}}
    monkeypatch.setitem(
        training_presets.PRESETS, "quick", replace(quick, fields=small, steps=2, side=32)
    )
    target = tmp_path / "first.safetensors"
    monkeypatch.setattr(questions, "ask_model", lambda name: target)
    panel = open_panel(scene)
    page = panel.cases
    answer(True)
    for seed in range(2):
        _, labels = add_image(scene, f"image {seed}", seed)
        scene.layers.selection.active = labels
        correct(labels)
        add_case(qtbot, panel)
    session_of(scene).model = None
    assert page.plan.what.currentText() == "Train a new model"
    qtbot.waitUntil(lambda: page._forecast is not None, timeout=WAIT)
    assert page.start.isEnabled(), page.plan.findings.text()
    click(qtbot, page.start)
    wait_for_end(qtbot, panel)
    assert target.is_file(), page.hint.text()
    assert session_of(scene).model.path == target
    assert [c.name for c in session_of(scene).model.card.classes] == ["anterior"]
    assert panel.page is page
    assert not run_folder(panel._shelf.book.project).exists()
