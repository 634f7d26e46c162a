"""Numbers of many cases in a few: order, scale, and what has no number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.evaluation_statistics import CASES_FOR_INTERVAL, summarise

values = st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=1, max_size=12)
NAMES = ("mean", "median", "lower", "upper", "least", "most")


@settings(max_examples=40, deadline=None)
@given(values)
def test_the_numbers_stand_in_their_order(numbers):
    found = summarise(numbers)
    ordered = [found.least, found.lower, found.median, found.upper, found.most]
    assert ordered == sorted(ordered)
    assert found.least - 1e-9 <= found.mean <= found.most + 1e-9
    assert (found.interval is not None) == (len(numbers) >= CASES_FOR_INTERVAL)
    if found.interval:
        low, high = found.interval
        assert found.least - 1e-9 <= low <= high <= found.most + 1e-9


@settings(max_examples=30, deadline=None)
@given(values)
def test_scaled_and_moved_cases_have_a_scaled_and_moved_summary(numbers):
    found = summarise(numbers)
    after = summarise([3 * number - 7 for number in numbers])
    for name in NAMES:
        assert getattr(after, name) == pytest.approx(3 * getattr(found, name) - 7)
    if found.interval:
        assert after.interval == pytest.approx([3 * bound - 7 for bound in found.interval])


@settings(max_examples=30, deadline=None)
@given(values, st.integers(1, 4))
def test_cases_without_a_number_are_counted_and_change_nothing_else(numbers, more):
    found, after = summarise(numbers), summarise([math.nan] * more + numbers)
    assert (after.count, after.left_out) == (len(numbers), more)
    assert [getattr(after, name) for name in NAMES] == [getattr(found, name) for name in NAMES]
    assert after.interval == found.interval


def test_cases_that_agree_leave_no_doubt():
    found = summarise([0.75] * 8)
    assert found.interval == pytest.approx((0.75, 0.75))


def test_the_interval_is_the_same_each_time_and_near_that_of_the_normal():
    numbers = np.random.default_rng(0).normal(2, 1, 200)
    found = summarise(numbers)
    assert found == summarise(numbers)
    wide = 1.96 * numbers.std() / np.sqrt(200)
    assert found.interval == pytest.approx((numbers.mean() - wide, numbers.mean() + wide), abs=0.03)
