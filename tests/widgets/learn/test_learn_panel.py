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
from napari_medseg.widgets.sessions import runner_of, session_of


def test_a_corrected_image_becomes_a_case_and_a_plan(
    hands, scene, open_panel, add_image, correct, answer
):
    panel = open_panel(scene)
    page = panel.cases
    assert not page.below.start.isEnabled()
    assert "No image yet" in page.collect.reviewed.text()
    _, labels = add_image(scene)
    page.collect.refresh()
    assert "Nothing of these labels is reviewed" in page.collect.reviewed.text()
    assert not page.collect.add.isEnabled()
    correct(labels)
    asked = answer(True)
    hands.add_case(panel)
    assert asked == ["case"]
    row = page.kept.list.rows.item(0)
    assert row.text() == "case\nall reviewed · 256 corrected"
    assert not row.icon().isNull()
    hands.wait_for_plan(panel, steps=3, batch_size=1)
    assert "From 1 case" in page.plan.words.text()
    assert "one case the gain can only be measured" in page.plan.findings.text()
    assert page.below.start.isEnabled()
    correct(labels, 0)
    page.collect.refresh()
    assert "changed since" in page.kept.list.rows.item(0).text()


def test_learning_goes_over_a_pause_to_the_page_that_judges_it(
    hands, scene, open_panel, add_image, correct, answer, judge, models
):
    panel = open_panel(scene)
    _, labels = add_image(scene)
    correct(labels)
    answer(True)
    hands.add_case(panel)
    hands.begin(panel, steps=2000, patience=0)
    hands.click(panel.running.back)  # one goes on working; what was begun does not change
    assert panel.page is panel.cases
    assert not panel.cases.below.start.isEnabled()
    assert "joins the next run" in panel.cases.below.hint.text()
    correct(labels, 0)
    hands.add_case(panel)
    assert panel.run.going
    assert panel.page is panel.cases
    assert panel.cases.kept.list.rows.item(0).text().endswith("next run")
    hands.click(panel.cases.below.to_run)
    hands.click(panel.running.pause)
    hands.wait_for_end(panel)
    assert panel.running.pause.text() == "Go on learning"
    assert "No case is held out" in panel.running.dice.message.text()
    assert "go on first" in panel.running.preview.toolTip()
    seen = panel.running.losses.points("corrections")[0]
    assert (run_folder(panel._shelf.book.project) / "finetune.resume.pt").is_file()
    hands.click(panel.running.back)
    panel.cases.kept.list.weight.setValue(2.0)
    panel.cases.kept.list.weight.editingFinished.emit()
    assert panel.page is panel.cases  # the list changed; nobody is sent away
    assert "A run is paused" in panel.cases.below.start.toolTip()
    hands.click(panel.cases.below.to_run)
    hands.click(panel.running.pause)
    hands.until(lambda: len(panel.running.losses.points("corrections")[0]) > len(seen))
    hands.click(panel.running.stop)
    hands.wait_for_end(panel)
    assert panel.page is panel.cases
    assert not run_folder(panel._shelf.book.project).exists()
    correct(labels)
    hands.add_case(panel)
    hands.wait_for_plan(panel, steps=3, batch_size=1, alphas=(1.0,))
    hands.click(panel.cases.below.start)
    hands.click(panel.running.back)
    hands.wait_for_end(panel)
    assert panel.page is panel.cases  # what is learnt is not thrust upon people
    assert "Learning has ended" in panel.cases.below.hint.text()
    assert "keep it or discard it" in panel.cases.below.start.toolTip()
    hands.click(panel.cases.below.to_run)
    [(tuned, book)] = panel.gate.shown
    assert panel.page is panel.gate
    assert tuned.steps == 3
    assert tuned.edited_voxels == 256
    assert book is panel._shelf.book
    panel.gate.back.emit()
    hands.click(panel.cases.below.to_run)
    assert panel.page is panel.gate
    panel.gate.promoted.emit(models / "new.safetensors")
    assert panel.page is panel.cases
    assert not run_folder(panel._shelf.book.project).exists()


def test_a_run_that_was_cancelled_or_crashed_is_offered_again(
    hands, scene, open_panel, add_image, correct, answer, judge, models
):
    panel = open_panel(scene)
    correct(add_image(scene)[1])
    answer(True)
    hands.add_case(panel)
    hands.begin(panel, steps=2000, patience=0)
    runner_of(panel._viewer).cancel()  # as the run bar does, and the end of the window
    hands.wait_for_end(panel)
    assert "kept on disk" in panel.running.stage.text()
    left = panel._shelf.book.project
    panel.close()
    other = ViewerModel()
    path = models / "tiny-grey.safetensors"
    session_of(other).model = ChosenModel(path, read_card(path))
    again = open_panel(other)
    assert again.page is again.cases  # another viewer has cases of its own
    assert again.cases.below.start.isEnabled() is False
    panel._shelf.take(Path("nowhere.medseg.json").absolute())  # the first viewer is gone
    again.cases.show_shelf()
    assert "1 case of" in again.cases.kept.earlier.text()
    hands.click(again.cases.kept.take_earlier)
    assert again._shelf.book.project == left
    assert again.page is again.running
    assert "interrupted" in again.running.stage.text()
    hands.click(again.running.pause)
    hands.until(lambda: bool(again.running.losses.names))
    hands.click(again.running.stop)
    hands.wait_for_end(again)
    assert again.page is again.cases


def test_what_cannot_be_learnt_is_said_with_the_way_out(
    hands, scene, open_panel, add_image, correct, answer
):
    panel = open_panel(scene)
    page = panel.cases
    correct(add_image(scene)[1], value=5)
    answer(True)
    hands.add_case(panel)
    hands.wait_for_plan(panel, batch_size=1)
    assert "which the model does not know" in page.plan.findings.text()
    assert not page.below.start.isEnabled()
    assert page.plan.new_classes.text() == "Teach it the new class class 5"
    page.plan.new_classes.setChecked(True)
    hands.wait_for_plan(panel)
    assert page.below.start.isEnabled(), page.plan.findings.text()
    page.kept.list.rows.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert "left out" in page.below.hint.text()
    hands.click(page.kept.list.remove)
    assert "No case yet" in page.below.hint.text()


def test_a_copy_nobody_wants_is_not_kept(hands, scene, open_panel, add_image, correct, answer):
    panel = open_panel(scene)
    correct(add_image(scene)[1])
    asked = answer(False)
    panel.cases.collect.refresh()
    hands.click(panel.cases.collect.add)
    hands.until(lambda: bool(asked) and not panel.cases.collect._busy)
    assert panel._shelf.book.entries == ()
    assert panel.cases.collect.add.isEnabled()


def test_a_failure_leaves_model_and_cases_as_they_were(
    hands, scene, open_panel, add_image, correct, answer, judge, monkeypatch, models
):
    from napari_medseg.engine import finetune

    panel = open_panel(scene)
    correct(add_image(scene)[1])
    answer(True)
    hands.add_case(panel)
    hands.wait_for_plan(panel, batch_size=1)
    before = (models / "tiny-grey.safetensors").read_bytes(), panel._shelf.book.entries

    def fail(*_args, **_kwargs):
        raise ValueError("the loss became nan at step 3: lower the learning rate")

    monkeypatch.setattr(finetune, "finetune", fail)
    hands.click(panel.cases.below.start)
    hands.wait_for_end(panel)
    assert panel.page is panel.cases
    assert "lower the learning rate" in panel.cases.below.hint.text()
    panel._shelf.book.refresh()
    assert before == (
        (models / "tiny-grey.safetensors").read_bytes(),
        panel._shelf.book.entries,
    )


def test_a_first_model_is_trained_saved_and_chosen(
    hands, scene, open_panel, add_image, correct, answer, monkeypatch, tmp_path
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
        hands.add_case(panel)
    session_of(scene).model = None
    assert page.plan.what.currentText() == "Train a new model"
    hands.until(lambda: page._forecast is not None)
    assert page.below.start.isEnabled(), page.plan.findings.text()
    hands.click(page.below.start)
    hands.wait_for_end(panel)
    assert target.is_file(), page.below.hint.text()
    assert "A new model finds too little" in panel.running.preview.toolTip()
    assert not panel.running.preview.isEnabled()
    assert session_of(scene).model.path == target
    assert [c.name for c in session_of(scene).model.card.classes] == ["anterior"]
    assert panel.page is page
    assert not run_folder(panel._shelf.book.project).exists()
