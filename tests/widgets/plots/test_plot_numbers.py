"""Growing curves, boxes and swarms as plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.widgets.plots.five_numbers import FiveNumbers
from napari_medseg.widgets.plots.series import Series
from napari_medseg.widgets.plots.swarm import swarm


def test_a_curve_grows_and_keeps_its_points():
    series, expected = Series(), []
    for i in range(500):
        series.extend(i, i * i)
        expected.append(i * i)
    series.extend([500, 501], [np.nan, 7])
    assert len(series) == 502
    np.testing.assert_array_equal(series.x, np.arange(502))
    np.testing.assert_array_equal(series.y, [*expected, np.nan, 7])
    with pytest.raises(ValueError, match="as many places as values"):
        series.extend([1, 2], [3])


def test_a_box_is_that_of_tukey():
    box = FiveNumbers.of([1, 2, 3, 4, 5, 100, np.nan])
    assert (box.lower, box.median, box.upper) == (2.25, 3.5, 4.75)
    assert (box.low, box.high) == (1, 5)
    assert FiveNumbers.of([np.nan]) is None
    assert FiveNumbers.of([3.0]) == FiveNumbers(3, 3, 3, 3, 3)


@given(st.lists(st.integers(0, 60), max_size=40))
def test_points_of_a_swarm_do_not_cover_each_other_while_there_is_room(places):
    places = np.array(places, float)
    aside = swarm(places, 7.0, 7.0 * len(places) + 7)
    for i in range(len(places)):
        others = np.arange(len(places)) != i
        apart = np.maximum(np.abs(places - places[i]), np.abs(aside - aside[i]))[others]
        assert (apart >= 7 - 1e-9).all()
    assert (np.abs(swarm(places, 7.0, 20.0)) <= 20).all()


def test_a_swarm_leaves_what_is_no_number_where_it_is():
    aside = swarm(np.array([5, np.nan, 5, 5]), 4, 10)
    assert aside.tolist() == [0, 0, 4, -4]
