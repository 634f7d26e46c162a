"""Where a prediction is wrong, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.differences import (
    BOTH,
    DIFFERENCES,
    MISSED,
    NOTHING,
    TOO_MUCH,
    differences,
)
from napari_medseg.engine.metrics import counts


def test_every_kind_of_voxel_has_its_value():
    result = differences(np.array([[0, 2, 2, 0]]), np.array([[0, 2, 0, 2]]), 2)
    assert result.tolist() == [[NOTHING, BOTH, TOO_MUCH, MISSED]]
    assert result.dtype == np.uint8
    assert set(DIFFERENCES) == {BOTH, TOO_MUCH, MISSED}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), dtype=st.sampled_from([np.uint8, np.int64, np.uint16, bool]))
def test_the_differences_are_the_counts(seed, dtype):
    random = np.random.default_rng(seed)
    pair = random.integers(0, 3, (2, 4, 5, 6)).astype(dtype)
    number = counts(*pair, 1)
    found = np.bincount(differences(*pair, 1).ravel(), minlength=4)
    assert found.tolist() == [number.tn, number.tp, number.fp, number.fn]


def test_other_grids_are_refused():
    with pytest.raises(ValueError, match="same grid"):
        differences(np.zeros((2, 3)), np.zeros((3, 2)), 1)
