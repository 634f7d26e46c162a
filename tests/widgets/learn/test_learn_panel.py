"""Learning as a person does it: correct, add the case, read the plan, learn, judge."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_medseg.widgets.learn.lesson import run_folder


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def add_case(qtbot, panel):
    page, before = panel.cases, panel._shelf.book.entries
    page.collect.refresh()
    assert page.collect.add.isEnabled(), page.collect.reviewed.text()
    click(qtbot, page.collect.add)
    qtbot.waitUntil(lambda: panel._shelf.book.entries != before, timeout=20000)


def wait_for_plan(qtbot, panel, **fields):
    page = panel.cases
    if fields:
        page.plan.form.config = page.plan.form.config.replace(**fields)
        page.plan.changed.emit()
    qtbot.waitUntil(lambda: page._forecast is not None, timeout=60000)


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
    qtbot.waitUntil(lambda: bool(panel.running.losses.names), timeout=60000)


def wait_for_end(qtbot, panel):
    qtbot.waitUntil(lambda: not panel.run.going, timeout=60000)


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
        lambda: len(panel.running.losses.points("corrections")[0]) > len(seen), timeout=60000
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
