"""Objects are numbered as scipy numbers them, on all sides and in 2D and 3D."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.editing.connected import connected


@pytest.mark.parametrize("touching", ["corners", "edges", "faces"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_objects_are_those_of_scipy(ndim, touching):
    rng = np.random.default_rng(0)
    reach = {"corners": ndim, "edges": min(ndim, 2), "faces": 1}[touching]
    structure = ndimage.generate_binary_structure(ndim, reach)
    for _ in range(150):
        mask = rng.random(rng.integers(1, 10, ndim)) > rng.choice([0.3, 0.6, 0.9])
        expected, count = ndimage.label(mask, structure)
        numbers, found = connected(mask, touching)
        assert found == count
        assert numbers.shape == mask.shape
        np.testing.assert_array_equal(numbers > 0, mask)
        pairs = {(int(a), int(b)) for a, b in zip(numbers[mask], expected[mask], strict=True)}
        assert len(pairs) == count  # each object of ours is one of theirs


def test_neighbours_of_different_classes_are_different_objects():
    labels = np.array([[1, 1, 2], [0, 0, 2], [1, 0, 2]], np.uint8)
    numbers, count = connected(labels)
    assert count == 3
    assert len({int(numbers[0, 0]), int(numbers[0, 2]), int(numbers[2, 0])}) == 3
    assert numbers[0, 0] == numbers[0, 1]


def test_an_unknown_word_is_said():
    with pytest.raises(ValueError, match="corners, edges, faces; got 'sides'"):
        connected(np.ones((2, 2), bool), "sides")
