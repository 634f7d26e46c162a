"""Colours of classes are told apart with and without the cones for red and green."""

from __future__ import annotations

from itertools import combinations

import pytest

from napari_medseg.engine.cases import PALETTE as OF_CARDS
from napari_medseg.widgets.classes.palette import PALETTE, difference, next_colour


def test_any_two_colours_of_the_palette_are_told_apart_by_everybody():
    assert min(difference(one, other) for one, other in combinations(PALETTE, 2)) >= 17


def test_grey_and_purple_are_taken_for_each_other_by_those_without_green():
    assert difference("#cc79a7", "#999999") < 10  # so the grey of the cards is not in the palette
    assert difference("#cc79a7", "#0072b2") > 17
    assert difference("#123456", "#123456") == 0


@pytest.mark.parametrize("begin", [[], ["#e69f00"], ["#ffffff", "#000000"]])
def test_classes_added_one_by_one_get_different_colours(begin):
    taken = list(begin)
    for _ in range(15):
        taken.append(next_colour(taken))
    assert min(difference(one, other) for one, other in combinations(taken, 2)) >= 17


def test_the_first_colours_are_those_of_models_and_new_ones_never_end():
    taken = []
    for _ in range(40):
        taken.append(next_colour(taken))
    assert tuple(taken[:7]) == OF_CARDS[:7]
    assert set(taken) == set(PALETTE)
