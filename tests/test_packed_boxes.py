"""Boxes, bits and dabs: what is split, moved or joined holds what it held before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.edits import Edits, Piece, net
from napari_medseg.packed import (
    Bits,
    PackedArray,
    PackedMask,
    blocks_of,
    bounding_box,
    box_around,
    moved,
    shape_of,
    within,
)

SEEDS = st.integers(0, 2**32)


def _box(rng, shape):
    low = [int(rng.integers(0, n)) for n in shape]
    return tuple(slice(a, int(rng.integers(a + 1, n + 1))) for a, n in zip(low, shape, strict=True))


def _whole(shape):
    return tuple(slice(0, n) for n in shape)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([(9, 20), (5, 8, 13)]), st.integers(1, 9), st.floats(0, 0.4))
def test_blocks_hold_all_that_is_set_once_and_are_tight(seed, shape, side, share):
    mask = np.random.default_rng(seed).random(shape) < share
    held = np.zeros(shape, int)
    for box in blocks_of(mask, side):
        assert max(shape_of(box)) <= side
        assert bounding_box(mask[box]) == _whole(shape_of(box))
        held[box] += 1
    assert held.max(initial=0) <= 1
    np.testing.assert_array_equal(mask & (held == 1), mask)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_box_in_a_box_lies_where_it_lies_in_the_whole(seed):
    rng = np.random.default_rng(seed)
    whole = np.arange(6 * 9 * 14).reshape(6, 9, 14)
    outer = _box(rng, whole.shape)
    inner = _box(rng, shape_of(outer))
    np.testing.assert_array_equal(whole[moved(inner, outer)], whole[outer][inner])
    assert within(moved(inner, outer), outer) == inner
    assert shape_of(moved(inner, outer)) == shape_of(inner) == whole[outer][inner].shape


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_what_was_read_of_a_mask_can_be_put_back(seed):
    rng, shape = np.random.default_rng(seed), (3, 5, 19)
    mask, box = PackedMask(shape), _box(rng, shape)
    if rng.random() < 0.7:
        mask.add(Bits.of(_whole(shape), rng.random(shape) < 0.4))
    before, kept = mask.get(_whole(shape)), mask.read(box)
    mask.add(Bits.of(box))
    mask.remove(Bits.of(box, rng.random(shape_of(box)) < 0.5))
    mask.write(box, kept)
    np.testing.assert_array_equal(mask.get(_whole(shape)), before)


def test_what_was_read_of_a_mask_is_a_copy():
    mask, box = PackedMask((2, 9)), _whole((2, 9))
    mask.add(Bits.of(box))
    kept = mask.read(box)
    mask.remove(Bits.of(box))
    assert kept.all()
    kept[:] = 0
    mask.add(Bits.of(box))
    assert mask.count_with(PackedMask((2, 9))) == 18


def test_an_empty_mask_that_is_written_empty_takes_no_memory():
    mask, box = PackedMask((100, 200)), (slice(3, 4), slice(10, 90))
    mask.write(box, mask.read(box))
    assert mask.nbytes == 0


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_the_box_around_several_masks_holds_all_of_them_and_stays_inside(seed):
    rng, shape = np.random.default_rng(seed), (4, 6, 21)
    masks, plain = [PackedMask(shape) for _ in range(3)], np.zeros(shape, bool)
    for mask in masks[:2]:
        box = _box(rng, shape)
        mask.add(Bits.of(box))
        plain[box] = True
    box = _box(rng, shape)
    around = box_around(masks, box)
    assert (around is None) == (not plain[box].any())
    if around is not None:
        tight = moved(bounding_box(plain[box]), box)
        for found, needed, asked in zip(around, tight, box, strict=True):
            assert asked.start <= found.start <= needed.start
            assert needed.stop <= found.stop <= asked.stop
        assert (around[0], around[1]) == (tight[0], tight[1])


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3, 4)])
@pytest.mark.parametrize("small", [0, 1 << 20])
def test_an_array_of_any_shape_comes_back_zipped_or_not(shape, small):
    values = np.random.default_rng(0).integers(-9, 9, shape, dtype=np.int16)
    packed = PackedArray(values, small)
    read = np.asarray(packed)
    assert (read.shape, read.dtype) == (values.shape, values.dtype)
    np.testing.assert_array_equal(read, values)
    assert np.array(packed).flags.writeable


def test_an_array_keeps_what_it_was_when_it_was_packed():
    values = np.arange(9)
    packed = PackedArray(values)
    values[:] = 0
    np.testing.assert_array_equal(np.asarray(packed), np.arange(9))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 7), st.sampled_from([(6, 30), (4, 6, 19)]))
def test_dabs_put_together_hold_each_voxel_once_with_its_oldest_value(seed, count, shape):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, shape).astype(np.uint8)
    first, touched, dabs = labels.copy(), np.zeros(shape, bool), []
    for _ in range(count):
        box = _box(rng, shape)
        mask = rng.random(shape_of(box)) < 0.5
        dabs.append(Piece(box, mask, labels[box][mask]))
        labels[box][mask] = rng.integers(0, 5)
        touched[box] |= mask
    seen = np.zeros(shape, int)
    for piece in net(dabs):
        assert piece.old.shape == (piece.mask.sum(),)
        seen[piece.box] += piece.mask
        labels[piece.box][piece.mask] = piece.old
    np.testing.assert_array_equal(seen, touched)  # once each, and no other
    np.testing.assert_array_equal(labels, first)


def test_dabs_that_overlap_far_from_each_other_are_told_apart():
    shape = (1000, 1000)
    corners = [(0, 0), (990, 990), (1, 1), (989, 989)]
    labels, dabs = np.zeros(shape, np.uint8), []
    for value, (row, column) in enumerate(corners, 1):
        box = (slice(row, row + 4), slice(column, column + 4))
        dabs.append(Piece(box, np.ones((4, 4), bool), labels[box].ravel().copy()))
        labels[box] = value
    together = net(dabs)
    assert sum(piece.mask.size for piece in together) < 200
    assert sum(int(piece.mask.sum()) for piece in together) == (labels > 0).sum()
    assert all((piece.old == 0).all() for piece in together)


def test_a_model_that_may_not_touch_a_locked_class_differs_from_it_there():
    shown = np.zeros((6, 20), np.uint8)
    shown[:, 3:8] = 2  # locked
    edits, box = Edits(shown.shape), (slice(1, 5), slice(0, 20))
    answer = np.ones((4, 20), np.uint8)
    now = np.where(shown[box] == 2, 2, answer)
    over = shown[box] == 0
    held = (slice(0, 4), slice(3, 8))
    change = edits.answer(box, answer, now, [Piece(box, over, shown[box][over])], held)
    after = shown.copy()
    after[box] = now
    changed = edits.changed(_whole(after.shape), after)
    np.testing.assert_array_equal(changed[box], now != answer)
    assert not changed[0].any()
    edits.undo(change)
    assert not edits.changed(_whole(after.shape), shown).any()
    edits.redo(change)
    np.testing.assert_array_equal(edits.changed(_whole(after.shape), after), changed)


def test_marks_of_a_box_do_not_touch_what_lies_beyond_its_bytes():
    edits, other = Edits((4, 40)), Edits((4, 40))
    edits.confirm((slice(1, 2), slice(8, 16)))
    other.confirm((slice(0, 4), slice(24, 40)))
    other.restore((slice(0, 2), slice(8, 16)), edits.marks((slice(0, 2), slice(8, 16))))
    reviewed = other.reviewed(_whole((4, 40)))
    assert reviewed[1, 8:16].all()
    assert reviewed[:, 24:].all()
    assert reviewed.sum() == 8 + 64
