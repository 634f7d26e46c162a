"""Prompts are data: through JSON, onto any grid, and a sentence where they make no sense."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.interact.prompts import KINDS, Prompt
from napari_medseg.volume import Volume, canonical_affine

CORNERS = [[2, 3, 4], [4, 5, 9]]


def image(*shape, spacing=None, affine=None):
    given = {} if affine is None else {"affine": affine}
    return Volume(np.zeros((1, *shape), np.float32), spacing or (1.0,) * len(shape), **given)


def shown(prompt, volume):
    whole = np.zeros(volume.shape, bool)
    box, mask = prompt.voxels(volume)
    whole[box] = mask
    return whole


PROMPTS = [
    Prompt(kind="point", value=2, points=((1.0, -2.0, 3.5),), radius=1.5, time=12.0),
    Prompt(kind="scribble", value=1, points=((0, 0, 0.0), (1, 2, 3.0)), positive=False, axis=1),
    Prompt(kind="box", value=3, points=((0, 0, 0.0), (1, 2, 3.0))),
    Prompt(kind="lasso", value=0, points=((0, 0, 0.0), (1, 2, 0.0), (4, 2, 0.0)), axis=0),
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=KINDS)
def test_a_prompt_comes_back_from_json_as_it_was(prompt):
    assert Prompt.from_dict(json.loads(json.dumps(prompt.to_dict()))) == prompt


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "circle"}, "one of point"),
        ({"value": -1}, "whole number"),
        ({"value": True}, "whole number"),
        ({"points": ()}, "1 points, got 0"),
        ({"points": ((0, 0, 0.0),) * 2}, "1 points, got 2"),
        ({"points": ((0, 0, float("nan")),)}, "finite"),
        ({"points": ((0.0, 0.0),)}, "three"),
        ({"radius": -1.0}, "radius"),
        ({"axis": 3}, "axis"),
    ],
)
def test_what_is_no_prompt_is_refused_in_words(changes, said):
    with pytest.raises(ValueError, match=said):
        PROMPTS[0].replace(**changes)


@pytest.mark.parametrize("shape", [(20, 30), (8, 20, 30)])
def test_a_prompt_knows_the_voxels_it_was_drawn_on(shape):
    axes = np.diag([-2.0, 3.0, 0.5, 1.0])[:, [2, 1, 0, 3]]
    axes[:3, 3] = (5, -7, 11)
    volume = image(*shape, spacing=(0.5, 3.0, 2.0)[-len(shape) :], affine=axes)
    at = (4.25, 12.5, 7.0)[-len(shape) :]
    prompt = Prompt.drawn(volume, [at], 1)
    np.testing.assert_allclose(prompt.indices(volume), [at], atol=1e-9)


def test_a_prompt_is_replayed_on_a_finer_grid_of_the_same_world():
    coarse, fine = image(6, 10, 12, spacing=(2, 2, 2)), None
    affine = canonical_affine((1.0, 1.0, 1.0))
    affine[:3, 3] = coarse.affine[:3, :3] @ np.full(3, -0.25)  # both grids cover the same box
    fine = image(12, 20, 24, affine=affine)
    prompt = Prompt.drawn(coarse, CORNERS, 1, kind="box")
    expected = shown(prompt, coarse).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    found = shown(prompt, fine)
    assert not (found & ~expected).any()
    assert not (ndimage.binary_erosion(expected) & ~found).any()  # only the outermost layer goes


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", ["box", "lasso", "scribble"])
def test_what_is_drawn_on_a_slice_lies_on_that_slice_along_any_axis(axis, kind):
    volume = image(9, 10, 11, spacing=(3.0, 1.0, 2.0))
    corners = np.array([[2, 2], [2, 7], [7, 7], [7, 2]], float)
    line = np.insert(corners[[0, 2]] if kind == "box" else corners, axis, 4, axis=1)
    prompt = Prompt.drawn(volume, line, 1, kind=kind, axis=axis, radius=2.0)
    box, mask = prompt.voxels(volume)
    assert box[axis] == slice(4, 5)
    if kind != "scribble":
        assert mask.sum() == 36


def test_a_point_is_a_ball_in_mm():
    volume = image(9, 15, 15, spacing=(2.0, 1.0, 1.0))
    where = np.argwhere(shown(Prompt.drawn(volume, [[4, 7, 7]], 1, radius=3.0), volume))
    far = np.linalg.norm((where - [4, 7, 7]) * (2, 1, 1), axis=1)
    assert far.max() <= 3
    assert len(where) == sum(
        (2 * d) ** 2 + h**2 + w**2 <= 9
        for d in range(-4, 5)
        for h in range(-7, 8)
        for w in range(-7, 8)
    )


@pytest.mark.parametrize("kind", ["point", "box", "lasso"])
def test_a_prompt_beside_the_image_is_refused_with_where_it_is(kind):
    volume = image(10, 12)
    line = {"point": [[30, 2]], "box": [[30, 2], [33, 4]], "lasso": [[30, 2], [33, 2], [33, 4]]}
    prompt = Prompt.drawn(volume, line[kind], 5, kind=kind)
    with pytest.raises(
        ValueError, match=r"class 5 lies outside of the image.*\(3\d, \d\) of 10x12"
    ):
        prompt.voxels(volume)


def test_a_lasso_in_space_is_asked_for_its_slice():
    prompt = PROMPTS[3].replace(axis=None)
    with pytest.raises(ValueError, match="axis of that slice"):
        prompt.voxels(image(9, 9, 9))


def test_coordinates_of_another_number_of_axes_are_refused():
    with pytest.raises(ValueError, match="2 coordinates"):
        Prompt.drawn(image(9, 9), [[1, 2, 3]], 1)


def test_prompts_are_called_by_what_they_do():
    assert [p.words for p in PROMPTS] == [
        "click on class 2",
        "scribble against class 1",
        "box on class 3",
        "lasso on class 0",
    ]
