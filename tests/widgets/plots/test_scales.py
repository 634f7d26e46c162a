"""Axes, thinned curves, boxes and swarms as plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.widgets.plots.five_numbers import FiveNumbers
from napari_medseg.widgets.plots.scale import Scale
from napari_medseg.widgets.plots.series import Series, runs, thinned
from napari_medseg.widgets.plots.swarm import swarm

NUMBERS = st.floats(-1e8, 1e8, allow_subnormal=False)


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.integers(2, 12))
def test_every_value_is_on_the_axis_and_its_numbers_are_round_and_ascend(values, most):
    scale = Scale.around(values)
    assert (scale.along(values) >= 0).all()
    assert (scale.along(values) <= 1).all()
    ticks = [tick.value for tick in scale.ticks(most)]
    assert len(ticks) <= most + 1
    assert ticks == sorted(set(ticks))
    width = scale.high - scale.low
    assert all(scale.low - 1e-5 * width <= t <= scale.high + 1e-5 * width for t in ticks)


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20), st.integers(2, 12))
def test_a_logarithmic_axis_holds_what_is_positive(values, most):
    scale = Scale.around([*values, 0.0, -3.0, np.nan, np.inf], log=True)
    assert (scale.along(values) >= 0).all()
    assert (scale.along(values) <= 1).all()
    assert np.isnan(scale.along([0.0, -3.0])).all()
    assert all(scale.low <= tick.value <= scale.high * 1.000001 for tick in scale.ticks(most))


@pytest.mark.parametrize(
    ("scale", "most", "texts"),
    [
        (Scale(0, 1), 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (Scale(-30, 1200), 3, ["0", "500", "1,000"]),
        (Scale(0.1, 100, log=True), 5, ["0.1", "1", "10", "100"]),
        (Scale(0.1, 12, log=True), 9, ["0.1", "0.2", "0.5", "1", "2", "5", "10"]),
        (Scale(1e-8, 1e8, log=True), 4, ["1e-08", "0.001", "100", "1e+07"]),
        (Scale(0, 5e7), 2, ["0", "5e+07"]),
        (Scale(2, 5, log=True), 4, ["2", "3", "4", "5"]),
    ],
)
def test_numbers_beside_an_axis_are_those_people_expect(scale, most, texts):
    assert [tick.text for tick in scale.ticks(most)] == texts


def test_what_counts_has_no_fractions():
    assert [tick.text for tick in Scale(1, 4).ticks(12, whole=True)] == ["1", "2", "3", "4"]


def test_an_axis_ends_where_values_must_end_unless_they_do_not():
    scale = Scale.around([0.3, 0.99], least=0, most=1)
    assert (scale.high, scale.low > 0) == (1.0, True)
    assert Scale.around([0.3, 1.2], most=1).high > 1.2
    assert Scale.around([5, 5]) == Scale(2.5, 7.5)
    assert Scale.around([]) == Scale(0, 1)
    assert Scale.around([np.nan], log=True).log


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_an_axis_that_leads_nowhere_is_refused(ends):
    with pytest.raises(ValueError, match="upwards"):
        Scale(*ends)
    with pytest.raises(ValueError, match="above 0"):
        Scale(0, 1, log=True)


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


@given(st.integers(0, 5000), st.integers(1, 40))
def test_a_thinned_curve_keeps_the_extremes_of_every_column_of_pixels(count, width):
    rng = np.random.default_rng(count)
    x, y = np.sort(rng.uniform(0, width, count)), rng.normal(size=count)
    across, down = thinned(x, y)
    assert len(across) <= max(8 * width + 8, min(count, 8 * width))
    for column in np.unique(np.floor(x)):
        before, after = y[np.floor(x) == column], down[np.floor(across) == column]
        assert (before.min(), before.max()) == (after.min(), after.max())
        assert (before[0], before[-1]) == (after[0], after[-1])


def test_thinning_closes_gaps_narrower_than_a_pixel_and_keeps_the_others():
    x, y = np.linspace(0, 3.99, 400), np.ones(400)
    y[::2], y[100:200] = np.nan, np.nan
    across, down = thinned(x, y)
    assert across.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
    assert np.isnan(down).tolist() == [False] * 4 + [True] * 4 + [False] * 8


def test_a_curve_that_turns_back_is_not_thinned():
    x = np.tile([0.0, 1.0], 100)
    assert thinned(x, x)[0] is x


def test_gaps_part_a_curve():
    parts = list(runs(np.array([np.nan, 1, 2, np.nan, np.nan, 3, np.inf])))
    assert parts == [slice(1, 3), slice(5, 6)]
    assert list(runs(np.array([]))) == []


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
