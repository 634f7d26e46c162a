"""Masks of a bit for each voxel and compressed arrays hold exactly what numpy's would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.packed import Bits, PackedArray, PackedMask, bounding_box, box_around, within

SHAPES = st.lists(st.integers(1, 19), min_size=2, max_size=4).map(tuple)


@st.composite
def boxes(draw, shape):
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return tuple(
        slice(a, b) if b > a else slice(0, n) for (a, b), n in zip(ends, shape, strict=True)
    )


@settings(deadline=None)
@given(st.data(), SHAPES, st.integers(0, 2**32))
def test_a_packed_mask_is_a_mask(data, shape, seed):
    rng = np.random.default_rng(seed)
    packed, plain = PackedMask(shape), np.zeros(shape, bool)
    for _ in range(data.draw(st.integers(0, 6))):
        box = data.draw(boxes(shape))
        part = data.draw(st.sampled_from([None, rng.random(plain[box].shape) < 0.5]))
        if data.draw(st.booleans()):
            packed.add(Bits.of(box, part))
            plain[box] |= True if part is None else part
        else:
            packed.remove(Bits.of(box, part).stored())
            plain[box] &= False if part is None else ~part
    box = data.draw(boxes(shape))
    np.testing.assert_array_equal(packed.get(box), plain[box])
    assert packed.count_with(PackedMask(shape)) == plain.sum()
    around = box_around([packed], box)
    assert (around is None) == (not plain[box].any())
    if around is not None:
        assert plain[around].sum() == plain[box].sum()
        np.testing.assert_array_equal(plain[box][within(around, box)], plain[around])
        assert all(
            a.start >= b.start and a.stop <= b.stop for a, b in zip(around, box, strict=True)
        )


@settings(deadline=None)
@given(SHAPES, st.integers(0, 2**32))
def test_two_masks_are_counted_as_one(shape, seed):
    rng = np.random.default_rng(seed)
    whole = tuple(slice(0, n) for n in shape)
    first, second = (rng.random(shape) < 0.3 for _ in range(2))
    masks = PackedMask(shape), PackedMask(shape)
    assert masks[0].count_with(masks[1]) == 0
    masks[0].add(Bits.of(whole, first))
    masks[1].add(Bits.of(whole, second))
    assert masks[0].count_with(masks[1]) == (first | second).sum()


@settings(deadline=None)
@given(st.data(), SHAPES, st.integers(0, 2**32))
def test_bits_are_counted_together_and_taken_from_each_other(data, shape, seed):
    rng, box = np.random.default_rng(seed), data.draw(boxes(shape))
    first, second = (rng.random(shape)[box] < 0.5 for _ in range(2))
    bits = Bits.of(box, first), Bits.of(box, second)
    np.testing.assert_array_equal((bits[0] & bits[1]).mask(box), first & second)
    np.testing.assert_array_equal((bits[0] - bits[1].stored()).mask(box), first & ~second)
    assert bits[0].any() == first.any()
    assert Bits.of(box).mask(box).all()
    assert not Bits.none(box).mask(box).any()


def test_a_mask_takes_no_memory_before_it_is_written():
    mask = PackedMask((200, 512, 512))
    assert mask.nbytes == 0
    box = (slice(3, 4), slice(10, 20), slice(30, 40))
    assert not mask.get(box).any()
    mask.remove(Bits.of(box))
    assert mask.nbytes == 0
    mask.add(Bits.of(box))
    assert mask.nbytes == 200 * 512 * 64


@settings(deadline=None)
@given(SHAPES, st.integers(0, 2**32))
def test_the_box_around_a_mask_is_the_smallest(shape, seed):
    mask = np.random.default_rng(seed).random(shape) < 0.1
    box = bounding_box(mask)
    if box is None:
        assert not mask.any()
        return
    assert mask[box].sum() == mask.sum()
    for axis in range(mask.ndim):
        for side in (0, -1):
            assert mask[box].take(side, axis).any()


@pytest.mark.parametrize("shape", [(3, 4), (300, 80, 90)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_a_packed_array_comes_back_exactly(shape, dtype):
    values = np.zeros(shape, dtype)
    values[1:, 2:] = 7
    packed = PackedArray(values.T)
    np.testing.assert_array_equal(np.asarray(packed), values.T)
    assert np.asarray(packed).dtype == dtype
    assert np.asarray(packed, dtype=float).dtype == float
    assert packed.nbytes <= max(values.nbytes // 50, 100)
