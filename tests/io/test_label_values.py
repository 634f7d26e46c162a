"""Which values of a file are labels, whatever type they are stored in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_medseg.io.label_values import as_labels

SHAPES = array_shapes(min_dims=3, max_dims=4, max_side=4).map(lambda shape: (1, *shape[1:]))


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint8, SHAPES, elements=st.integers(0, 100)),
    st.sampled_from(["u1", "i2", ">i2", "u4", ">u8", "i8", "f4", ">f8"]),
)
def test_whole_numbers_of_every_type_are_the_same_labels(values, dtype):
    labels = as_labels(values.astype(dtype), "x")
    np.testing.assert_array_equal(labels, values)
    assert (labels.dtype, labels.dtype.isnative) == (np.uint8, True)


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 9)), st.integers(2, 4))
def test_channels_that_are_equal_are_one(values, count):
    repeated = np.repeat(values, count, axis=0)
    np.testing.assert_array_equal(as_labels(repeated, "x"), values)
    repeated[-1].flat[-1] += 1
    with pytest.raises(ValueError, match=f"x has {count} different channels"):
        as_labels(repeated, "x")


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 255])))
def test_a_mask_of_255_is_one_of_1_and_labels_are_labels_when_read_again(values):
    labels = as_labels(values, "x")
    np.testing.assert_array_equal(labels, values > 0)
    np.testing.assert_array_equal(as_labels(labels, "x"), labels)


@pytest.mark.parametrize(
    ("highest", "dtype"),
    [(0, "u1"), (254, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4"), (2**32 - 1, "u4")],
)
def test_labels_take_the_smallest_type_that_holds_them(highest, dtype):
    for stored in ("u8", "f8"):
        labels = as_labels(np.array([[0, highest]], stored), "x")
        assert (labels.dtype, int(labels.max())) == (np.dtype(dtype), highest)


@pytest.mark.parametrize("dtype", ["bool", "u1"])
def test_yes_and_no_are_1_and_0(dtype):
    labels = as_labels(np.array([[0, 1]], dtype), "x")
    assert (labels.dtype, labels.tolist()) == (np.uint8, [[0, 1]])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 0.5], "not whole numbers"),
        ([0, np.inf], "NaN or infinite"),
        ([-1, 3], "negative values \\(down to -1\\)"),
        ([0, 1e12], "values up to 1e\\+12"),
    ],
)
def test_what_is_no_label_is_refused_with_the_name_of_the_file(values, words):
    with pytest.raises(ValueError, match=f"^scan .*{words}"):
        as_labels(np.array([values]), "scan")


@pytest.mark.parametrize(("share", "is_mask"), [(0.96, True), (0.94, False)])
def test_a_jpeg_is_a_mask_while_hardly_any_pixel_is_grey(share, is_mask):
    values = np.full((1, 10, 100), 100, np.uint8)
    values.flat[: int(1000 * share)] = 3
    values.flat[: int(500 * share)] = 250
    if is_mask:
        assert as_labels(values, "x", lossy=True).sum() == int(500 * share)
    else:
        with pytest.raises(ValueError, match="not a black and white mask"):
            as_labels(values, "x", lossy=True)
