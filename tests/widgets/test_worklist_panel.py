"""The Worklist panel, worked as a person does."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QAbstractButton, QApplication, QLineEdit

from napari_medseg.io import read_labels, write_image
from napari_medseg.session import ChosenModel
from napari_medseg.volume import Volume
from napari_medseg.widgets import case_opener, case_questions
from napari_medseg.widgets.case_folder import open_folder
from napari_medseg.widgets.case_questions import Choice, UnsavedAnswer
from napari_medseg.widgets.case_table import NAME_ROLE
from napari_medseg.widgets.opened_cases import unsaved
from napari_medseg.widgets.sessions import runner_of, session_of
from napari_medseg.widgets.worklist_panel import WorklistPanel
from napari_medseg.worklist_file import State

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer():
    """A viewer without its window: the panel is what is looked at."""
    return ViewerModel()


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    for n in range(1, 5):
        array = rng.integers(0, 255, (1, 40, 36)).astype(np.uint8)
        write_image(tmp_path / "study" / f"case_{n}.png", Volume(array, (1.0, 1.0)))
    return tmp_path / "study"


@pytest.fixture
def make_panel(qtbot, models):
    from napari_medseg.engine.checkpoint import read_card

    def make(viewer, model="tiny-grey"):
        panel = WorklistPanel(viewer)
        qtbot.addWidget(panel)
        panel.show()
        if model:
            path = models / f"{model}.safetensors"
            session_of(viewer).model = ChosenModel(path, read_card(path))
        return panel

    return make


@pytest.fixture
def panel(make_panel, viewer, folder):
    panel = make_panel(viewer)
    open_folder(panel._viewer, folder)
    return panel


@pytest.fixture
def opened(qtbot, viewer):
    """Wait until a case is open."""

    def wait(name):
        qtbot.waitUntil(lambda: session_of(viewer).case == name)

    return wait


@pytest.fixture
def segmented(qtbot, viewer):
    """Press the button and wait until the run has ended."""

    def press(panel, *, wait=True):
        assert panel.form.segment.isEnabled(), panel.form.segment.toolTip()
        qtbot.mouseClick(panel.form.segment, LEFT)
        if wait:
            qtbot.waitUntil(lambda: not runner_of(viewer).busy)

    return press


def worklist_of(panel):
    return panel._session.worklist


def rows(panel):
    model = panel.form.list.model()
    return [tuple(model.index(r, c).data() for c in (0, 1)) for r in range(model.rowCount())]


def click_row(qtbot, panel, name, *, double=False):
    model = panel.form.list.model()
    row = next(r for r in range(model.rowCount()) if model.index(r, 0).data(NAME_ROLE) == name)
    place = panel.form.list.visualRect(model.index(row, 0)).center()
    qtbot.mouseClick(panel.form.list.viewport(), LEFT, pos=place)
    if double:
        qtbot.mouseDClick(panel.form.list.viewport(), LEFT, pos=place)


def press(viewer, key):
    next(call for bound, call in viewer.keymap.items() if str(bound) == key)(viewer)


def answer_dialog(look):
    """Call `look` with the dialog that comes up."""

    def wait():
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            QTimer.singleShot(20, wait)
        else:
            look(dialog)

    QTimer.singleShot(20, wait)


def test_without_a_folder_it_says_what_to_do(make_panel, viewer):
    panel = make_panel(viewer, model="")
    assert panel.form.folder.whole() == "No folder yet"
    for control in (panel.form.segment, panel.form.next, panel.form.done, panel.form.note):
        assert not control.isEnabled()
        assert "hoose a folder" in control.toolTip()
    panel.open_next()
    panel.open_previous()


def test_a_folder_is_a_list_of_names_and_states(panel):
    worklist_of(panel).set_state("case_2", State.DONE)
    worklist_of(panel).set_state("case_3", State.DOUBTFUL, note="motion")
    assert rows(panel) == [
        ("case_1", "○ new"),
        ("case_2", "✓ done"),
        ("case_3", "? doubtful"),
        ("case_4", "○ new"),
    ]
    assert panel.form.progress.whole() == "1 of 4 done · 2 new · 1 doubtful"
    assert panel.form.bar.value() == 1


def test_a_folder_is_opened_by_the_button_and_by_dropping_it(
    qtbot, make_panel, viewer, folder, monkeypatch
):
    panel = make_panel(viewer)
    monkeypatch.setattr(case_questions, "ask_folder", lambda *_: str(folder))
    qtbot.mouseClick(panel.form.choose, LEFT)
    assert len(rows(panel)) == 4
    session_of(viewer).worklist = None
    assert rows(panel) == []
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    action, button, key = Qt.DropAction.CopyAction, LEFT, Qt.KeyboardModifier.NoModifier
    panel.dropEvent(QDropEvent(QPointF(3, 3), action, data, button, key))
    assert len(rows(panel)) == 4


def test_a_folder_without_images_leaves_the_list_and_says_so(panel, tmp_path, notices):
    (tmp_path / "empty").mkdir()
    open_folder(panel._viewer, tmp_path / "empty")
    assert "no images were found" in notices[-1].message.lower()
    assert len(rows(panel)) == 4


def test_a_labels_folder_that_cannot_be_used_is_asked_about(
    make_panel, viewer, folder, tmp_path, monkeypatch
):
    panel, reasons = make_panel(viewer), []

    def ask(reason, _start):
        reasons.append(reason)
        return str(tmp_path / "elsewhere")

    monkeypatch.setattr(case_questions, "ask_labels_folder", ask)
    (tmp_path / "study-labels").touch()
    open_folder(panel._viewer, folder)
    assert "is a file" in reasons[0]
    assert worklist_of(panel).labels_folder == tmp_path / "elsewhere"


def test_words_and_states_narrow_the_list(qtbot, panel):
    worklist_of(panel).set_state("case_3", State.DOUBTFUL, note="motion artefact")
    qtbot.keyClicks(panel.form.search, "motion")
    assert [name for name, _ in rows(panel)] == ["case_3"]
    panel.form.search.clear()
    panel.form.state.setCurrentIndex(1)
    assert [name for name, _ in rows(panel)] == ["case_1", "case_2", "case_4"]
    worklist_of(panel).set_state("case_2", State.DONE)
    assert [name for name, _ in rows(panel)] == ["case_1", "case_4"]


def test_a_double_click_and_enter_open_a_case(qtbot, viewer, panel, opened):
    click_row(qtbot, panel, "case_2", double=True)
    opened("case_2")
    assert [layer.name for layer in viewer.layers] == ["case_2"]
    click_row(qtbot, panel, "case_3")
    qtbot.keyClick(panel.form.list, Qt.Key.Key_Return)
    opened("case_3")
    assert [layer.name for layer in viewer.layers] == ["case_3"]


def test_next_and_previous_by_button_and_key(qtbot, viewer, panel, opened):
    qtbot.mouseClick(panel.form.next, LEFT)
    opened("case_1")
    worklist_of(panel).set_state("case_2", State.DONE)
    press(viewer, "K")
    opened("case_3")
    press(viewer, "J")
    opened("case_2")
    assert "[K]" in panel.form.next.text()
    assert "[J]" in panel.form.previous.text()


def test_pressing_next_twice_goes_two_on(qtbot, viewer, panel, opened):
    panel.open_next()
    panel.open_next()
    opened("case_2")
    assert [layer.name for layer in viewer.layers] == ["case_2"]


def test_an_image_that_cannot_be_read_is_noted_on_its_row(qtbot, viewer, panel, folder, opened):
    panel.open_next()
    opened("case_1")
    (folder / "case_2.png").write_bytes(b"\x89PNG cut off")
    panel.open_next()
    qtbot.waitUntil(lambda: "⚠" in rows(panel)[1][1])
    assert "cut off or damaged" in panel.form.about.text()
    assert session_of(viewer).case == "case_1"
    panel.open_next()
    qtbot.waitUntil(lambda: panel.opener.wanted == "")


def test_a_case_that_failed_unexpectedly_can_be_asked_for_again(
    qtbot, panel, opened, monkeypatch, notices
):
    def broken(*_):
        raise RuntimeError("a reader broke")

    with monkeypatch.context() as patch:
        patch.setattr(case_opener, "read_case", broken)
        panel.opener.open("case_1")
        qtbot.waitUntil(lambda: bool(notices))
    panel.opener.open("case_1")
    opened("case_1")


def paint(viewer):
    image = viewer.layers["case_1"]
    labels = viewer.add_labels(np.zeros(image.data.shape, np.uint8), scale=image.scale)
    assert session_of(viewer).worklist.state_of("case_1") is State.NEW
    labels.paint((5, 5), 3)
    return labels


def test_painting_makes_a_case_one_in_work_and_done_saves_it(qtbot, viewer, panel, opened):
    panel.open_next()
    opened("case_1")
    labels = paint(viewer)
    assert worklist_of(panel).state_of("case_1") is State.IN_WORK
    qtbot.mouseClick(panel.form.done, LEFT)
    assert rows(panel)[0] == ("case_1", "✓ done")
    saved = read_labels(worklist_of(panel).labels_path("case_1"))
    np.testing.assert_array_equal(saved.array[0], labels.data)
    assert unsaved(viewer) == []


def test_doubtful_takes_a_note(qtbot, viewer, panel, opened):
    panel.open_next()
    opened("case_1")
    qtbot.mouseClick(panel.form.doubtful, LEFT)
    qtbot.keyClicks(panel.form.note, "cut at the border")
    qtbot.keyClick(panel.form.note, Qt.Key.Key_Return)
    record = worklist_of(panel).record("case_1")
    assert (record.state, record.note) == (State.DOUBTFUL, "cut at the border")
    assert "Note: cut at the border" in panel.form.about.text()


@pytest.mark.parametrize("choice", list(Choice))
def test_going_on_with_unsaved_labels_asks(qtbot, viewer, panel, opened, choice):
    panel.open_next()
    opened("case_1")
    labels = paint(viewer)
    asked = []

    def look(dialog):
        asked.append(dialog)
        button = next(b for b in dialog.findChildren(QAbstractButton) if b.text() == choice.value)
        qtbot.mouseClick(button, LEFT)

    answer_dialog(look)
    panel.open_next()
    assert asked
    if choice is Choice.STAY:
        assert panel.opener.wanted == ""
        assert labels in viewer.layers
    else:
        opened("case_2")
        assert [layer.name for layer in viewer.layers] == ["case_2"]
    assert worklist_of(panel).labels_path("case_1").exists() is (choice is Choice.SAVE)


def test_segment_all_writes_every_new_case(qtbot, viewer, panel, segmented):
    worklist = worklist_of(panel)
    worklist.set_state("case_2", State.DONE)
    segmented(panel)
    assert [state for _, state in rows(panel)] == [
        "◐ segmented",
        "✓ done",
        "◐ segmented",
        "◐ segmented",
    ]
    assert worklist.saved_labels("case_2") is None
    assert panel.form.hint.text() == "3 of 3 segmented."
    assert session_of(viewer).ready_segmenter is not None


def test_the_answer_of_the_open_case_appears_and_counts_as_saved(
    qtbot, viewer, panel, opened, segmented
):
    panel.open_next()
    opened("case_1")
    segmented(panel)
    labels = viewer.layers[1]
    assert labels.name == "case_1 · tiny-grey"
    saved = read_labels(worklist_of(panel).labels_path("case_1"))
    np.testing.assert_array_equal(saved.array[0], labels.data)
    assert unsaved(viewer) == []
    assert worklist_of(panel).state_of("case_1") is State.SEGMENTED
    labels.paint((5, 5), 1)
    qtbot.mouseClick(panel.form.done, LEFT)  # the file is known: nobody is asked
    assert worklist_of(panel).state_of("case_1") is State.DONE


def test_one_can_go_on_looking_while_it_runs_and_cancel_keeps_the_rest(
    qtbot, viewer, panel, opened, segmented
):
    worklist, runner = worklist_of(panel), runner_of(viewer)

    def stop_after_one(name):
        if worklist.count(State.SEGMENTED) == 1:
            runner.cancel()

    worklist.changed.connect(stop_after_one)
    segmented(panel, wait=False)
    assert not panel.form.segment.isEnabled()
    assert "look at other cases meanwhile" in panel.form.segment.toolTip()
    click_row(qtbot, panel, "case_4", double=True)
    opened("case_4")
    qtbot.waitUntil(lambda: not runner.busy)
    worklist.changed.disconnect(stop_after_one)
    finished = worklist.count(State.SEGMENTED)
    assert finished >= 1
    if finished < 4:  # the last ones may be done before the word arrives
        assert "press again to go on" in panel.form.hint.text()
        segmented(panel)
    assert worklist.count(State.SEGMENTED) == 4


def test_one_case_that_fails_is_noted_on_its_row(qtbot, panel, folder, segmented):
    (folder / "case_2.png").write_bytes(b"\x89PNG cut off")
    segmented(panel)
    assert rows(panel)[1] == ("case_2", "○ new ⚠")
    assert worklist_of(panel).count(State.SEGMENTED) == 3
    assert panel.form.hint.text() == "3 of 4 segmented; 1 failed (⚠ in the list)."
    click_row(qtbot, panel, "case_2")
    assert "damaged" in panel.form.about.text()


def test_cases_that_are_not_new_are_segmented_only_if_one_says_so(
    qtbot, panel, segmented, tmp_path
):
    worklist = worklist_of(panel)
    segmented(panel)
    worklist.set_state("case_1", State.DONE)
    done = worklist.labels_path("case_1").read_bytes()
    offered = []

    def cancel(dialog):
        offered.extend(box.text() for box in dialog.boxes)
        assert not dialog.segment.isEnabled()
        dialog.reject()

    def choose_done(dialog):
        qtbot.mouseClick(dialog.boxes[2], LEFT)
        qtbot.mouseClick(dialog.segment, LEFT)

    before = hashes(tmp_path)
    answer_dialog(cancel)
    segmented(panel)
    assert hashes(tmp_path) == before
    assert offered[1].startswith("3 · those a model segmented")
    answer_dialog(choose_done)
    segmented(panel)
    assert worklist.state_of("case_1") is State.SEGMENTED
    (kept,) = (worklist.labels_folder / "earlier").glob("*.png")
    assert kept.read_bytes() == done


def hashes(folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_without_a_model_it_offers_to_choose_one(qtbot, make_panel, viewer, folder):
    panel = make_panel(viewer, model="")
    open_folder(panel._viewer, folder)
    assert not panel.form.segment.isEnabled()
    assert panel.form.fix.isVisible()
    with qtbot.waitSignal(panel.model_wanted):
        qtbot.mouseClick(panel.form.fix, LEFT)


def test_two_viewers_do_not_mix(qtbot, make_panel, viewer, folder, tmp_path):
    other = ViewerModel()
    first, second = make_panel(viewer), make_panel(other)
    open_folder(first._viewer, folder)
    assert rows(second) == []
    open_folder(second._viewer, folder)
    first.open_next()
    qtbot.waitUntil(lambda: session_of(viewer).case == "case_1")
    assert session_of(other).case == ""
    assert not other.layers
    worklist_of(first).set_state("case_2", State.DONE)
    worklist_of(second).refresh()
    assert rows(second)[1] == ("case_2", "✓ done")


def test_another_folder_asks_about_unsaved_labels_first(
    viewer, panel, opened, tmp_path, monkeypatch
):
    panel.open_next()
    opened("case_1")
    paint(viewer)
    write_image(tmp_path / "other" / "x.png", Volume(np.zeros((1, 5, 5), np.uint8), (1.0, 1.0)))
    monkeypatch.setattr(case_questions, "ask_unsaved", lambda *_: UnsavedAnswer(Choice.STAY))
    open_folder(panel._viewer, tmp_path / "other")
    assert worklist_of(panel).folder.name == "study"
    monkeypatch.setattr(case_questions, "ask_unsaved", lambda *_: UnsavedAnswer(Choice.DISCARD))
    open_folder(panel._viewer, tmp_path / "other")
    assert worklist_of(panel).folder.name == "other"
    assert not viewer.layers


def test_looking_again_finds_what_is_new(panel, folder):
    write_image(folder / "case_9.png", Volume(np.zeros((1, 5, 5), np.uint8), (1.0, 1.0)))
    panel.form.refresh_wanted.emit()
    assert [name for name, _ in rows(panel)][-1] == "case_9"


def test_what_was_left_out_is_listed_with_the_reason(make_panel, viewer, folder):
    (folder / "report.pdf").touch()
    panel = make_panel(viewer)
    open_folder(panel._viewer, folder)
    seen = []

    def look(dialog):
        seen.append(dialog.informativeText())
        dialog.reject()

    answer_dialog(look)
    panel.form.left_out_wanted.emit()
    assert seen == ["report.pdf: not an image that MedSeg reads"]


def test_every_control_says_what_it_does(panel):
    for kind in (QAbstractButton, QLineEdit):
        for control in panel.findChildren(kind):
            named = isinstance(control, QLineEdit) or control.text()
            if named and not control.objectName().startswith("qt_"):
                assert control.toolTip(), control


def test_it_is_not_wider_than_a_dock(panel, folder):
    write_image(
        folder / f"{'long_name_' * 12}.png", Volume(np.zeros((1, 5, 5), np.uint8), (1.0, 1.0))
    )
    panel.form.refresh_wanted.emit()
    assert panel.minimumSizeHint().width() <= 380


def test_a_panel_that_is_gone_hears_nothing_more(qtbot, make_panel, viewer, folder):
    panel = make_panel(viewer)
    open_folder(panel._viewer, folder)
    worklist = worklist_of(panel)
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()
    worklist.set_state("case_1", State.DONE)
    session_of(viewer).worklist = None
    press(viewer, "K")
