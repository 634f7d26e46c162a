"""Undo steps of ours in napari's history, and following everything that is done to a layer."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.tally import tally
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.layers import (
    apply_edit,
    catch_up,
    follow_steps,
    history,
    history_bytes,
    history_limit,
    is_being_painted,
    limit_history,
    undo_name,
    why_not_editable,
)
from napari_medseg.widgets.painted import Painted, painted_of


def _labels(*shape, dtype=np.uint8):
    return Labels(np.zeros(shape, dtype))


def _stroke(layer, *points, value=1):
    with layer.block_history():
        for point in points:
            layer.paint(point, value, refresh=False)


def _stroke_that_fails(layer):
    with layer.block_history():
        layer.paint((4, 4), 1)
        raise RuntimeError


# ---- what we rely on in napari; a new version that changes one of these says so here


def test_napari_keeps_steps_in_two_deques_of_lists_of_atoms():
    layer = _labels(9, 9)
    layer.paint((4, 4), 1)
    assert len(layer._undo_history) == 1, "napari: Labels._undo_history is no list of steps now"
    item = layer._undo_history[0]
    assert isinstance(item, list), "napari: a step of the history is no list of atoms now"
    assert hasattr(layer._undo_history, "popleft"), "napari: the history is no deque now"
    layer.undo()
    assert not layer._undo_history, "napari: undo leaves the step in Labels._undo_history now"
    assert layer._redo_history[-1][-1] is item[0], "napari: undo makes new atoms now"
    layer.redo()
    assert layer._undo_history[-1][0] is item[0], "napari: redo makes new atoms now"


def test_napari_keeps_what_a_dab_replaced_in_its_atom():
    layer = Labels(np.full((3, 9, 9), 5, np.uint8))
    layer.brush_size = 5
    layer.paint((1, 4, 4), 2)
    atom = layer._undo_history[0][0]
    names = {"slice_key", "mask", "old_values", "new_value"}
    assert names <= set(dir(atom)), "napari: an atom of a stroke has other names now"
    assert layer.data[atom.slice_key].shape == atom.mask.shape, "napari: the atom's mask changed"
    assert (np.ravel(atom.old_values) == 5).all(), "napari: old_values are no old values now"
    assert atom.new_value == 2
    whole = Labels(np.zeros((4, 4), np.uint8))
    whole.fill((0, 0), 3)
    atom = whole._undo_history[0][0]
    assert atom.mask is None, "napari: a full box has a mask now"
    assert atom.old_values.size == 16, "napari: a full box keeps its old values otherwise now"


def test_napari_writes_any_three_parts_of_a_step_back():
    layer = _labels(4, 4)
    box = (slice(1, 3), slice(0, 2))
    layer.data[box] = 7
    with layer.block_history():
        layer._save_history((box, np.zeros((2, 2), np.uint8), np.full((2, 2), 7, np.uint8)))
    layer.undo()
    assert not layer.data.any(), "napari: undo writes no (box, before, after) back now"
    layer.redo()
    assert (layer.data[box] == 7).all(), "napari: redo writes no (box, before, after) back now"


def test_napari_says_whether_a_stroke_is_going_on():
    layer = _labels(4, 4)
    assert not layer._block_history, "napari: Labels._block_history is set without a stroke now"
    with layer.block_history():
        assert layer._block_history, "napari: Labels._block_history does not tell of a stroke now"


def test_napari_keeps_staged_atoms_when_a_block_fails():
    layer = _labels(9, 9)
    with pytest.raises(RuntimeError):
        _stroke_that_fails(layer)
    assert layer._staged_history, "napari: Labels._staged_history is cleared by a failure now"
    layer._commit_staged_history()
    assert len(layer._undo_history) == 1, "napari: _commit_staged_history makes no step now"
    assert not layer._staged_history


def test_napari_tells_of_undo_by_set_data_alone_and_of_nothing_while_hidden():
    layer, told = _labels(9, 9), []
    layer.paint((4, 4), 1)
    layer.events.paint.connect(lambda event: told.append("paint"))
    layer.events.set_data.connect(lambda event: told.append("set_data"))
    layer.undo()
    assert "paint" not in told, "napari: undo fires paint now, which is followed twice then"
    assert "set_data" in told, "napari: undo does not fire set_data now; follow it otherwise"
    told.clear()
    layer.visible = False
    told.clear()
    layer.redo()
    assert not told, "napari: a hidden layer tells of redo now; `catch_up` may go"


def test_napari_makes_a_new_deque_when_it_throws_the_history_away():
    layer = _labels(9, 9)
    layer.paint((4, 4), 1)
    before = layer._undo_history
    layer.editable = False
    assert layer._undo_history is not before, "napari: the history is cleared in place now"


# ---- edits


def test_an_edit_is_one_named_undo_step():
    layer = _labels(5, 6, 7)
    edited = layer.data.copy()
    edited[1:3, 2, 4:6] = 2
    assert apply_edit(layer, edited, "Fill holes") == 4
    np.testing.assert_array_equal(layer.data, edited)
    assert undo_name(layer) == "Fill holes"
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    np.testing.assert_array_equal(layer.data, edited)


def test_an_edit_of_a_box_changes_nothing_outside():
    layer = _labels(6, 8, 10)
    layer.data[:] = 3
    box = (slice(2, 5), slice(None), slice(-4, None))
    assert apply_edit(layer, np.full((3, 8, 4), 5), "Grow", box=box) == 96
    expected = np.full((6, 8, 10), 3)
    expected[2:5, :, 6:] = 5
    np.testing.assert_array_equal(layer.data, expected)
    layer.undo()
    assert (layer.data == 3).all()


def test_an_edit_and_a_stroke_are_undone_one_after_the_other():
    layer = _labels(9, 9)
    layer.paint((4, 4), 1)
    painted = layer.data.copy()
    apply_edit(layer, np.full((9, 9), 2, np.uint8), "Segment: tiny")
    layer.undo()
    np.testing.assert_array_equal(layer.data, painted)
    assert undo_name(layer) == "Brush"
    layer.undo()
    assert not layer.data.any()
    assert undo_name(layer) == ""


def test_an_edit_that_changes_nothing_is_no_step():
    layer = _labels(4, 4)
    assert apply_edit(layer, layer.data.copy(), "Nothing") == 0
    assert undo_name(layer) == ""


def test_large_edits_are_kept_small_and_come_back_exactly():
    layer = _labels(40, 200, 200)
    edited = np.random.default_rng(0).integers(0, 2, (40, 200, 200)).astype(np.uint8)
    edited[0, 0, 0] = edited[-1, -1, -1] = 1
    apply_edit(layer, edited, "Segment")
    assert history_bytes(layer) < edited.nbytes / 2
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    np.testing.assert_array_equal(layer.data, edited)


def test_listeners_of_paint_see_the_written_array():
    layer, seen = _labels(4, 4), []
    layer.events.paint.connect(lambda event: seen.append(int(layer.data.sum())))
    apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")
    assert seen == [16]


def test_an_edit_waits_for_the_stroke_to_end():
    layer = _labels(4, 4)
    with layer.block_history():
        assert is_being_painted(layer)
        with pytest.raises(ValueError, match="stroke"):
            apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")
    assert not is_being_painted(layer)


def test_what_a_failure_left_behind_does_not_join_the_next_edit():
    layer = _labels(9, 9)
    with pytest.raises(RuntimeError):
        _stroke_that_fails(layer)
    apply_edit(layer, np.full((9, 9), 2, np.uint8), "Fill")
    assert history(layer) == ["Brush", "Fill"]
    layer.undo()
    assert (layer.data == 1).any()
    layer.undo()
    assert not layer.data.any()


def test_an_edit_that_fails_while_it_is_written_leaves_no_step(monkeypatch):
    class Broken(np.ndarray):
        def __setitem__(self, where, values):
            raise MemoryError

    layer = Labels(np.zeros((4, 4), np.uint8).view(Broken))
    with pytest.raises(MemoryError):
        apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")
    assert history(layer) == []
    layer.data = np.zeros((4, 4), np.uint8)
    apply_edit(layer, np.ones((4, 4), np.uint8), "Again")
    assert history(layer) == ["Again"]


@pytest.mark.parametrize(
    "edited",
    [np.ones((4, 5), np.uint8), np.full((4, 4), 300), np.full((4, 4), -1), np.ones((4, 4))],
    ids=["shape", "too large", "too small", "float"],
)
def test_an_edit_that_does_not_fit_is_refused_and_leaves_no_step(edited):
    layer = _labels(4, 4)
    with pytest.raises(ValueError, match="holds"):
        apply_edit(layer, edited, "Wrong")
    assert undo_name(layer) == ""


def test_layers_that_cannot_be_edited_say_why():
    import dask.array

    fixed = np.zeros((4, 4), np.uint8)
    fixed.flags.writeable = False
    lazy = Labels(dask.array.zeros((4, 4), dtype=np.uint8))
    levels = Labels([np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8)], multiscale=True)
    for layer, reason in [
        (Labels(fixed), "duplicate it"),
        (lazy, "piece by piece"),
        (levels, "several resolutions"),
    ]:
        assert reason in why_not_editable(layer)
        with pytest.raises(ValueError, match=reason):
            apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")
    assert why_not_editable(_labels(4, 4)) == ""


# ---- the history


def test_the_history_names_every_step():
    layer = _labels(3, 20, 20)
    layer.brush_size = 3
    assert history(layer) == []
    for mode, value in [("paint", 1), ("erase", 0), ("paint", 2), ("paint", 0)]:
        layer.mode = mode
        _stroke(layer, (1, 5, 5), (1, 5, 6), value=value)
    layer.mode = "fill"
    layer.fill((0, 0, 0), 4)
    layer.mode = "polygon"
    layer.paint_polygon(np.array([[2, 1, 1], [2, 1, 9], [2, 9, 9]]), 2)
    layer.mode = "pan_zoom"
    layer.data_setitem((np.array([0]), np.array([1]), np.array([1])), 3)
    apply_edit(layer, np.zeros((3, 20, 20), np.uint8), "Clear")
    expected = ["Brush", "Eraser", "Brush", "Eraser", "Fill", "Polygon", "Edit", "Clear"]
    assert history(layer) == expected
    for _ in range(4):
        layer.undo()
    for _ in range(4):
        layer.redo()
    assert history(layer) == expected


@pytest.fixture
def small_history():
    """A history that holds five thousand bytes."""
    usual = history_limit()
    limit_history(5_000)
    yield
    limit_history(usual)


def test_the_oldest_steps_go_when_the_history_takes_too_much_memory(small_history):
    layer = _labels(64, 64)
    rng = np.random.default_rng(0)
    for i in range(9):
        edited = rng.integers(0, 9, (10, 64)).astype(np.uint8)
        apply_edit(layer, edited, f"{i}", box=(slice(0, 10), slice(None)))
        assert history_bytes(layer) <= 5_000
    assert history(layer) == ["6", "7", "8"][-len(history(layer)) :]
    assert len(layer._undo_history) == len(history(layer)) > 1
    apply_edit(layer, rng.integers(9, 99, (64, 64)).astype(np.uint8), "large")
    assert history(layer) == ["large"]
    layer.undo()
    np.testing.assert_array_equal(layer.data[:10], edited)


def test_strokes_count_for_the_memory_of_the_history(small_history):
    layer = _labels(64, 64)
    assert history_bytes(layer) == 0
    for i in range(40):
        _stroke(layer, (5 + i, 30), (6 + i, 31), value=1 + i % 3)
    assert 0 < history_bytes(layer) <= 5_000
    assert 1 < len(layer._undo_history) < 40


# ---- following


def _followed(layer):
    told = []
    stop = follow_steps(layer, lambda happened, step: told.append(f"{happened} {step.name}"))
    return told, stop


def test_strokes_edits_undo_and_redo_are_followed():
    layer = _labels(9, 9)
    told, stop = _followed(layer)
    _stroke(layer, (4, 4), (4, 5))
    apply_edit(layer, np.full((9, 9), 2, np.uint8), "Fill")
    layer.undo()
    layer.undo()
    layer.redo()
    _stroke(layer, (1, 1), value=3)
    expected = ["done Brush", "done Fill", "undone Fill", "undone Brush", "redone Brush"]
    assert told == [*expected, "done Brush"]
    stop()
    stop()
    layer.undo()
    assert len(told) == 6


def test_what_happens_while_hidden_is_told_later_in_order():
    layer = _labels(9, 9)
    told, _ = _followed(layer)
    for i in range(3):
        _stroke(layer, (4, 4), value=1 + i)
    told.clear()
    layer.visible = False
    layer.undo()
    layer.undo()
    layer.redo()
    assert told == []
    catch_up(layer)
    assert told == ["undone Brush"]
    layer.undo()
    layer.undo()
    layer.visible = True
    assert told == ["undone Brush"] * 3


def test_a_history_that_napari_throws_away_is_not_taken_for_undo():
    layer = _labels(9, 9)
    told, _ = _followed(layer)
    _stroke(layer, (4, 4))
    layer.editable = False
    layer.editable = True
    catch_up(layer)
    assert history(layer) == []
    _stroke(layer, (1, 1), value=2)
    assert told == ["done Brush"] * 2


def test_more_steps_than_napari_keeps_are_all_told_once():
    layer = _labels(9, 9)
    told, _ = _followed(layer)
    for i in range(130):
        _stroke(layer, (4, 4), value=1 + i % 2)
    assert told == ["done Brush"] * 130
    assert len(history(layer)) == len(layer._undo_history)
    for _ in range(200):
        layer.undo()
    assert told[130:] == ["undone Brush"] * len(layer._redo_history)


@pytest.mark.parametrize("how", ["stroke", "point list", "edit", "polygon"])
def test_a_step_knows_what_it_replaced(how):
    layer = _labels(3, 30, 30)
    layer.data[:] = np.random.default_rng(0).integers(0, 3, layer.data.shape)
    before = layer.data.copy()
    steps = []
    follow_steps(layer, lambda happened, step: steps.append(step))
    if how == "stroke":
        _stroke(layer, (1, 9, 9), (1, 12, 12), (1, 9, 10), value=2)
    elif how == "point list":
        where = tuple(np.random.default_rng(1).permutation(np.argwhere(layer.data == 1))[:50].T)
        layer.data_setitem(where, np.arange(50) % 5)
    elif how == "polygon":
        layer.paint_polygon(np.array([[1, 3, 3], [1, 3, 20], [1, 20, 9]]), 2)
    else:
        apply_edit(layer, np.where(layer.data == 1, 7, layer.data), "Replace")
    for step in steps[0], type(steps[0])(layer._undo_history[0], "later"):
        restored, written = layer.data.copy(), np.zeros(layer.data.shape, bool)
        for piece in reversed(step.pieces()):
            restored[piece.box][piece.mask] = piece.old
            written[piece.box] |= piece.mask
        np.testing.assert_array_equal(restored, before)
        assert (written == (before != layer.data)).all()


def test_nothing_keeps_a_layer_alive_that_is_gone():
    layer = _labels(9, 9)
    follow_steps(layer, lambda happened, step: None)
    _stroke(layer, (4, 4))
    apply_edit(layer, np.ones((9, 9), np.uint8), "Fill")
    gone = ref(layer)
    del layer
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("answer", [False, True])
def test_a_large_edit_keeps_only_the_blocks_that_changed_and_is_one_step(answer):
    layer = _labels(40, 200, 200)
    voxel_counts(layer)
    painted = painted_of(layer)
    edited = layer.data.copy()
    edited[1:4, 3:9, 5:9], edited[30:, 150:170, 60:70], edited[39, 199, 199] = 1, 2, 3
    told = []
    follow_steps(layer, lambda happened, step: told.append(step))
    before = layer.data.copy()
    changed = apply_edit(layer, edited, "Grow", answer=edited if answer else None)
    assert changed == np.count_nonzero(edited)
    assert (history(layer), len(told)) == (["Grow"], 1)
    assert history_bytes(layer) < 4 * changed
    assert told[0].by_person is not answer
    for _ in range(2):
        np.testing.assert_array_equal(layer.data, edited)
        np.testing.assert_array_equal(painted.changed, (edited != 0) & (not answer))
        assert voxel_counts(layer) == tally(edited)
        layer.undo()
        np.testing.assert_array_equal(layer.data, before)
        assert painted.count_changed == painted.count_reviewed == 0
        assert voxel_counts(layer) == {}
        layer.redo()
    late = Painted(layer)  # as if nobody had asked before
    np.testing.assert_array_equal(late.changed, painted.changed)
    np.testing.assert_array_equal(late.reviewed, painted.reviewed)
