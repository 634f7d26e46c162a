"""Records: what is cut off or damaged is left out, and nothing before it is touched."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_medseg.journal import Record
from napari_medseg.journal.records import encode, read_records

WORDS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8)
JSON = WORDS | st.lists(WORDS, max_size=3)
ARRAYS = st.dictionaries(
    st.text(max_size=6),
    st.sampled_from([np.uint8, np.int16, np.uint32, np.float32, np.bool_]).flatmap(
        lambda kind: arrays(kind, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9))
    ),
    max_size=3,
)


def _read(content, **options):
    return [record for record, _ in read_records(io.BytesIO(content), **options)]


def _three():
    """Return three records: one of words alone, one with a small array, one with a zipped one."""
    values = np.arange(900, dtype=np.uint16).reshape(30, 30) % 7
    return [
        Record("words", {"n": 1}),
        Record("small", {"n": 2}, {"a": np.arange(5, dtype=np.int16)}),
        Record("large", {"n": 3}, {"a": values, "b": values.T[:2]}),
    ]


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=8), st.dictionaries(st.text(max_size=5), JSON, max_size=3), ARRAYS)
def test_any_record_comes_back_with_the_type_and_the_shape_of_its_arrays(kind, about, values):
    (read,) = _read(encode(Record(kind, about, values)))
    assert (read.kind, read.about, list(read.arrays)) == (kind, about, list(values))
    for name, array in values.items():
        assert (read.arrays[name].dtype, read.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read.arrays[name], array)


def test_cut_off_at_every_byte_it_reads_as_the_records_that_are_whole():
    parts = [encode(record) for record in _three()]
    ends = np.cumsum([len(part) for part in parts])
    content = b"".join(parts)
    for end in range(len(content) + 1):
        read = _read(content[:end])
        assert [record.about["n"] for record in read] == [1, 2, 3][: int((ends <= end).sum())]


def test_any_flipped_bit_is_noticed_and_costs_no_record_before_it():
    parts = [encode(record) for record in _three()]
    ends = np.cumsum([len(part) for part in parts])
    content = b"".join(parts)
    for place in range(len(content)):
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << place % 8
        before = int((ends <= place).sum())
        assert [record.about["n"] for record in _read(bytes(spoilt))] == [1, 2, 3][:before]


class _Meter(io.BytesIO):
    """Remembers the most that anybody asked for."""

    most = 0

    def read(self, size=-1):
        self.most = max(self.most, size)
        return super().read(size)


def test_a_damaged_length_asks_for_no_more_memory_than_the_file_is_long():
    content = encode(Record("words", {"n": 1})) + struct.pack("<II", 0xFFFFFFF0, 0) + b"rest"
    file = _Meter(content)
    assert len(list(read_records(file))) == 1
    assert file.most <= len(content)


def test_each_record_is_given_with_the_place_where_the_next_one_begins():
    parts = [encode(record) for record in _three()]
    file = io.BytesIO(b"before" + b"".join(parts))
    file.seek(6)
    ends = [end for _, end in read_records(file)]
    assert ends == (6 + np.cumsum([len(part) for part in parts])).tolist()


def test_without_arrays_the_words_are_the_same():
    content = b"".join(encode(record) for record in _three())
    read = _read(content, arrays=False)
    assert [record.about for record in read] == [record.about for record in _three()]
    assert all(not record.arrays for record in read)


@pytest.mark.parametrize("layout", ["C", "F", "reversed", "every other"])
def test_how_an_array_lies_in_memory_does_not_matter(layout):
    values = np.arange(24 * 30, dtype=np.int32).reshape(24, 30)
    stored = {
        "C": values,
        "F": np.asfortranarray(values),
        "reversed": values[::-1, ::-1],
        "every other": values[::2, 1::3],
    }[layout]
    (read,) = _read(encode(Record("x", {}, {"a": stored})))
    np.testing.assert_array_equal(read.arrays["a"], stored)


def test_a_large_step_of_one_value_is_small_on_disk():
    whole = np.ones((50, 100, 100), np.uint8)
    assert len(encode(Record("x", {}, {"a": whole}))) < whole.nbytes / 50
