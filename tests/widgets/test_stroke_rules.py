"""Locked classes and rules for strokes: random histories on a real layer against plain arrays."""

from __future__ import annotations

import gc
from weakref import ref

import dask.array
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Labels

from napari_medseg import edits
from napari_medseg.tally import tally
from napari_medseg.widgets import atoms
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.classes.stored import class_signals, locked_of, set_locked
from napari_medseg.widgets.layers import (
    add_rule,
    apply_edit,
    follow_steps,
    history,
    restrict_strokes,
    undone_steps,
)
from napari_medseg.widgets.painted import painted_of


class Walk:
    """Does the same to a layer and, by definition, to whole arrays with whole histories.

    What napari's tool does without protection is asked of a twin layer; then whatever would take
    from a locked class or add to it, or is not allowed, is put back.
    """

    def __init__(self, shape, dtype, seed):
        self.rng = np.random.default_rng(seed)
        values = self.rng.integers(0, 4, shape).astype(dtype)
        self.layer = Labels(values.copy())
        self.painted = painted_of(self.layer)
        voxel_counts(self.layer)
        self.told = []
        follow_steps(self.layer, lambda happened, step: self.told.append(happened))
        self.now = values, values.copy(), np.zeros(shape, bool)  # labels, reference, reviewed
        self.done, self.undone = [], []
        self.locked, self.allowed = set(), None

    def check(self):
        labels, reference, reviewed = self.now
        np.testing.assert_array_equal(self.layer.data, labels)
        np.testing.assert_array_equal(self.painted.changed, labels != reference)
        np.testing.assert_array_equal(self.painted.reviewed, reviewed)
        assert voxel_counts(self.layer) == tally(labels)
        assert len(history(self.layer)) == len(self.layer._undo_history) == len(self.done)
        assert len(undone_steps(self.layer)) == len(self.layer._redo_history) == len(self.undone)

    def lock(self):
        value = int(self.rng.integers(0, 4))
        on = value not in self.locked
        set_locked(self.layer, value, on)
        self.locked ^= {value}

    def allow(self):
        shape = self.layer.data.shape
        self.allowed = self.rng.random(shape) < 0.5 if self.allowed is None else None
        allowed = self.allowed
        restrict_strokes(self.layer, None if allowed is None else lambda box: allowed[box])

    def stroke(self):
        value = int(self.rng.integers(0, 5))
        points = [self._somewhere() for _ in range(self.rng.integers(1, 6))]
        size, across = int(self.rng.integers(1, 6)), int(self.rng.integers(2, self.layer.ndim + 1))

        def paint(layer):
            layer.brush_size, layer.n_edit_dimensions = size, across
            with layer.block_history():
                for point in points:
                    layer.paint(point, value, refresh=False)

        self._by_tool(paint)

    def dab(self):
        """A stroke of a script, which napari tells of before it is written; polygons are alike."""
        point, value = self._somewhere(), int(self.rng.integers(0, 5))

        def paint(layer):
            layer.brush_size, layer.n_edit_dimensions = 4, 2
            layer.paint(point, value)

        self._by_tool(paint)

    def fill(self):
        point, value = self._somewhere(), int(self.rng.integers(0, 5))

        def fill(layer):
            layer.contiguous, layer.n_edit_dimensions = (
                bool(value % 2),
                2 + value % 2 * (layer.ndim > 2),
            )
            with layer.block_history():
                layer.fill(point, value)

        self._by_tool(fill)

    def polygon(self):
        corners = np.array([self._somewhere() for _ in range(4)])
        corners[:, :-2] = corners[0, :-2]
        value = int(self.rng.integers(0, 5))

        def draw(layer):
            layer.n_edit_dimensions = 2
            layer.paint_polygon(corners, value)

        self._by_tool(draw)

    def points(self):
        where = tuple(np.unique([self._somewhere() for _ in range(9)], axis=0).T)
        value = int(self.rng.integers(0, 5))
        self._by_tool(lambda layer: layer.data_setitem(where, value))

    def edit(self):
        box = self._box()
        edited = self.rng.integers(0, 5, self.now[0][box].shape).astype(self.layer.data.dtype)
        before, after = self.now[0], self.now[0].copy()
        after[box] = edited
        self._step(np.where(self._held(before, after), before, after))
        changed = apply_edit(self.layer, edited, "Tool", box=box)
        assert changed == (self.now[0] != before).sum()

    def answer(self):
        labels, reference, reviewed = self.now
        box, keep = self._box(), bool(self.rng.integers(0, 2))
        answer = self.rng.integers(0, 4, labels[box].shape).astype(labels.dtype)
        after, new_reference = labels.copy(), reference.copy()
        after[box] = np.where(reviewed[box] & keep, labels[box], answer)
        after = np.where(self._held(labels, after), labels, after)
        new_reference[box] = answer
        self.painted.write_answer(answer, "Segment", box=box, keep_painted=keep)
        if (after != labels).any():
            self.done.append(self.now)
            self.undone.clear()
            self.now = after, new_reference, reviewed & (after == labels)

    def undo(self):
        self.layer.undo()
        if self.done:
            self.undone.append(self.now)
            self.now = self.done.pop()

    def redo(self):
        self.layer.redo()
        if self.undone:
            self.done.append(self.now)
            self.now = self.undone.pop()

    def _by_tool(self, paint):
        before = self.now[0]
        twin = Labels(before.copy())
        paint(twin)
        after = twin.data
        if self.allowed is not None:
            after = np.where(self.allowed, after, before)
        self._step(np.where(self._held(before, after), before, after))
        paint(self.layer)

    def _held(self, before, after):
        of_locked = [np.isin(labels, sorted(self.locked)) for labels in (before, after)]
        return (before != after) & (of_locked[0] | of_locked[1])

    def _step(self, after):
        before, reference, reviewed = self.now
        if (after != before).any():
            self.done.append(self.now)
            self.undone.clear()
            self.now = after, reference, reviewed | (after != before)

    def _somewhere(self):
        return tuple(int(self.rng.integers(0, side)) for side in self.layer.data.shape)

    def _box(self):
        low = [int(self.rng.integers(0, n)) for n in self.layer.data.shape]
        return tuple(
            slice(a, int(self.rng.integers(a + 1, n + 1)))
            for a, n in zip(low, self.layer.data.shape, strict=True)
        )


ACTIONS = ["stroke", "stroke", "dab", "fill", "polygon", "points", "edit", "answer"]
ACTIONS += ["undo", "undo", "redo", "lock", "lock", "allow"]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(ACTIONS), max_size=20),
    st.sampled_from([(12, 14), (4, 9, 10), (2, 3, 8, 7)]),
    st.sampled_from([np.uint8, np.int32]),
    st.integers(0, 2**32),
    st.sampled_from([1, edits._ROOM]),
)
def test_any_history_leaves_what_the_definition_says(actions, shape, dtype, seed, room):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edits, "_ROOM", room)  # with 1 a stroke is kept in several boxes
        if room == 1:
            patch.setattr(atoms, "_LARGE", 50)  # and an edit in several blocks
            patch.setattr(atoms, "_SIDE", 3)
        _walk(Walk(shape, dtype, seed), actions)


def _walk(walk, actions):
    for action in actions:
        getattr(walk, action)()
        walk.check()
    while walk.done:
        walk.undo()
    walk.check()
    while walk.undone:
        walk.redo()
    walk.check()


def _scene(dtype=np.uint8):
    """Two rectangles side by side in the middle slice of a small volume."""
    values = np.zeros((3, 20, 20), dtype)
    values[1, 5:15, 2:10], values[1, 5:15, 10:18] = 1, 2
    layer = Labels(values)
    layer.brush_size = 7
    return layer


def _stroke(layer, *points, value):
    with layer.block_history():
        for point in points:
            layer.paint(point, value, refresh=False)


def test_a_stroke_over_a_locked_class_changes_the_rest_only_in_one_step():
    layer = _scene()
    before = layer.data.copy()
    set_locked(layer, 2, True)
    said = []
    class_signals(layer).protected.connect(lambda values, voxels: said.append((values, voxels)))
    layer.mode = "paint"
    _stroke(layer, (1, 10, 9), (1, 10, 11), value=3)
    np.testing.assert_array_equal(layer.data == 2, before == 2)
    painted = layer.data.copy()
    assert (painted == 3).sum() > 10
    assert history(layer) == ["Brush"]
    assert [values for values, _ in said] == [frozenset({2})]
    unprotected = Labels(before.copy())
    unprotected.brush_size = 7
    _stroke(unprotected, (1, 10, 9), (1, 10, 11), value=3)
    assert said[0][1] == (unprotected.data != painted).sum()
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    np.testing.assert_array_equal(layer.data, painted)


def test_a_stroke_that_may_change_nothing_leaves_no_step_and_what_was_undone_can_be_redone():
    layer = _scene()
    _stroke(layer, (2, 3, 3), value=4)
    painted = layer.data.copy()
    layer.undo()
    before = layer.data.copy()
    set_locked(layer, 2, True)
    _stroke(layer, (1, 10, 14), value=3)
    np.testing.assert_array_equal(layer.data, before)
    assert history(layer) == []
    layer.redo()
    np.testing.assert_array_equal(layer.data, painted)


def test_nothing_is_added_to_a_locked_class_either():
    layer = _scene()
    before = layer.data.copy()
    set_locked(layer, 1, True)
    _stroke(layer, (0, 10, 10), (1, 10, 10), value=1)
    apply_edit(layer, np.ones_like(before), "Fill")
    np.testing.assert_array_equal(layer.data, before)
    assert history(layer) == []
    set_locked(layer, 1, False)
    assert locked_of(layer) == frozenset()
    assert apply_edit(layer, np.ones_like(before), "Fill") > 0


def test_background_can_be_locked_so_that_only_what_is_labelled_changes():
    layer = _scene()
    before = layer.data.copy()
    set_locked(layer, 0, True)
    apply_edit(layer, np.full_like(before, 3), "Fill")
    np.testing.assert_array_equal(layer.data, np.where(before == 0, 0, 3))


def test_a_rule_decides_together_with_the_locks_which_come_last():
    layer = _scene()
    before = layer.data.copy()
    set_locked(layer, 2, True)
    boxes = []

    def double(old, new, box, of):
        assert of is layer
        np.testing.assert_array_equal(old, before[box])
        boxes.append(box)
        return np.where(old == 0, 7, 5)

    stop = add_rule(layer, double)
    _stroke(layer, (1, 10, 9), (1, 4, 9), value=3)
    changed = layer.data != before
    assert set(layer.data[changed & (before == 0)].tolist()) == {7}
    assert set(layer.data[changed & (before == 1)].tolist()) == {5}
    np.testing.assert_array_equal(layer.data == 2, before == 2)
    assert history(layer) == ["Brush"]
    stop()
    stop()
    _stroke(layer, (2, 10, 9), value=3)
    assert (layer.data[2] == 3).any()
    assert len(boxes) == 1


def test_edits_of_tools_are_not_asked_of_rules_but_erasing_is():
    layer = _scene()
    before = layer.data.copy()
    restrict_strokes(layer, lambda box: np.zeros([s.stop - s.start for s in box], bool))
    _stroke(layer, (1, 10, 9), value=0)
    np.testing.assert_array_equal(layer.data, before)
    assert apply_edit(layer, np.full_like(before, 3), "Fill") > 0
    layer.undo()
    restrict_strokes(layer, None)
    _stroke(layer, (1, 10, 9), value=0)
    assert (layer.data != before).any()


def test_thin_strokes_across_a_volume_are_put_right_in_several_boxes_that_overlap(monkeypatch):
    monkeypatch.setattr(edits, "_ROOM", 1000)
    layer = Labels(np.zeros((40, 60, 60), np.uint8))
    layer.data[:, 20:30] = 2
    before = layer.data.copy()
    set_locked(layer, 2, True)
    layer.brush_size, layer.n_edit_dimensions = 1, 3
    _stroke(
        layer,
        *((i, i + 10, i + 5) for i in range(40)),
        *((i, i + 10, 5) for i in range(5)),
        value=3,
    )
    np.testing.assert_array_equal(layer.data == 2, before == 2)
    assert (layer.data == 3).sum() == 34  # 30 and 5 points, one of them twice
    assert len(layer._undo_history[0]) > 1
    assert history(layer) == ["Brush"]
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    assert voxel_counts(layer) == tally(layer.data)


def test_what_one_box_gives_back_another_one_over_it_leaves_so(monkeypatch):
    monkeypatch.setattr(edits, "_ROOM", 1)
    layer = Labels(np.zeros((70, 70), np.uint8))
    layer.data[2, 2], layer.data[3, 2] = 2, 1
    before = layer.data.copy()
    set_locked(layer, 2, True)
    layer.brush_size = 1
    points = [(2, 2), (3, 3), (40, 40), (41, 41), (60, 5), (61, 5), (2, 3), (3, 2)]
    _stroke(layer, *points, value=3)
    expected = before.copy()
    expected[tuple(np.array(points[1:]).T)] = 3
    np.testing.assert_array_equal(layer.data, expected)
    assert len(layer._undo_history[0]) == 4
    for _ in range(2):
        layer.undo()
        np.testing.assert_array_equal(layer.data, before)
        layer.redo()
        np.testing.assert_array_equal(layer.data, expected)


def test_of_a_stroke_of_several_values_what_it_did_in_the_end_counts():
    layer = _scene()
    before = layer.data.copy()
    set_locked(layer, 3, True)
    _stroke(layer, (1, 10, 9), value=3)
    np.testing.assert_array_equal(layer.data, before)
    with layer.block_history():
        layer.paint((1, 10, 9), 3, refresh=False)
        layer.paint((1, 10, 9), 4, refresh=False)
        layer.paint((1, 3, 3), 3, refresh=False)
    assert (layer.data == 4).sum() > 20
    assert not (layer.data == 3).any()
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_lazy_layer_keeps_its_locked_class():
    layer = Labels(dask.array.from_array(_scene().data, chunks=8))
    layer.brush_size = 7
    before = np.asarray(layer.data)
    set_locked(layer, 2, True)
    _stroke(layer, (1, 10, 9), value=3)
    after = np.asarray(layer.data)
    np.testing.assert_array_equal(after == 2, before == 2)
    assert (after == 3).any()
    layer.undo()
    np.testing.assert_array_equal(np.asarray(layer.data), before)


def test_a_stroke_of_a_read_only_layer_fails_as_before():
    values = _scene().data
    values.flags.writeable = False
    layer = Labels(values)
    set_locked(layer, 2, True)
    with pytest.raises(ValueError, match="read-only"):
        layer.paint((1, 10, 9), 3)
    assert voxel_counts(layer) == tally(values)


def test_rules_and_locks_go_with_their_layer():
    layer = _scene()
    allowed = np.ones(layer.data.shape, bool)
    restrict_strokes(layer, lambda box: allowed[box])
    set_locked(layer, 2, True)
    _stroke(layer, (1, 10, 9), value=3)
    gone = ref(layer)
    del layer
    gc.collect()
    assert gone() is None
