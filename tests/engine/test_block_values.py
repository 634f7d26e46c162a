"""Pieces get the values they have within the whole image, whatever its type and the card's rule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.block_counts import Counts
from napari_medseg.engine.block_values import Values, measure_values
from napari_medseg.engine.card import Preprocessing
from napari_medseg.engine.preprocess import normalise_values
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

RULES = {
    "as it is": {"normalise": "none"},
    "zscore": {},
    "unit range": {"normalise": "none", "unit_range": True},
    "percentiles": {"clip_percentiles": (0.5, 99.5)},
    "clipped": {"clip": (-20.0, 30.0), "normalise": "fixed", "mean": (3.0,), "std": (7.0,)},
    "all": {"unit_range": True, "clip": (0.0, 0.9), "clip_percentiles": (2.0, 90.0), "bgr": True},
    "per channel": {"normalise": "fixed", "mean": (3.0, 4.0), "std": (7.0, 8.0)},
}


def image(dtype, channels=2):
    values = np.random.default_rng(3).gamma(2.0, 20.0, (channels, 9, 17, 13))
    values[1] *= 0.7
    if np.dtype(dtype).kind != "u":
        values -= 30
    return values.astype(dtype)


def pieces_of(array, side=5):
    def pieces():
        starts = [range(0, n, side) for n in array.shape[1:]]
        for corner in itertools.product(*starts):
            yield array[(slice(None), *(slice(c, c + side) for c in corner))]

    return pieces


def measured(array, rule, **more):
    return measure_values(pieces_of(array), array.dtype, len(array), Preprocessing(**rule), **more)


def in_memory(array, rule, **more):
    values, notes = normalise_values(Volume(array, (1.0,) * 3), Preprocessing(**rule), **more)
    return (values[::-1] if rule.get("bgr") else values), notes


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"]
)
def test_pieces_get_the_values_they_have_in_the_whole_image(dtype, rule):
    array = image(dtype)
    whole, notes = in_memory(array, rule)
    values = measured(array, rule)
    for found, expected in zip(
        map(values.apply, pieces_of(array)()), pieces_of(whole)(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert list(values.notes) == notes


@pytest.mark.parametrize("rule", [{}, {"clip_percentiles": (1.0, 80.0)}])
def test_nan_and_infinite_voxels_are_filled_with_the_smallest_of_the_whole_image(rule):
    array = image("float32")
    array[0, 2, 3, 4], array[1, 8, 16, 12], array[1, 0] = np.nan, np.inf, -np.inf
    whole, notes = in_memory(array, rule)
    values = measured(array, rule)
    np.testing.assert_array_equal(values.apply(array), whole)
    assert list(values.notes) == notes


def test_values_too_large_for_a_network_are_filled_as_in_the_whole_image():
    array = image("float64")
    array[0, 0, 0, 0] = 1e300
    np.testing.assert_array_equal(measured(array, {}).apply(array), in_memory(array, {})[0])


def test_a_channel_that_is_not_there_says_nothing_about_the_others():
    array = image("float32")
    array[1] = np.nan
    whole, _ = in_memory(array, {}, may_miss=True)
    values = measured(array, {}, may_miss=True)
    assert values.missing == (1,)
    np.testing.assert_array_equal(values.apply(array), whole)


def test_values_survive_json():
    array = image("float32")
    values = measured(array, RULES["all"])
    assert Values.from_dict(values.to_dict()) == values


def test_an_image_is_not_read_where_the_card_asks_for_no_statistics():
    def none():
        raise AssertionError("read")
        yield

    rule = Preprocessing(normalise="fixed", mean=(3.0,), std=(2.0,), unit_range=True)
    values = measure_values(none, np.dtype("uint16"), 2, rule)
    assert values.scale == 65535
    assert values.mean == (3.0, 3.0)


@pytest.mark.parametrize(("value", "words"), [(np.nan, "no finite value"), (7, "has the value 7")])
def test_an_image_that_shows_nothing_is_refused(value, words):
    array = np.full((1, 4, 4, 4), value, np.float32)
    with pytest.raises(ValueError, match=words):
        measured(array, {}, name="case 7")


def test_a_card_for_other_channels_is_refused():
    rule = {"normalise": "fixed", "mean": (1.0, 2.0, 3.0), "std": (1.0, 1.0, 1.0)}
    with pytest.raises(ValueError, match="3 channels"):
        measured(image("uint8"), rule)


def test_counting_can_be_cancelled():
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        measured(image("uint8"), {}, report=stop)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=3, max_size=60),
    st.data(),
)
def test_ranks_of_floats_are_those_of_the_sorted_image(numbers, data):
    array = np.array(numbers, np.float32).reshape(1, -1)
    finite = np.isfinite(array)
    fill = float(array[finite].min()) if finite.any() else 0.0
    counts = Counts.none(array.dtype, 1)
    for part in np.array_split(array, 3, axis=1):
        counts.add(part)
    ranks = data.draw(st.lists(st.integers(0, len(numbers) - 1), min_size=1, max_size=4))
    expected = np.sort(np.where(finite, array, np.float32(fill)))[:, ranks]
    np.testing.assert_array_equal(
        counts.ranked(ranks, fill, np.array_split(array, 3, axis=1)), expected
    )
