"""The gate as a person works it: look, slide, promote, discard, go back, save."""

import json

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medseg.case_file import case_of
from napari_medseg.casebook import Casebook
from napari_medseg.engine.checkpoint import file_hash, read_card
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.volume import Volume
from napari_medseg.widgets import drawing_context
from napari_medseg.widgets.learn import gate
from napari_medseg.widgets.learn.gate_changes import OTHER, RIGHT, WRONG, Seen, changes, count_words
from napari_medseg.widgets.learn.gate_saving import suggested_name, why_not_named
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.sessions import runner_of, session_of


@pytest.fixture
def teacher(models):
    return Segmenter.load(models / "tiny-grey.safetensors", "cpu")


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(100, 30, (32, 30)).astype(np.float32)


@pytest.fixture
def book(tmp_path, image):
    """One case: the image, whose upper half a person reviewed."""
    reviewed = np.zeros(image.shape, bool)
    reviewed[:16] = True
    volume = Volume(image[None], (1.0, 1.0))
    case = case_of(volume, reviewed.astype(np.uint8), reviewed, reviewed, seen="painted", name="a")
    casebook = Casebook.open(tmp_path / "study.medseg")
    casebook.add(case, copy_image=True)
    return casebook


@pytest.fixture
def open_gate(qtbot, models):
    """Open the gate of a viewer whose model is the teacher."""

    def open_it(viewer, tuned, book=None):
        model_choice_of(viewer).open(models / "tiny-grey.safetensors")
        drawing_context.follow(viewer)  # as every dock does
        page = gate.GatePage(viewer)
        viewer.window.add_dock_widget(page, name="gate", area="right")
        page.show_tuned(tuned, book)
        return page

    return open_it


@pytest.fixture
def click(qtbot):
    return lambda button: qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def rest(qtbot, viewer):
    qtbot.waitUntil(lambda: not runner_of(viewer).busy)


def test_promote_writes_a_new_model_uses_it_and_one_click_goes_back(
    viewer, qtbot, click, open_gate, tuned_from, teacher, models, notices
):
    page = open_gate(viewer, tuned_from(teacher))
    parts, old = page.parts, session_of(viewer).model
    assert parts.gained.text().startswith("Better on 3 cases it did not learn from")
    assert "0.5 points forgotten" in parts.forgotten.text()
    assert "chosen on these same cases" in parts.caution.text()
    assert parts.promote.font().bold()
    assert not parts.discard.font().bold()
    assert parts.name.text() == "tiny-grey-2"
    parts.name.setText("tiny-grey")
    assert not parts.promote.isEnabled()
    assert "kept: choose another name" in parts.promote.toolTip()
    parts.name.setText("tiny-grey-2")
    before = (models / "tiny-grey.safetensors").read_bytes()
    with qtbot.waitSignal(page.promoted) as told:
        click(parts.promote)
    rest(qtbot, viewer)
    path = models / "tiny-grey-2.safetensors"
    assert told.args == [path]
    assert session_of(viewer).model.path == path
    card = read_card(path)
    assert card.parent == file_hash(models / "tiny-grey.safetensors")
    assert card.history[-1]["cases"][0]["sha256"] == "c" * 64
    assert "patient" not in card.to_json()
    assert card.scores
    assert (models / "tiny-grey.safetensors").read_bytes() == before
    assert not (models / "tiny-grey-2.replay.safetensors").exists()
    assert not parts.promote.isEnabled()
    assert not parts.discard.isEnabled()
    qtbot.waitUntil(lambda: parts.roll_back.button.isEnabled())
    assert "tiny-grey-2 was made from tiny-grey on 2" in parts.roll_back.says.text()
    click(parts.roll_back.button)
    assert session_of(viewer).model == old
    assert not parts.roll_back.button.isVisible()
    assert path.exists()
    assert not notices


def test_a_full_disk_leaves_nothing_and_promote_can_be_pressed_again(
    viewer, qtbot, click, open_gate, tuned_from, teacher, models, notices, monkeypatch
):
    from napari_medseg.engine import finetune_result

    page = open_gate(viewer, tuned_from(teacher))
    write = finetune_result.save_checkpoint

    def half(path, *_):
        path.write_bytes(b"half")
        raise OSError("no space left on the disk; make room and try again")

    monkeypatch.setattr(finetune_result, "save_checkpoint", half)
    click(page.parts.promote)
    qtbot.waitUntil(lambda: bool(notices))
    rest(qtbot, viewer)
    assert "No space left" in str(notices[0].message)
    assert not (models / "tiny-grey-2.safetensors").exists()
    monkeypatch.setattr(finetune_result, "save_checkpoint", write)
    with qtbot.waitSignal(page.promoted):
        click(page.parts.promote)
    assert (models / "tiny-grey-2.safetensors").exists()


def test_a_worse_model_is_said_to_be_one_and_discarding_can_be_undone(
    viewer, qtbot, click, open_gate, tuned_from, teacher
):
    page = open_gate(viewer, tuned_from(teacher, [(0.8, 0.6)]))
    parts = page.parts
    assert parts.gained.text().startswith("Not better")
    assert parts.discard.font().bold()
    assert "the model you have" in parts.promote.toolTip()
    parts.slider.slider.setValue(20)
    assert parts.gained.text().startswith("Worse on one case")
    assert parts.promote.isEnabled()
    assert not parts.promote.font().bold()
    with qtbot.waitSignal(page.discarded):
        click(parts.discard)
    assert page.is_discarded
    assert not parts.promote.isEnabled()
    assert "stays as it is" in parts.done.text()
    click(parts.undo)
    assert parts.promote.isEnabled()
    assert parts.gained.text().startswith("Worse")
    assert not parts.done.text()


def test_the_slider_shows_what_a_mix_changes_where_a_person_looked_and_elsewhere(
    viewer, qtbot, click, open_gate, tuned_from, teacher, image, book
):
    viewer.add_image(image, name="scan")
    viewer.show()  # what is not seen is not computed
    tuned = tuned_from(teacher)
    page = open_gate(viewer, tuned, book)
    preview, slider = page.parts.preview, page.parts.slider.slider
    with qtbot.waitSignal(preview.shown):
        slider.setValue(20)
    volume = Volume(image[None], (1.0, 1.0))
    old, new = (tuned.segmenter_at(a).segment(volume).labels for a in (0.0, 1.0))
    assert (old != new).any()
    shown = np.asarray(preview.changes_layer.layer.data)
    np.testing.assert_array_equal(shown > 0, old != new)
    assert not np.isin(shown[16:], (RIGHT, WRONG)).any()
    assert not (shown[:16] == OTHER).any()
    assert "become right" in preview.counts.text()
    assert f"{int((shown == OTHER).sum()):,} change otherwise" in preview.counts.text()
    assert preview.answer_layer.layer is None
    assert viewer.layers.selection.active.name == "scan"
    with qtbot.waitSignal(preview.shown):
        preview.answer.click()
    np.testing.assert_array_equal(preview.answer_layer.layer.data, new)
    with qtbot.waitSignal(preview.shown):
        slider.setValue(0)
    assert not np.asarray(preview.changes_layer.layer.data).any()
    assert "No pixels" in preview.counts.text()
    click(page.parts.discard)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["scan"]
    for layer in (preview.answer_layer, preview.changes_layer):
        layer.remove()  # that ended the process at the next draw
    assert viewer.screenshot(flash=False).any()
    assert [layer.name for layer in viewer.layers] == ["scan"]


def test_what_changes_is_judged_only_where_a_person_looked():
    old = np.array([0, 1, 1, 2, 0, 0])
    new = np.array([1, 0, 1, 1, 1, 0])
    truth = np.array([1, 1, 1, 0, 1, 0])
    reviewed = np.array([1, 1, 1, 1, 0, 1], bool)
    assert changes(old, new).tolist() == [3, 3, 0, 3, 3, 0]
    assert changes(old, new, truth, reviewed).tolist() == [1, 2, 0, 3, 3, 0]
    assert changes(old, new, truth).tolist() == [1, 2, 0, 3, 1, 0]
    seen = Seen(0, 1.0, new, changes(old, new), {RIGHT: 0, WRONG: 0, OTHER: 4}, reviewed=False)
    assert "4 change (pixels of this slice). Nobody reviewed" in count_words(seen, flat=False)
    assert "become" not in count_words(seen, flat=True)


def test_a_new_model_gets_the_next_free_number_and_a_name_that_can_be_one(tmp_path):
    assert suggested_name("liver", tmp_path) == "liver-2"
    assert suggested_name("liver-9", tmp_path) == "liver-10"
    assert suggested_name("a/b:c", tmp_path) == "a_b_c-2"
    (tmp_path / "liver-2.safetensors").touch()
    (tmp_path / "liver-3.replay.safetensors").touch()
    assert suggested_name("liver", tmp_path) == "liver-4"
    assert "already" in why_not_named("liver-3", tmp_path)
    assert "Give" in why_not_named("  ", tmp_path)
    assert "none of" in why_not_named("../liver", tmp_path)
    assert why_not_named("liver 5", tmp_path) == ""


def test_a_table_of_cases_unfolds_classes_and_stays_unfolded(qtbot, tuned_from, teacher):
    from dataclasses import replace

    from napari_medseg.engine.finetune_scores import ClassScore
    from napari_medseg.widgets.learn.gate_table import CaseTable

    tuned = tuned_from(teacher, [(0.6, 0.8), (0.9, 0.8)])
    two = {
        alpha: (*one, ClassScore(2, "second", 0.5, 3.0))
        for alpha, one in tuned.cases[0].by_alpha.items()
    }
    tuned = replace(tuned, cases=(replace(tuned.cases[0], by_alpha=two), tuned.cases[1]))
    table = CaseTable()
    qtbot.addWidget(table)
    table.show_mix(tuned, 1.0)
    held = table.topLevelItem(0)
    assert held.text(0) == "Unseen (2)"
    case = held.child(0)
    assert case.text(1) == "0.550 → 0.650 ▲"
    assert case.child(1).text(1).startswith("0.500 → 0.500")
    assert case.child(1).toolTip(0) == "second"
    assert held.child(1).text(1) == "0.900 → 0.800 ▼"
    assert held.text(2) == "4.3 → 3.7 mm ▲"
    assert held.child(1).text(2) == "2.0 → 4.0 mm ▼"
    assert table.topLevelItem(1).text(0) == "Guards (1)"
    assert table.topLevelItem(1).child(0).text(2).endswith("px ▼")
    mixed = replace(tuned, cases=(tuned.cases[0], replace(tuned.cases[1], unit="px")))
    table.show_mix(mixed, 1.0)
    assert table.topLevelItem(0).child(1).text(2) == "2.0 → 4.0 px ▼"
    assert table.topLevelItem(0).text(2) == ""  # millimetres and pixels have no mean
    table.show_mix(tuned, 1.0)
    case = table.topLevelItem(0).child(0)
    case.setExpanded(True)
    table.show_mix(tuned, 0.5)
    assert table.topLevelItem(0).child(0).isExpanded()
    assert table.topLevelItem(0).child(0).text(1).startswith("0.550 → 0.600")


def test_the_report_is_saved_and_says_what_a_failure_was(
    viewer, qtbot, click, open_gate, tuned_from, teacher, tmp_path, monkeypatch, notices, book
):
    page = open_gate(viewer, tuned_from(teacher), book)
    path = tmp_path / "report.json"
    monkeypatch.setattr(gate, "ask_path", lambda *_: path)
    click(page.parts.report)
    rest(qtbot, viewer)
    qtbot.waitUntil(path.exists)
    content = json.loads(path.read_text("utf-8"))
    assert content["alpha"] == page.alpha == 1.0
    assert content["effort"][0]["edited_voxels"] == 16 * 30
    assert page.parts.effort.item(0, 2).text() == "480"
    monkeypatch.setattr(gate, "ask_path", lambda *_: path / "is a file.csv")
    notices.clear()
    click(page.parts.report)
    qtbot.waitUntil(lambda: any(n.severity.name == "ERROR" for n in notices))


def test_two_viewers_have_gates_of_their_own(
    make_napari_viewer, qtbot, click, open_gate, tuned_from, teacher, models
):
    first, second = make_napari_viewer(), make_napari_viewer()
    pages = [open_gate(viewer, tuned_from(teacher)) for viewer in (first, second)]
    with qtbot.waitSignal(pages[0].promoted):
        click(pages[0].parts.promote)
    assert session_of(first).model.path.stem == "tiny-grey-2"
    assert session_of(second).model.path.stem == "tiny-grey"
    assert not pages[1].is_discarded
    pages[1].refresh()
    assert "already" in pages[1].parts.promote.toolTip()  # its name is taken meanwhile
