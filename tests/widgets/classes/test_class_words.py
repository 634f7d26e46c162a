"""Sizes and sentences as people read them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.classes.words import protected_words, size_of_voxel, size_words


@pytest.mark.parametrize(
    ("size", "unit", "words"),
    [
        (0, "mm³", "0 mm³"),
        (0.524, "mm³", "0.52 mm³"),
        (34.56, "mm³", "34.6 mm³"),
        (999, "mm³", "999 mm³"),
        (12_345, "mm³", "12.3 ml"),
        (1_234_567, "mm³", "1,235 ml"),
        (999, "mm²", "999 mm²"),
        (1234, "mm²", "12.3 cm²"),
    ],
)
def test_sizes_are_rounded_to_what_they_mean(size, unit, words):
    assert size_words(size, unit) == words


def test_a_voxel_has_the_volume_of_its_sides_and_a_pixel_an_area():
    volume = Labels(np.zeros((3, 4, 5), np.uint8), scale=(2, 0.5, 0.5), units="mm")
    assert size_of_voxel(volume) == (0.5, "mm³")
    micro = Labels(np.zeros((4, 5), np.uint8), scale=(500, 500), units="um")
    assert size_of_voxel(micro) == (pytest.approx(0.25), "mm²")
    one_step = Labels(np.zeros((1, 3, 4, 5), np.uint8), scale=(1, 2, 1, 1), units="mm")
    assert size_of_voxel(one_step) == (2, "mm³")


def test_where_there_is_no_size_the_reason_is_said():
    assert "how large a voxel is" in size_of_voxel(Labels(np.zeros((3, 4, 5), np.uint8)))[1]
    steps = Labels(np.zeros((2, 3, 4, 5), np.uint8), units="mm")
    assert size_of_voxel(steps)[0] == 0
    assert "time steps" in size_of_voxel(steps)[1]


def test_what_stayed_as_it_was_is_said_in_one_short_line():
    classes = [
        LabelClass(value=1, name="liver"),
        LabelClass(value=2, name="left ventricle of the lateral horn of the brain"),
    ]
    assert protected_words(classes, {1}, 1) == "1 voxel kept: 'liver' is locked"
    words = protected_words(classes, {1, 2}, 12_345)
    assert words == "12,345 voxels kept: 'liver' and 'left ventricle of the …' are locked"
    assert protected_words(classes, {0}, 2) == "2 voxels kept: the background is locked"
    assert "outside of what may be painted" in protected_words(classes, set(), 2)
