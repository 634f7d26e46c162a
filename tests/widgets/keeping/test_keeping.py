"""What is painted is in a journal at once, and comes back when its image is opened again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer

from napari_medseg.engine.card import LabelClass
from napari_medseg.io import write_image
from napari_medseg.journal import find_journals, journal_directory
from napari_medseg.volume import Volume
from napari_medseg.widgets.classes.class_list import (
    adopt_classes,
    begin_classes,
    classes_of,
    rename_class,
    set_classes,
)
from napari_medseg.widgets.classes.stored import locked_of, set_locked
from napari_medseg.widgets.keeping.following import keepers_of, offers_of
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.keeping.offers import day_and_time
from napari_medseg.widgets.layers import apply_edit, class_look, history
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.placement import same_grid
from napari_medseg.widgets.readers import _read_image
from napari_medseg.widgets.volumes import KEY


def _open(viewer, path):
    for data in _read_image(path):
        viewer.add_layer(Layer.create(*data))
    return viewer.layers[-1]


@pytest.fixture
def image_file(tmp_path, image_values):
    path = tmp_path / "Fälle" / "case_017.nii.gz"
    path.parent.mkdir()
    write_image(path, Volume(image_values[None], (2.0, 0.8, 0.7)))
    return path


def _work(viewer, stroke, shape):
    """Paint, use a tool, undo, redo and confirm; returns the layer."""
    grid = same_grid(viewer.layers[0])
    labels = viewer.add_labels(np.zeros(shape, np.uint8), name="liver", **grid)
    labels.brush_size = 5
    stroke(labels, (2, 9, 9), (2, 12, 14), value=2)
    stroke(labels, (4, 9, 9), value=1)
    apply_edit(labels, np.where(labels.data == 2, 3, labels.data), "Relabel")
    labels.undo()
    stroke(labels, (5, 20, 20), value=4)
    labels.undo()
    labels.redo()
    painted_of(labels).mark_reviewed((slice(7, 8), slice(None), slice(None)))
    return labels


def test_after_a_crash_the_work_is_offered_and_comes_back_as_one_step(
    sitting, crash, offered, image_file, image_values, stroke
):
    first = sitting()
    _open(first, image_file)
    labels = _work(first, stroke, image_values.shape)
    set_classes(labels, [LabelClass(value=2, name="Leber", colour="#00ff00")])
    set_locked(labels, 2, True)
    crash(first)
    assert len(find_journals([image_file.parent])) == 1

    second = sitting()
    _open(second, image_file)
    offer = offered(second)
    assert "3 corrections of case_017 from today" in offer.words()
    offers_of(second).restore()
    _until(lambda: len(second.layers) == 2)
    again = second.layers[1]
    assert (again.name, history(again)) == ("liver", ["Restored"])
    np.testing.assert_array_equal(again.data, labels.data)
    np.testing.assert_array_equal(painted_of(again).reviewed, painted_of(labels).reviewed)
    np.testing.assert_array_equal(painted_of(again).changed, painted_of(labels).changed)
    assert {c.value: c.name for c in classes_of(again)}[2] == "Leber"
    assert locked_of(again) == {2}
    np.testing.assert_array_equal(again.scale, second.layers[0].scale)
    again.undo()
    assert not again.data.any()
    assert not painted_of(again).reviewed.any()


def _until(condition):
    from qtpy.QtTest import QTest

    for _ in range(6000):  # a minute at least
        if condition():
            return
        QTest.qWait(10)
    raise AssertionError


def test_what_was_restored_is_kept_again_and_only_once(
    sitting, crash, offered, written, image_file, image_values, stroke
):
    first = sitting()
    _open(first, image_file)
    labels = _work(first, stroke, image_values.shape)
    state = labels.data.copy()
    for _ in range(2):
        crash(first)
        second = sitting()
        _open(second, image_file)
        offered(second)
        offers_of(second).restore()
        _until(lambda viewer=second: len(viewer.layers) == 2)
        written()
        assert len(find_journals([image_file.parent])) == 1
        np.testing.assert_array_equal(second.layers[1].data, state)
        first = second


def test_it_comes_back_into_the_layer_that_is_there_or_into_a_new_one_if_that_is_another(
    sitting, crash, offered, image_values, stroke
):
    first = sitting()
    first.add_image(image_values, name="scan")
    start = (image_values > 130).astype(np.uint8)
    labels = first.add_labels(start.copy(), name="mask")
    stroke(labels, (3, 5, 6), value=2)
    crash(first)
    for content, expected in ((start.copy(), 2), (1 - start, 3)):
        second = sitting()
        second.add_image(image_values, name="scan")
        there = second.add_labels(content, name="mask")
        offered(second)
        offers_of(second).restore()
        _until(lambda viewer=second: any(history(x) == ["Restored"] for x in viewer.layers[1:]))
        assert len(second.layers) == expected
        restored = next(x for x in second.layers[1:] if history(x) == ["Restored"])
        np.testing.assert_array_equal(restored.data, labels.data)
        assert (restored is there) == (expected == 2)
        crash(second)


def test_labels_without_an_image_or_a_file_come_back_onto_their_like(
    sitting, crash, offered, nothing_offered, stroke
):
    first = sitting()
    labels = first.add_labels(np.zeros((40, 50), np.int32), name="drawn")
    stroke(labels, (20, 20), value=70000)
    crash(first)
    assert len(find_journals([journal_directory()])) == 1
    other = sitting()
    other.add_labels(np.zeros((40, 51), np.int32))
    nothing_offered(other)
    second = sitting()
    again = second.add_labels(np.zeros((40, 50), np.int32))
    offered(second)
    offers_of(second).restore()
    _until(lambda: again.data.any())
    np.testing.assert_array_equal(again.data, labels.data)


def test_discard_deletes_and_later_asks_in_the_next_sitting(
    sitting, crash, offered, nothing_offered, written, image_file, image_values, stroke
):
    first = sitting()
    _open(first, image_file)
    _work(first, stroke, image_values.shape)
    crash(first)
    second = sitting()
    _open(second, image_file)
    offered(second)
    offers_of(second).later()
    nothing_offered(second)
    third = sitting()
    _open(third, image_file)
    offered(third)
    nothing_offered(second)  # the other window has it
    offers_of(third).discard()
    assert find_journals([image_file.parent]) == []
    assert not any(
        isinstance(layer.data, np.ndarray) and layer.name == "liver" for layer in third.layers
    )


def test_a_journal_of_a_living_window_is_left_alone(
    sitting, nothing_offered, written, image_file, image_values, stroke
):
    first, second = sitting(), sitting()
    _open(first, image_file)
    labels = _work(first, stroke, image_values.shape)
    written()
    _open(second, image_file)
    nothing_offered(second)
    other = second.add_labels(np.zeros(image_values.shape, np.uint8))
    stroke(other, (1, 1, 1))
    written()
    assert len(find_journals([image_file.parent])) == 2
    assert keeper_of(labels).outstanding.corrections == 3


def test_all_undone_leaves_nothing_to_offer(
    sitting, crash, nothing_offered, image_file, image_values, stroke
):
    first = sitting()
    _open(first, image_file)
    labels = first.add_labels(np.zeros(image_values.shape, np.uint8))
    stroke(labels, (2, 9, 9))
    labels.undo()
    crash(first)
    second = sitting()
    _open(second, image_file)
    nothing_offered(second)
    assert find_journals([image_file.parent]) == []


def test_a_layer_that_is_removed_with_unsaved_work_is_offered_at_once(
    sitting, offered, image_file, image_values, stroke
):
    viewer = sitting()
    _open(viewer, image_file)
    labels = _work(viewer, stroke, image_values.shape)
    viewer.layers.remove(labels)
    assert "3 corrections" in offered(viewer).words()
    offers_of(viewer).restore()
    _until(lambda: len(viewer.layers) == 2)
    np.testing.assert_array_equal(viewer.layers[1].data, labels.data)


def test_previews_maps_lazy_and_coarse_layers_are_not_kept(sitting, image_values):
    import dask.array

    viewer = sitting()
    values = np.zeros(image_values.shape, np.uint8)
    viewer.add_labels(values, metadata={KEY: {"preview": True}})
    viewer.add_labels(dask.array.zeros(values.shape, dtype=np.uint8))
    viewer.add_labels([values, values[:, ::2, ::2]], multiscale=True)
    assert keepers_of(viewer) == []
    viewer.add_labels(values)
    assert len(keepers_of(viewer)) == 1


def test_where_the_folder_of_the_image_is_gone_the_work_goes_on_in_the_users_own(
    sitting, crash, offered, written, image_file, image_values, stroke, monkeypatch
):
    from napari_medseg.journal import Journal

    viewer = sitting()
    _open(viewer, image_file)
    labels = _work(viewer, stroke, image_values.shape)
    written()
    write = Journal.append

    def vanish(journal, records):
        if journal.path.parent == image_file.parent:
            raise OSError(5, "Input/output error")
        write(journal, records)

    monkeypatch.setattr(Journal, "append", vanish)
    stroke(labels, (6, 6, 6), value=5)
    _until(lambda: (written(), find_journals([journal_directory()]))[1])
    stroke(labels, (6, 12, 6), value=6)
    crash(viewer)
    assert find_journals([image_file.parent]) == []
    second = sitting()
    _open(second, image_file)
    assert "5 corrections" in offered(second).words()
    offers_of(second).restore()
    _until(lambda: len(second.layers) == 2)
    np.testing.assert_array_equal(second.layers[1].data, labels.data)


def test_where_no_disk_takes_it_one_sentence_says_so_and_painting_goes_on(
    sitting, written, image_values, stroke, monkeypatch, tmp_path, notices, qtbot
):
    blocked = tmp_path / "a file"
    blocked.touch()
    monkeypatch.setenv("NAPARI_MEDSEG_JOURNALS", str(blocked))
    viewer = sitting()
    labels = viewer.add_labels(np.zeros(image_values.shape, np.uint8))
    for row in (4, 9, 14):
        stroke(labels, (2, row, 9))
    qtbot.waitUntil(lambda: bool(notices))
    written()
    qtbot.wait(20)
    assert len(notices) == 1
    assert "save them soon" in notices[0].message
    assert labels.data.any()
    monkeypatch.setenv("NAPARI_MEDSEG_JOURNALS", str(tmp_path / "journals"))
    stroke(labels, (2, 20, 9))
    written()
    assert len(find_journals([tmp_path / "journals"])) == 1


def test_another_array_in_the_layer_is_what_the_journal_holds_then(
    sitting, crash, offered, image_file, image_values, stroke
):
    first = sitting()
    _open(first, image_file)
    labels = _work(first, stroke, image_values.shape)
    labels.data = (image_values > 120).astype(np.uint8)
    stroke(labels, (1, 3, 3), value=7)
    crash(first)
    second = sitting()
    _open(second, image_file)
    offered(second)
    offers_of(second).restore()
    _until(lambda: len(second.layers) == 2)
    np.testing.assert_array_equal(second.layers[1].data, labels.data)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(1, "today 13:05"), (20, "yesterday 18:05"), (400, "17 October 2026 22:05")],
)
def test_times_are_said_as_people_say_them(hours, words):
    now = datetime(2026, 11, 3, 14, 5, tzinfo=timezone(timedelta(hours=1)))
    assert day_and_time((now - timedelta(hours=hours)).isoformat(), now) == words


def test_journals_never_lie_where_a_name_could_lead_them(sitting, written, stroke, tmp_path):
    viewer = sitting()
    labels = viewer.add_labels(np.zeros((30, 30), np.uint8), name="../../../x/y\0z" + "n" * 400)
    stroke(labels, (9, 9))
    written()
    (path,) = find_journals([journal_directory()])
    assert Path(path).parent == journal_directory()


def test_a_tool_that_changes_far_places_is_kept_whole(sitting, crash, offered, stroke):
    first = sitting()
    shape = (70, 140, 140)
    labels = first.add_labels(np.zeros(shape, np.uint8))
    edited = np.zeros(shape, np.uint8)
    for corner in ((0, 0, 0), (66, 0, 130), (3, 130, 3), (66, 136, 136)):
        edited[tuple(slice(c, c + 4) for c in corner)] = 1 + corner[0] % 3
    apply_edit(labels, edited, "Relabel")
    answer = np.where(edited == 1, 2, edited)
    painted_of(labels).write_answer(answer, "Segment", keep_painted=False)
    labels.undo()
    labels.redo()
    crash(first)
    second = sitting()
    again = second.add_labels(np.zeros(shape, np.uint8))
    assert "1 correction and 1 answer of a model" in offered(second).words()
    offers_of(second).restore()
    _until(lambda: again.data.any())
    np.testing.assert_array_equal(again.data, labels.data)


def test_classes_that_the_program_writes_down_are_no_work_of_a_person(sitting, written, stroke):
    viewer = sitting()
    empty = viewer.add_labels(np.zeros((20, 30), np.uint8))
    begin_classes(empty)
    liver = LabelClass(value=2, name="liver", colour="#e69f00")
    answer = viewer.add_labels(np.full((20, 31), 2, np.uint8), **class_look([liver]))
    adopt_classes(answer)
    written()
    assert find_journals([journal_directory()]) == []
    assert not any(keeper.outstanding for keeper in keepers_of(viewer))
    rename_class(answer, 2, "Leber")
    written()
    assert len(find_journals([journal_directory()])) == 1
    assert keeper_of(answer).outstanding
    assert not keeper_of(answer).is_unsaved  # the labels themselves are as they were
    set_locked(empty, 1, True)
    assert keeper_of(empty).outstanding


def test_only_looking_leaves_no_journal_and_no_offer(
    make_napari_viewer, open_workbench, image_file, written, qtbot
):
    for _ in range(2):
        viewer = make_napari_viewer()
        workbench = open_workbench(viewer)
        image = _open(viewer, image_file)
        viewer.add_labels((image.data > 130).astype(np.uint8), **same_grid(image))
        workbench.go_to("edit")
        viewer.layers.selection.active = viewer.layers[-1]
        qtbot.wait(50)
        written()
        qtbot.wait(50)
        assert workbench.restore.isHidden()
        assert find_journals([image_file.parent, journal_directory()]) == []
        viewer.close()
