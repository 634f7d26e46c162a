"""Doubt in a model: how deep prompts lie in what it has wrong, not how many there are."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.interact.anchors import anchors_of
from napari_medseg.interact.belief import doubt_of
from napari_medseg.interact.seeds import FREE, Seeds


def disc(radius, shape=(60, 60)):
    rows, columns = np.indices(shape)
    return (np.hypot(rows - shape[0] // 2, columns - shape[1] // 2) <= radius).astype(np.uint8)


def doubt(own, *said, spacing=(1.0, 1.0), values=(0, 1, 2), asked=True):
    """Return the doubt in labels because of prompts ``(voxel, class)``, and one for a class."""
    required = np.full(own.shape, FREE, np.int32)
    own = own.copy()
    far = (-1,) * own.ndim
    own[far] = 1  # the model agrees with it
    required[far] = 1 if asked else FREE
    for voxel, value in said:
        required[voxel] = value
    seeds = Seeds(tuple(slice(0, n) for n in own.shape), required, {})
    return doubt_of(anchors_of(seeds, spacing, own, values, own), own, spacing)


def test_prompts_the_model_agrees_with_raise_none():
    assert doubt(disc(12)) == 0
    assert doubt(disc(12), ((30, 30), 1), ((3, 3), 0)) == 0


def test_many_errors_at_the_border_of_an_object_raise_none():
    rim = [((30, 42), 0), ((18, 30), 0), ((30, 43), 1), ((17, 30), 1)]
    assert doubt(disc(12), *rim) == 0


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.3, 0.3)])
def test_one_error_in_the_middle_of_an_object_raises_it_fully_in_any_unit(spacing):
    assert doubt(disc(12), ((30, 30), 0), spacing=spacing) == 1
    some = doubt(disc(12), ((30, 37), 0), spacing=spacing)
    assert 0 < some < 1
    assert doubt(disc(12), ((30, 39), 0), spacing=spacing) < some


def test_a_model_that_finds_nothing_is_doubted_by_the_first_prompt():
    assert doubt(np.zeros((60, 60), np.uint8), ((30, 30), 1)) == 1


def test_before_a_class_is_asked_for_there_is_none_so_that_nothing_is_erased_as_a_whole():
    assert doubt(disc(12), ((30, 30), 0), asked=False) == 0
    assert doubt(disc(12), ((30, 30), 0), ((30, 20), 1), asked=False) == 1
    ball = np.stack([disc(12)] * 25)
    said = ((12, 30, 30), 0)
    assert doubt(ball, said, spacing=(1.0, 1.0, 1.0), asked=False) > 0  # a volume


def test_a_class_found_everywhere_does_not_make_objects_look_large():
    own = np.ones((60, 60), np.uint8)
    own[10:20, 10:20] = 2
    own[:, -20:] = 0
    alone = np.where(own == 2, 1, own)
    assert doubt(own, ((40, 28), 0)) > doubt(alone, ((40, 28), 0)) > 0


def test_deep_is_measured_from_where_the_model_agrees_whatever_is_shown_now():
    own = disc(12)
    required = np.full(own.shape, FREE, np.int32)
    required[30, 30] = 0
    seeds = Seeds(tuple(slice(0, n) for n in own.shape), required, {})
    corrected = np.zeros_like(own)
    anchors = anchors_of(seeds, (1.0, 1.0), corrected, (0, 1), own)
    assert anchors.wrong[0] == pytest.approx(13, abs=1)
    assert anchors_of(seeds, (1.0, 1.0), corrected, (0, 1)).wrong[0] == 0
