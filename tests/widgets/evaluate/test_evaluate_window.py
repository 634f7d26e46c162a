"""The window of evaluation, worked as a person works it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.differences import BOTH, MISSED, TOO_MUCH
from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.widgets.classes.class_list import set_classes
from napari_medseg.widgets.evaluate import show_evaluation
from napari_medseg.widgets.evaluate import window as window_module
from napari_medseg.widgets.keeping.origins import is_kept
from napari_medseg.widgets.layers import apply_edit

GRID = {"scale": (2.0, 0.5, 0.5), "translate": (-7.0, 3.0, 4.0), "units": "mm"}


@pytest.fixture
def scene(viewer, true_labels, judged_labels):
    """A volume with the truth and a model's answer over it."""
    viewer.add_image(true_labels * 100.0, name="scan", **GRID)
    truth = viewer.add_labels(true_labels.copy(), name="hand", **GRID)
    judged = viewer.add_labels(judged_labels, name="model", **GRID)
    set_classes(truth, [LabelClass(value=1, name="liver"), LabelClass(value=3, name="cyst")])
    return viewer, truth, judged


@pytest.fixture
def window(scene, qtbot, settings):
    """The window, when it knows what it would compare."""
    opened = show_evaluation(scene[0])
    ready(opened, qtbot)
    return opened


def ready(window, qtbot):
    qtbot.waitUntil(window.parts.evaluate.isEnabled)


def settle(window, qtbot):
    qtbot.waitUntil(lambda: not window.runner.busy)


def press(qtbot, button):
    assert button.isEnabled(), button.toolTip()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def compare(window, qtbot):
    press(qtbot, window.parts.evaluate)
    settle(window, qtbot)


def column(table, number):
    model = table.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def click_row(window, qtbot, row, *, twice=False):
    table = window.parts.result.cases
    at = table.visualRect(table.model().index(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    if twice:
        qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def difference_of(viewer):
    found = [layer for layer in viewer.layers if layer.name.endswith("where it is wrong")]
    assert len(found) <= 1
    return found[0] if found else None


def index_of(viewer, layer):
    return tuple(np.round(layer.world_to_data(viewer.dims.point)).astype(int))


def test_two_layers_are_compared_the_worst_first_and_copied(window, qtbot):
    parts = window.parts
    assert parts.preflight.whole() == "1 case: model against hand"
    assert all(name in parts.classes.text() for name in ("liver", "cyst"))
    assert parts.rule.toolTip() == "Tick 'Lesion by lesion' first"
    for button in (parts.show_wrong, parts.copy, parts.save):
        assert button.toolTip() == "Nothing is evaluated yet"
        assert not button.isEnabled()
    compare(window, qtbot)
    assert parts.preflight.whole() == "model against hand · 1 case · 2 classes · tolerance 1 mm"
    cases, rows = parts.result.cases, parts.result.case_rows
    assert column(cases, 1) == ["cyst", "liver"]
    assert column(cases, rows.column_of("dice")) == ["0.0000", "0.8602"]
    assert column(parts.result.summary, 0) == ["liver", "cyst", "mean of classes"]
    assert parts.result.remark.whole().startswith("cyst: only truths have the value 3")
    assert "Dice" in parts.definitions.toPlainText()
    heading = cases.horizontalHeader()
    at = QPoint(heading.sectionViewportPosition(rows.column_of("dice")) + 5, 5)
    qtbot.mouseClick(heading.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert column(cases, 1) == ["liver", "cyst"]
    qtbot.keyClick(cases, Qt.Key.Key_Down)
    qtbot.keyClick(cases, Qt.Key.Key_Down)
    assert parts.result.case.name == "cyst"
    press(qtbot, parts.copy)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().split("\n")]
    assert lines[0][:3] == ["Class", "Over cases", "Dice"]
    assert lines[-2][:4] == ["model", "liver", "", "0.8602"]
    hd95 = parts.result.metrics.findText("HD95")
    parts.result.metrics.setCurrentIndex(hd95)
    assert column(cases, 1) == ["cyst", "liver"]
    parts.result.classes.setCurrentIndex(parts.result.classes.findText("liver"))
    assert column(cases, 1) == ["liver"]


def test_a_click_on_a_point_chooses_its_case_and_shows_where_it_is_wrong(window, scene, qtbot):
    viewer, truth, _judged = scene
    compare(window, qtbot)
    parts = window.parts
    parts.result.classes.setCurrentIndex(parts.result.classes.findText("cyst"))
    step, camera = viewer.dims.current_step, viewer.scene.camera.center
    chart = parts.result.chart
    viewport, place = chart.plot.viewport(), chart.place_of(1, "model")
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    assert (window.parts.result.case.name, difference_of(viewer)) == ("liver", None)
    assert (viewer.dims.current_step, viewer.scene.camera.center) == (step, camera)
    active = viewer.layers.selection.active
    press(qtbot, parts.show_wrong)
    settle(window, qtbot)
    layer = difference_of(viewer)
    assert index_of(viewer, layer)[0] == 1  # the slice that is missed
    found = {kind: np.count_nonzero(layer.data == kind) for kind in (BOTH, TOO_MUCH, MISSED)}
    assert found == {BOTH: 400, TOO_MUCH: 30, MISSED: 100}
    np.testing.assert_array_equal(layer.extent.world, truth.extent.world)
    assert layer.name == "model · liver: where it is wrong"
    assert "missed 100" in parts.legend.text()
    assert list(layer.features["name"]) == ["", "right", "too much", "missed"]
    assert viewer.layers.selection.active is active
    assert not is_kept(layer)
    assert not layer.editable
    click_row(window, qtbot, 0)
    names = [parts.truth.combo.itemText(i) for i in range(parts.truth.combo.count())]
    assert names == ["model", "hand"]  # the differences are no labels to compare
    parts.result.classes.setCurrentIndex(parts.result.classes.findText("cyst"))
    click_row(window, qtbot, 0, twice=True)
    settle(window, qtbot)
    assert np.count_nonzero(difference_of(viewer).data == MISSED) == 9
    assert index_of(viewer, difference_of(viewer)) == (5, 16, 16)


def test_what_changed_since_is_said_and_a_layer_that_is_gone_is_not_compared(window, scene, qtbot):
    viewer, truth, judged = scene
    parts = window.parts
    compare(window, qtbot)
    edited = judged.data.copy()
    edited[truth.data == 3] = 3
    apply_edit(judged, edited, "Brush")
    assert "Changed since: press Evaluate" in parts.preflight.whole()
    compare(window, qtbot)
    assert "Changed" not in parts.preflight.whole()
    assert sorted(column(parts.result.cases, 3)) == ["0.8602", "1.0000"]
    parts.tolerance.setValue(2.5)
    assert "Other settings: press Evaluate" in parts.preflight.whole()
    press(qtbot, parts.swap)
    assert parts.truth.source is judged
    ready(window, qtbot)
    compare(window, qtbot)
    assert parts.preflight.whole().startswith("hand against model · 1 case")
    press(qtbot, parts.evaluate)
    viewer.layers.remove(judged)  # while it is compared
    settle(window, qtbot)
    assert parts.truth.source is None
    assert "Another choice" in parts.preflight.whole()
    assert "Choose the true labels" in parts.evaluate.toolTip()
    click_row(window, qtbot, 0)
    assert "not in the viewer any more" in parts.show_wrong.toolTip()
    assert not parts.show_wrong.isEnabled()


def test_a_comparison_is_cancelled_and_an_error_is_said_in_words(
    window, scene, qtbot, notices, true_labels, folders, held
):
    viewer, _truth, _ = scene
    parts = window.parts
    with held():
        press(qtbot, parts.evaluate)
        assert not parts.evaluate.isEnabled()
        press(qtbot, parts.run_bar.cancel)
    settle(window, qtbot)
    assert window.answer is None
    assert parts.run_bar.text.whole().startswith("Cancelled")
    parts.judged.choose(parts.truth.source)
    qtbot.waitUntil(lambda: "The same labels" in parts.preflight.whole())
    assert not parts.evaluate.isEnabled()
    coarse = viewer.add_labels(true_labels[:, ::2, ::2], name="coarse", scale=(2, 1, 1), units="mm")
    coarse.translate = GRID["translate"]
    parts.judged.choose(coarse)
    qtbot.waitUntil(lambda: "different grids" in parts.preflight.whole())
    assert "Tick 'Resample'" in parts.evaluate.toolTip()
    press(qtbot, parts.resample)
    ready(window, qtbot)
    compare(window, qtbot)
    assert "another grid" in parts.result.remark.toolTip()
    parts.tolerance.setValue(3)
    with held():
        press(qtbot, parts.evaluate)
        press(qtbot, parts.run_bar.cancel)
    settle(window, qtbot)
    assert "Other settings: press Evaluate" in parts.preflight.whole()  # it is as it was before
    broken = folders[1] / "case_1.nii.gz"
    broken.write_bytes(b"not an image")
    parts.truth.choose(folders[0])
    parts.judged.choose(folders[1])
    qtbot.waitUntil(lambda: "2 cases match" in parts.preflight.whole())
    (folders[1] / "case_2.nii.gz").write_bytes(b"nor this")
    compare(window, qtbot)
    assert "None of the 2 cases can be scored; case_1: case_1.nii.gz" in notices[-1].message
    assert "coarse against hand" in parts.preflight.whole()  # what is shown is still that
    (folders[1] / "case_2.nii.gz").write_bytes((folders[0] / "case_2.nii.gz").read_bytes())
    compare(window, qtbot)
    assert "1 case · 2 classes" in parts.preflight.whole()
    assert "1 could not be scored" in parts.preflight.whole()
    assert parts.result.remark.whole().startswith("case_1 is left out: case_1.nii.gz")


def test_folders_are_compared_and_their_cases_opened_one_after_the_other(
    viewer, folders, qtbot, settings, monkeypatch, tmp_path, notices
):
    truth, judged = folders
    window = show_evaluation(viewer)
    parts = window.parts
    assert "Choose the true labels" in parts.preflight.whole()
    parts.truth.choose(truth)
    parts.judged.choose(judged)
    press(qtbot, parts.lesions)
    assert parts.rule.isEnabled()
    ready(window, qtbot)
    assert parts.preflight.whole().startswith("2 cases match · 1 true labels without a partner")
    compare(window, qtbot)
    assert "1 without a partner left out" in parts.preflight.whole()
    assert column(parts.result.cases, 0)[0] == "case_1"
    assert "lesion F1" in [parts.result.metrics.itemText(i) for i in range(17)]
    click_row(window, qtbot, 0, twice=True)
    settle(window, qtbot)
    names = [layer.name for layer in viewer.layers]
    assert names[:3] == ["case_1", "case_1 · true labels", "case_1 · labels to judge"]
    assert "cyst: where it is wrong" in names[3]
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    labels = viewer.layers[2]
    labels.data[0, 0, 0] = 1  # a person corrects something
    click_row(window, qtbot, 3, twice=True)
    settle(window, qtbot)
    names = [layer.name for layer in viewer.layers]
    assert "case_1 · labels to judge" in names  # what a person changed stays
    assert "case_1 · true labels" not in names
    assert sum(name.startswith("case_2") for name in names) == 4
    click_row(window, qtbot, 2, twice=True)
    settle(window, qtbot)
    assert sum(layer.name.startswith("case_2") for layer in viewer.layers) == 4
    assert (settings.evaluate.truth, settings.evaluate.judged) == (str(truth), str(judged))
    paths = [tmp_path / "a.csv", tmp_path / "a.json", None, tmp_path / "a.csv" / "b.csv"]
    asked = []
    monkeypatch.setattr(window_module, "ask_path", lambda *a: asked.append(a[2]) or paths.pop(0))
    for _ in range(4):
        press(qtbot, parts.save)
        settle(window, qtbot)
    assert asked == ["judged against labelsTr"] * 4
    with (tmp_path / "a.csv").open(newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"liver", "cyst"}
    again = Evaluation.from_json(tmp_path / "a.json")
    assert again.mean("dice") == window.answer.evaluation.mean("dice")
    assert "cannot write" in notices[-1].message.lower()


def test_two_viewers_have_a_window_each_and_the_files_compared_last_are_offered_again(
    window, scene, folders, qtbot, make_napari_viewer, settings
):
    settings.evaluate.truth, settings.evaluate.judged = (str(folder) for folder in folders)
    settings.evaluate.tolerance = 3.0
    other = make_napari_viewer()
    second = show_evaluation(other)
    assert second is not window
    assert (second.parts.truth.source, second.parts.judged.source) == folders
    assert second.parts.tolerance.value() == 3
    ready(second, qtbot)
    compare(second, qtbot)
    assert window.answer is None
    assert len(other.layers) == 0
    other.add_labels(np.ones((4, 5), int), name="theirs")
    assert second.parts.truth.combo.itemText(0) == "theirs"
    assert "theirs" not in [
        window.parts.truth.combo.itemText(i) for i in range(window.parts.truth.combo.count())
    ]
    window.parent().close()
    assert show_evaluation(scene[0]) is window


def test_a_viewer_closed_while_it_compares_leaves_nothing_behind(scene, qtbot):
    viewer, truth, _ = scene
    window = show_evaluation(viewer)
    ready(window, qtbot)
    press(qtbot, window.parts.evaluate)
    runner = window.runner
    viewer.close()
    qtbot.waitUntil(lambda: not runner.busy)
    truth.events.data()  # reaches nobody
    assert truth.data.any()
