"""Answers that are not accepted yet: what they hold, and labels as they are with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.prompts import Prompt
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.turns import Turn, changed_box, overlaid

SHAPE = (8, 10)
WHOLE = tuple(slice(0, n) for n in SHAPE)


def clicks(*at):
    volume = Volume(np.zeros((1, *SHAPE), np.float32), (1.0, 1.0))
    return tuple(Prompt.drawn(volume, [one], 1) for one in at)


def turn(before, *voxels, value=1, box=WHOLE):
    after = before.copy()
    for voxel in voxels:
        after[voxel] = value
    return Turn.of(clicks((1, 1)), box, before, after)


@pytest.fixture
def empty():
    return np.zeros(SHAPE, np.uint8)


def test_a_turn_holds_no_more_than_what_changes(empty):
    one = turn(empty, (2, 3), (4, 7))
    assert one.box == (slice(2, 5), slice(3, 8))
    assert one.before.shape == one.after.shape == (3, 5)
    assert one.changes


def test_an_answer_of_a_part_lies_where_the_part_lies(empty):
    part = (slice(4, 8), slice(5, 10))
    one = turn(empty[part], (1, 2), box=part)
    assert one.box == (slice(5, 6), slice(7, 8))
    shown = overlaid(empty, [one])
    assert shown[5, 7] == 1
    assert shown.sum() == 1


def test_a_turn_does_not_follow_arrays_that_change_later(empty):
    after = empty.copy()
    after[2, 2] = 3
    one = Turn.of(clicks((2, 2)), WHOLE, empty, after)
    after[2, 2] = 5
    assert overlaid(empty, [one])[2, 2] == 3


def test_an_answer_that_changes_nothing_keeps_its_prompts_and_notes(empty):
    one = Turn.of(clicks((1, 1), (2, 2)), WHOLE, empty, empty.copy(), ("as it was",))
    assert not one.changes
    assert len(one.prompts) == 2
    assert one.notes == ("as it was",)
    assert changed_box([one]) is None
    np.testing.assert_array_equal(overlaid(empty, [one]), empty)


def test_labels_themselves_stay_as_they_are(empty):
    overlaid(empty, [turn(empty, (2, 3))])
    assert not empty.any()


def test_the_later_of_two_turns_is_laid_over_the_earlier(empty):
    first = turn(empty, (2, 3), (2, 4))
    second = turn(overlaid(empty, [first]), (2, 4), value=2)
    shown = overlaid(empty, [first, second])
    assert shown[2, 3] == 1
    assert shown[2, 4] == 2
    assert overlaid(empty, [first])[2, 4] == 1  # one is taken back
    assert changed_box([first, second]) == (slice(2, 3), slice(3, 5))


def test_what_somebody_painted_since_stays(empty):
    one = turn(empty, (2, 3), (2, 4))
    painted = empty.copy()
    painted[2, 3] = 7
    shown = overlaid(painted, [one])
    assert shown[2, 3] == 7
    assert shown[2, 4] == 1


def test_a_part_of_the_image_shows_its_part_of_the_turns(empty):
    one = turn(empty, (2, 3), (6, 8))
    box = (slice(4, 8), slice(4, 10))
    np.testing.assert_array_equal(overlaid(empty, [one], box), overlaid(empty, [one])[box])
    away = (slice(0, 2), slice(0, 2))
    assert not overlaid(empty, [one], away).any()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 4), packed=st.booleans())
def test_turns_one_after_the_other_are_the_last_answer_in_every_part(seed, count, packed):
    rng = np.random.default_rng(seed)
    states = [rng.integers(0, 3, SHAPE).astype(np.uint8)]
    turns = []
    for _ in range(count):
        after = np.where(rng.random(SHAPE) < 0.2, rng.integers(0, 3, SHAPE), states[-1])
        states.append(after.astype(np.uint8))
        turns.append(Turn.of((), WHOLE, states[-2], states[-1]))
    shown = [one.packed() for one in turns] if packed else turns
    np.testing.assert_array_equal(overlaid(states[0], shown), states[-1])
    low = rng.integers(0, SHAPE)
    high = rng.integers(low, SHAPE) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    np.testing.assert_array_equal(overlaid(states[0], shown, box), states[-1][box])
    changed = changed_box(turns)
    outside = np.ones(SHAPE, bool)
    if changed is not None:
        outside[changed] = False
    np.testing.assert_array_equal(states[0][outside], states[-1][outside])
