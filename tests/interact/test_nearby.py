"""What hangs together with a prompt: pieces by faces, and not quite touching ones."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.interact.nearby import changed_away, hanging_together


def at(shape, *places):
    mask = np.zeros(shape, bool)
    for place in places:
        mask[place] = True
    return mask


def test_pieces_hang_together_by_faces_and_through_the_prompt():
    mask = at((1, 9), np.s_[0, 1:3], np.s_[0, 4:6], np.s_[0, 7:9])
    found = hanging_together(mask, at((1, 9), (0, 3)))
    np.testing.assert_array_equal(found, at((1, 9), np.s_[0, 1:3], np.s_[0, 4:6]))
    corner = hanging_together(at((3, 3), (0, 0), (1, 1)), at((3, 3), (0, 0)))
    np.testing.assert_array_equal(corner, at((3, 3), (0, 0)))
    assert not hanging_together(mask, np.zeros((1, 9), bool)).any()


@pytest.mark.parametrize("shape", [(20, 20), (5, 20, 20)])
def test_changes_of_any_kind_are_away_unless_they_come_near_the_prompt(shape):
    lead = (2,) * (len(shape) - 2)
    before, after = np.zeros((2, *shape), np.uint8)
    before[(*lead, slice(12, 15), slice(2, 5))] = 2  # goes
    after[(*lead, slice(3, 6), slice(3, 9))] = 1  # comes, two voxels from the prompt
    away = changed_away(before, after, at(shape, (*lead, 4, 11)))
    np.testing.assert_array_equal(away, before == 2)
    assert not changed_away(after, after, at(shape, (*lead, 4, 11))).any()
