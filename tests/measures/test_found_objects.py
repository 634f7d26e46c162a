"""The connected objects of a label image, found at once for all classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medseg.measures.objects import centre_of, found_in


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 0, 0, 1, 2])))
def test_the_objects_of_a_class_are_its_voxels_each_once(labels):
    found = found_in(labels)
    assert found.counts.sum() == np.count_nonzero(labels)
    for label in (1, 2):
        drawn = np.zeros(labels.shape, int)
        for index in found.of(label):
            drawn[found.box(index)] += found.mask(index)
            assert found.counts[index] == found.mask(index).sum()
        np.testing.assert_array_equal(drawn, labels == label)
        assert (np.diff(found.counts[found.of(label)]) <= 0).all()  # the largest first


def test_without_a_class_nothing_is_found():
    assert found_in(np.zeros((3, 4), np.uint8)).of(1).size == 0


def test_a_centre_is_said_in_the_whole_array():
    mask = np.array([[True, True, False], [True, True, False]])
    assert centre_of(mask, (slice(10, 12), slice(20, 23))) == pytest.approx([10.5, 20.5])
