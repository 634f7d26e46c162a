"""What the window of evaluation stands on, without a viewer: requests, words, rows, differences."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.differences import BOTH, MISSED, TOO_MUCH
from napari_medseg.engine.evaluate import evaluate_volumes
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metric_table import METRICS
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume
from napari_medseg.widgets import settings
from napari_medseg.widgets.classes.class_list import set_classes
from napari_medseg.widgets.classes.palette import difference
from napari_medseg.widgets.evaluate.definitions import definitions_page
from napari_medseg.widgets.evaluate.memory import Choice, recall_choice
from napari_medseg.widgets.evaluate.preflight import preflight
from napari_medseg.widgets.evaluate.request import EvaluationRequest, evaluated, request_of
from napari_medseg.widgets.evaluate.rows import (
    CaseRows,
    SummaryRows,
    sort_value,
    summary_of,
    worst_first,
)
from napari_medseg.widgets.evaluate.saving import REPORT_KINDS, save_report
from napari_medseg.widgets.evaluate.source_field import SourceField
from napari_medseg.widgets.evaluate.words import class_words, likely_pair
from napari_medseg.widgets.evaluate.wrong import find_wrong, images_of
from napari_medseg.widgets.evaluate.wrong_layers import COLOURS
from napari_medseg.widgets.sorted_table import VALUE_ROLE

GRID = {"scale": (2.0, 0.5, 0.5), "units": "mm"}


@pytest.fixture
def viewer():
    return ViewerModel()


def request(judged, truth, **more):
    return EvaluationRequest(judged, truth, {1: "liver"}, {1: "#123456"}, **more)


def test_labels_of_layers_are_copies_with_the_names_and_colours_of_their_classes(
    viewer, true_labels, judged_labels
):
    truth = viewer.add_labels(true_labels, name="hand", **GRID)
    judged = viewer.add_labels(judged_labels, name="model", **GRID)
    set_classes(truth, [LabelClass(value=1, name="liver", colour="#ff0000")])
    asked = request_of(viewer, judged, truth)
    truth.data[:] = 0
    answer = evaluated(asked)
    evaluation = answer.evaluation
    assert evaluation.classes == {1: "liver", 3: "class 3"}
    assert answer.colours[1] == "#ff0000"
    assert answer.colours[3] != "#ff0000"
    (liver,) = evaluation.of_class(1)
    assert liver.number("dice") == pytest.approx(2 * 400 / (500 + 430))
    assert liver.unit == "mm"
    assert evaluation.compared == ("model", "hand")
    with pytest.raises(ValueError, match="choose the true labels"):
        request_of(viewer, judged, None)


def test_classes_that_occur_nowhere_are_not_scored(viewer, true_labels):
    truth = viewer.add_labels(true_labels, **GRID)
    names = [LabelClass(value=v, name=f"organ {v}") for v in (1, 3, 4, 5, 6)]
    set_classes(truth, names)
    answer = evaluated(request_of(viewer, viewer.add_labels(true_labels.copy(), **GRID), truth))
    assert list(answer.evaluation.classes.values()) == ["organ 1", "organ 3"]
    empty = viewer.add_labels(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="nothing to score"):
        evaluated(request_of(viewer, empty, viewer.add_labels(np.zeros((4, 4), np.uint8))))


def test_the_time_step_one_sees_is_compared_and_lazy_labels_are_read_in_the_thread(viewer):
    series = np.zeros((2, 4, 6, 6), np.uint8)
    series[1, 1:3, 2:4, 2:4] = 1
    truth = viewer.add_labels(series)
    judged = viewer.add_labels(dask.array.from_array(series))
    viewer.dims.set_point(0, 1)
    asked = request_of(viewer, judged, truth)
    assert asked.step == (1,)
    assert not isinstance(asked.judged.array, np.ndarray)
    assert evaluated(asked).evaluation.mean("dice") == 1


def test_a_file_is_compared_with_a_layer(folders, volumes):
    truth, judged = folders
    answer = evaluated(request(judged / "case_1.nii.gz", truth / "case_1.nii.gz"))
    assert answer.evaluation.mean("dice", 1) == pytest.approx(2 * 400 / (500 + 430))
    mixed = evaluated(request(volumes[0], truth / "case_0.nii.gz"))
    assert mixed.evaluation.classes == {1: "liver", 3: "cyst"}
    assert mixed.evaluation.cases[0].scores == answer.evaluation.cases[0].scores


def test_options_reach_the_engine_and_work_can_be_cancelled(folders, volumes):
    def stop(step):
        raise Cancelled

    answer = evaluated(request(*volumes, tolerance=100.0, lesions=LesionRule()))
    assert answer.evaluation.mean("nsd", 1) == 1
    assert [m.name for m in answer.evaluation.metrics] == list(METRICS)
    for pair in ((folders[1], folders[0]), volumes, (volumes[0], folders[0] / "case_0.nii.gz")):
        with pytest.raises(Cancelled):
            evaluated(request(*pair), stop)


def test_another_grid_is_compared_only_when_asked_for(volumes):
    judged, truth = volumes
    small = Volume(judged.array[:, :, ::2, ::2], (2.0, 1.0, 1.0), name="coarse")
    found = preflight(small, truth, resample=False)
    assert "different grids" in found.words
    assert "Tick 'Resample'" in found.why_not
    with pytest.raises(ValueError, match=r"coarse does not lie.*1 mm.*; tick 'Resample'"):
        evaluated(request(small, truth))
    assert not preflight(small, truth, resample=True).why_not
    answer = evaluated(request(small, truth, resample=True))
    assert 0.5 < answer.evaluation.mean("dice", 1) < 0.95
    wrong = find_wrong(answer.request, answer.evaluation.cases[0])
    assert wrong.values.shape == truth.shape
    flat = Volume(np.ones((1, 5, 5), np.uint8), (1.0, 1.0))
    assert "cannot be compared" in preflight(flat, truth, resample=True).words


def test_the_preflight_says_what_matches_and_what_is_left_out(folders, volumes, tmp_path):
    truth, judged = folders
    found = preflight(judged, truth, resample=False)
    assert found.words == "2 cases match · 1 true labels without a partner: case_0"
    assert "left out: 1 (case_0)" in found.more
    assert not found.why_not
    one = preflight(judged / "case_1.nii.gz", truth / "case_1.nii.gz", resample=False)
    assert one.words == "1 case: case_1.nii.gz against case_1.nii.gz"
    assert preflight(*volumes, resample=False).words == "1 case: model against hand"
    assert preflight(judged / "case_1.nii.gz", volumes[1], resample=False).why_not == ""
    assert "two folders" in preflight(judged, volumes[1], resample=False).why_not
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "name them alike" in preflight(empty, truth, resample=False).why_not
    gone = preflight(tmp_path / "gone", truth, resample=False)
    assert "is not there" in gone.why_not
    assert gone.words[0].isupper() or gone.words.startswith("/")


def test_differences_count_what_is_right_too_much_and_missed_and_know_the_worst_slice(volumes):
    asked = request(*volumes)
    liver, cyst = evaluated(asked).evaluation.cases
    wrong = find_wrong(asked, liver)
    assert wrong.counts == {BOTH: 400, TOO_MUCH: 30, MISSED: 100}
    centre, box = wrong.place(0)
    assert centre[0] == 1  # a hundred voxels are missed there
    assert box == (slice(1, 2), slice(2, 12), slice(2, 12))
    assert find_wrong(asked, cyst).counts == {BOTH: 0, TOO_MUCH: 0, MISSED: 9}
    right = find_wrong(request(volumes[1], volumes[1]), cyst)
    assert right.counts == {BOTH: 9, TOO_MUCH: 0, MISSED: 0}
    assert right.place(0)[0] == (5, 16, 16)  # where the class is, for nothing is wrong
    column, _ = wrong.place(2)
    assert 2 <= column[2] < 12


def test_a_picture_has_one_place_and_an_empty_class_none():
    true, judged = np.zeros((1, 6, 8), np.uint8), np.zeros((1, 6, 8), np.uint8)
    true[0, 2:4, 3:6], judged[0, 0, 0] = 1, 2
    pair = [Volume(values, (1.0, 1.0)) for values in (judged, true)]
    asked = request(*pair)
    first = evaluated(asked).evaluation.cases[0]
    assert find_wrong(asked, first).place(0) == ((2, 4), (slice(2, 4), slice(3, 6)))
    nowhere = find_wrong(request(pair[0], pair[0]), first)
    assert nowhere.place(0) is None


def test_files_are_read_again_with_the_image_they_lie_on(folders):
    truth, judged = folders
    asked = request(judged, truth)
    case = evaluated(asked).evaluation.of_class(1)[0]
    wrong = find_wrong(asked, case)
    assert wrong.counts[MISSED] == 100
    ((image, path),) = wrong.images
    assert path.name == "case_1_0000.nii.gz"
    assert image.array.max() == 300
    assert images_of(judged / "case_1.nii.gz") == ()
    (judged / "case_1.nii.gz").unlink()
    with pytest.raises(OSError, match="case_1"):
        find_wrong(asked, case)


def test_colours_of_differences_are_told_apart_by_all_people():
    right, too_much, missed = (COLOURS[kind][:7] for kind in (BOTH, TOO_MUCH, MISSED))
    assert min(difference(right, too_much), difference(too_much, missed)) > 30
    assert difference(right, missed) > 17


def cells(model, role=Qt.ItemDataRole.DisplayRole):
    shape = range(model.rowCount()), range(model.columnCount())
    return [[model.index(r, c).data(role) for c in shape[1]] for r in shape[0]]


def test_the_tables_show_numbers_with_definitions_and_sort_the_worst_first(volumes, qtbot):
    evaluation = evaluate_volumes(*volumes, classes={1: "liver", 3: "cyst"})
    rows = CaseRows()
    rows.show_evaluation(evaluation, {1: "#ff0000"})
    liver, cyst = cells(rows)
    assert liver[:4] == ["model", "liver", "", "0.8602"]
    assert cyst[:4] == ["model", "cyst", "nothing marked", "0.0000"]
    column = rows.column_of("hd95")
    heading = rows.headerData(column, Qt.Orientation.Horizontal)
    assert heading == "HD95\nmm"
    tip = rows.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert METRICS["hd95"].definition.split("'")[0][:40] in tip
    assert rows.index(0, column).data(VALUE_ROLE) == evaluation.cases[0].number("hd95")
    assert rows.index(0, 0).data(VALUE_ROLE) == "model"
    assert rows.as_text([1, 0]).split("\n")[1].startswith("model\tcyst\tnothing marked\t0.0000")
    rows.show_evaluation(evaluation, {}, value=3)
    assert [row[1] for row in cells(rows)] == ["cyst"]
    summary = SummaryRows()
    summary.show_evaluation(evaluation, {}, summary_of(evaluation))
    assert [row[:2] for row in cells(summary)] == [
        ["liver", "mean"],
        ["cyst", "mean"],
        ["mean of classes", "mean"],
    ]
    for model in (rows, summary):
        model.show_evaluation(None, {})
        assert (model.rowCount(), model.columnCount()) == (0, len(model.first))
        assert model.headerData(0, Qt.Orientation.Horizontal) is None


def test_what_is_worst_depends_on_the_metric():
    dice, hd95, volume = METRICS["dice"], METRICS["hd95"], METRICS["volume_difference"]
    nan = float("nan")
    for metric, numbers in ((dice, [0.1, 0.9, nan]), (hd95, [9, 1, nan]), (volume, [-9, 1, nan])):
        falling = worst_first(metric) == Qt.SortOrder.DescendingOrder
        order = sorted(numbers, key=lambda n: sort_value(metric, n), reverse=falling)
        assert [str(n) for n in order] == [str(n) for n in numbers]


def test_definitions_name_every_metric(volumes):
    page = definitions_page(evaluate_volumes(*volumes))
    assert all(f"<b>{metric.title}</b>" in page for metric in METRICS.values())
    assert "the prediction has none" in page
    assert "tolerance is 1" in page
    assert "95 % interval" in definitions_page(None)


@pytest.mark.parametrize("ending", REPORT_KINDS.values())
def test_a_report_is_written_as_its_ending_says(volumes, tmp_path, ending):
    evaluation = evaluate_volumes(*volumes)
    path = save_report(evaluation, tmp_path / f"report{ending}")
    assert "0.86" in path.read_text(encoding="utf-8-sig")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(OSError, match="cannot write"):
        save_report(evaluation, path / f"a{ending}")
    with pytest.raises(ValueError, match="choose one of these endings"):
        save_report(evaluation, tmp_path / "report.docx")


def test_the_answer_of_a_model_is_judged_by_what_people_made(viewer, true_labels):
    assert likely_pair(viewer) == (None, None)
    answer = viewer.add_labels(true_labels, metadata={"napari-medseg": {"model": "x"}})
    assert likely_pair(viewer) == (None, None)
    viewer.add_labels(true_labels, metadata={"napari-medseg": {"preview": True}})
    hand = viewer.add_labels(true_labels)
    assert likely_pair(viewer) == (hand, answer)
    viewer.layers.remove(answer)
    upper = viewer.add_labels(true_labels)
    assert likely_pair(viewer) == (hand, upper)
    for layer in (hand, upper):
        layer.metadata["napari-medseg"] = {"model": "x"}
    assert likely_pair(viewer) == (hand, upper)


def test_a_source_is_a_layer_a_file_or_a_folder_and_forgets_layers_that_are_gone(
    viewer, qtbot, tmp_path, monkeypatch
):
    field = SourceField("the true labels")
    qtbot.addWidget(field)
    first, second = (viewer.add_labels(np.zeros((4, 4), int), name=name) for name in "ab")
    told = []
    field.changed.connect(lambda: told.append(field.source))
    field.offer([second, first])
    assert field.source is None
    assert field.combo.currentText().startswith("Choose")
    field.combo.setCurrentIndex(2)
    field.combo.activated.emit(2)
    assert told == [first]
    assert [field.combo.itemText(i) for i in range(field.combo.count())] == ["b", "a"]
    file = tmp_path / "labels.nii.gz"
    file.touch()
    answers = {"getOpenFileName": (str(file), ""), "getExistingDirectory": str(tmp_path)}
    for name, value in answers.items():
        monkeypatch.setattr(QFileDialog, name, lambda *_, v=value: v)
    qtbot.mouseClick(field.file, Qt.MouseButton.LeftButton)
    assert field.source == file
    qtbot.mouseClick(field.folder, Qt.MouseButton.LeftButton)
    assert field.source == tmp_path
    assert field.combo.currentText() == f"{tmp_path.name} (folder)"
    assert field.combo.toolTip() == str(tmp_path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    qtbot.mouseClick(field.file, Qt.MouseButton.LeftButton)  # the person changed their mind
    assert field.source == tmp_path
    before = len(told)
    field.choose(Path(str(tmp_path)))  # the same once more, as the settings keep it
    assert (field.source, len(told)) == (tmp_path, before)
    field.choose(second)
    field.offer([first])
    assert told[-1] is None
    assert field.source is None


def test_a_file_is_dropped_on_a_field(qtbot, tmp_path):
    field = SourceField("the true labels")
    qtbot.addWidget(field)

    def drop(*paths):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier
        enter = QDragEnterEvent(QPoint(3, 3), copy, mime, left, none.NoModifier)
        enter.ignore()
        field.dragEnterEvent(enter)
        field.dropEvent(QDropEvent(QPointF(3, 3), copy, mime, left, none.NoModifier))
        return enter.isAccepted()

    assert not drop()
    assert not drop(tmp_path / "gone")
    assert not drop(tmp_path, tmp_path)
    assert field.source is None
    assert drop(tmp_path)
    assert field.source == tmp_path


def test_what_was_compared_last_is_read_from_the_settings_file_if_it_is_still_there(
    tmp_path, monkeypatch
):
    file = tmp_path / "napari-medseg.yaml"
    monkeypatch.setattr(settings._settings, "live", None)
    monkeypatch.setattr(settings, "_file", lambda: file if file.exists() else None)
    assert recall_choice() == Choice()
    file.write_text(f"evaluate:\n  truth: {tmp_path}\n  judged: /gone\n  tolerance: 2.5\n")
    assert recall_choice() == Choice(tmp_path, None, 2.5, lesions=False)
    file.write_text("evaluate: [1, 2")
    assert recall_choice() == Choice()
    settings.remember("evaluate", {"truth": "x"})  # before the settings are loaded: nowhere
    assert file.read_text() == "evaluate: [1, 2"


def test_the_first_few_classes_are_named_in_their_colours():
    names = {value: f"<organ> {value}" + "x" * 30 * (value == 2) for value in range(1, 8)}
    words = class_words(names, dict.fromkeys(names, "#123456"))
    assert words.count("#123456") == 4
    assert "and 3 more" in words
    assert "&lt;organ&gt; 1" in words
    assert "x" * 20 not in words
    assert class_words({}, {}) == ""
