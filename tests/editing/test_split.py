"""Touching objects part at their necks, or along the cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import reconstruction

from napari_medseg.editing.cuts import cut_objects
from napari_medseg.editing.necks import split_objects
from napari_medseg.editing.parts import part_gap
from napari_medseg.editing.split import TOOLS
from napari_medseg.editing.tool import Scene, apply

TOOL = {tool.name: tool for tool in TOOLS}
FACES = ndimage.generate_binary_structure(2, 1)
ALL_AROUND = {2: np.ones((3, 3)), 3: np.ones((3, 3, 3))}


def balls(shape, spacing, *bodies):
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    found = np.zeros(shape, bool)
    for centre, radius in bodies:
        found |= (
            sum((a * s - c) ** 2 for a, s, c in zip(axes, spacing, centre, strict=True))
            <= radius**2
        )
    return found


def two(spacing=(1.0, 1.0, 1.0)):
    """Two balls of 12 and 10 mm that meet between x = 20 and x = 40 mm, near x = 31."""
    shape = tuple(round(n / s) for n, s in zip((26, 26, 54), spacing, strict=True))
    return balls(shape, spacing, ((13, 13, 20), 12), ((13, 13, 40), 10)).astype(np.uint8)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
@pytest.mark.parametrize("clicks", [((13, 13, 20), (13, 13, 40)), ()])
def test_two_balls_part_at_their_neck(spacing, clicks):
    labels = two(spacing)
    points = [tuple(round(c / s) for c, s in zip(p, spacing, strict=True)) for p in clicks]
    parts = split_objects(labels, 1, spacing=spacing, points=points, depth=1.0)
    np.testing.assert_array_equal(parts > 0, labels == 1)
    assert set(np.unique(parts)) == {0, 1, 2}
    x = np.nonzero(parts == 1)[2] * spacing[2], np.nonzero(parts == 2)[2] * spacing[2]
    neck = (20 + 40) / 2 + (12**2 - 10**2) / (2 * 20)  # where the spheres meet: 31.1 mm
    assert neck - 2.5 <= x[0].max() <= neck + 2.5
    assert neck - 2.5 <= x[1].min() <= neck + 2.5
    assert (parts == 1).sum() > (parts == 2).sum()


def test_what_is_no_neck_stays_whole():
    labels = two()
    assert split_objects(labels, 1, depth=20.0).max() == 1
    assert split_objects(balls((30, 30), (1, 1), ((15, 15), 11)).astype(int), 1).max() == 1


@pytest.mark.parametrize("depth", [0.4, 1.0, 2.0, 4.0])
def test_without_clicks_the_parts_are_the_h_maxima_of_the_depth(depth):
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(70, 70)), 4)
    labels = (noise > 0).astype(np.uint8)
    depths = ndimage.distance_transform_edt(np.pad(labels, 1))[1:-1, 1:-1]
    domes = depths - reconstruction(depths - depth, depths, footprint=FACES)
    _, expected = ndimage.label(domes >= depth - 1e-6)
    objects, count = ndimage.label(labels, ALL_AROUND[2])
    shallow = sum(depths[objects == n].max() <= depth for n in range(1, count + 1))
    parts = split_objects(labels, 1, depth=depth)  # part 1 stands for all objects
    assert parts.max() - 1 + count == expected + shallow


def test_objects_with_fewer_than_two_clicks_stay_whole():
    labels = np.concatenate([two(), np.zeros((26, 26, 4), np.uint8), two()], axis=2)
    parts = split_objects(labels, 1, points=[(13, 13, 20), (13, 13, 40), (13, 13, 78)])
    assert set(np.unique(parts[..., :54])) == {0, 1, 2}
    assert set(np.unique(parts[..., 58:])) == {0, 1}


def test_a_click_beside_the_class_is_said():
    with pytest.raises(ValueError, match="beside class 1"):
        split_objects(two(), 1, points=[(0, 0, 0), (13, 13, 20)])


def test_a_gap_leaves_parts_that_do_not_touch():
    parts = split_objects(two(), 1)
    gap = part_gap(parts)
    kept = np.where(gap, 0, parts)
    assert ndimage.label(kept, ALL_AROUND[3])[1] == 2
    assert gap.sum() < 0.05 * (parts > 0).sum()
    assert not (gap & (parts == 1)).any()
    assert not part_gap((parts > 0).astype(int)).any()


def test_a_cut_goes_straight_through_all_slices():
    labels = np.zeros((4, 20, 20), np.uint8)
    labels[:, 5:15, 5:15] = 1
    parts = cut_objects(labels, 1, [(1, 2, 8), (1, 17, 8)])
    assert (parts[:, 5:15, 5:8] == 2).all()
    assert (parts[:, 5:15, 9:15] == 1).all()
    flat = cut_objects(labels[0], 1, [(2, 8), (17, 8)])
    np.testing.assert_array_equal(flat, parts[0])


def test_a_cut_in_another_view_goes_through_its_own_slices():
    labels = np.zeros((20, 20, 4), np.uint8)
    labels[5:15, 5:15] = 1
    parts = cut_objects(labels, 1, [(2, 9, 1), (17, 9, 1)], axis=2)
    left, right = parts[5:15, 5:9], parts[5:15, 10:15]
    assert (left == left[0, 0]).all()
    assert (right == 3 - left[0, 0]).all()


def test_three_clicks_make_a_slanted_cut_in_mm():
    labels = np.ones((10, 10, 10), np.uint8)
    parts = cut_objects(labels, 1, [(0, 0, 0), (0, 9, 0), (9, 0, 9)], spacing=(2, 1, 1))
    z, _, x = np.indices(labels.shape)
    assert len({*parts[z > x]}) == 1
    assert len({*parts[z < x]}) == 1
    assert parts[9, 5, 0] != parts[0, 5, 9]


def test_only_what_the_line_meets_is_cut():
    labels = np.zeros((1, 10, 30), np.uint8)
    labels[:, 2:8, 2:8] = labels[:, 2:8, 20:26] = 1
    parts = cut_objects(labels, 1, [(0, 0, 4), (0, 9, 4)])
    assert set(np.unique(parts[..., 20:26])) == {0, 1}
    assert set(np.unique(parts[..., 2:8])) == {0, 1, 2}
    far = labels.copy()
    far[:, 2:8, 2:8] = 0
    with pytest.raises(ValueError, match="meets no object"):
        cut_objects(far, 1, [(0, 0, 4), (0, 9, 4)])


@pytest.mark.parametrize(
    "points", [[(0, 0, 0)], [(0, 0, 0), (3, 0, 0)], [(0, 0, i) for i in range(4)]]
)
def test_clicks_that_make_no_cut_are_said(points):
    with pytest.raises(ValueError, match="click on one side"):
        cut_objects(np.ones((4, 4, 4), np.uint8), 1, points)


class TestTools:
    """The records of the panel: what becomes of the parts."""

    def run(self, name="split", *, labels=None, points=((13, 13, 20), (13, 13, 40)), **options):
        if labels is None:
            labels = two()
            labels[0, 0, 0], labels[25, 25, 53] = 5, 2
        scene = Scene(
            labels=labels,
            spacing=(1, 1, 1),
            label=1,
            points=points,
            locked=frozenset({2}),
        )
        return apply(TOOL[name], scene, TOOL[name].options(**options)), labels

    def test_the_largest_part_keeps_its_class_and_the_others_get_free_ones(self):
        edited, before = self.run()
        assert set(np.unique(edited)) == {0, 1, 2, 5, 6}
        np.testing.assert_array_equal(edited > 0, before > 0)
        assert edited[13, 13, 20] == 1
        assert edited[13, 13, 40] == 6

    def test_or_the_class_one_chooses(self):
        edited, _ = self.run(parts="one class", value=4)
        assert edited[13, 13, 40] == 4
        edited, _ = self.run(parts="new classes", value=9)
        assert edited[13, 13, 40] == 9

    def test_a_locked_class_gets_nothing(self):
        edited, before = self.run(parts="one class", value=2)
        np.testing.assert_array_equal(edited, before)

    def test_or_they_stay_one_class_with_a_gap(self):
        edited, _ = self.run(parts="objects with a gap")
        assert set(np.unique(edited)) == {0, 1, 2, 5}
        assert ndimage.label(edited == 1, ALL_AROUND[3])[1] == 2

    def test_without_clicks_it_finds_the_neck(self):
        assert self.run(points=(), depth=1.0)[0][13, 13, 40] == 6
        assert self.run(points=(), depth=30.0)[0][13, 13, 40] == 1

    def test_the_cut_is_one_of_them(self):
        edited, _ = self.run("cut", points=((13, 0, 20), (13, 25, 20)))
        assert {1, 6} <= set(np.unique(edited))

    def test_too_many_classes_for_the_layer_are_said(self):
        labels = two()
        labels[0, 0, 0] = 255
        with pytest.raises(ValueError, match="hold at most 255"):
            self.run(labels=labels)

    def test_bad_options_are_said(self):
        for bad in ({"parts": "pieces"}, {"value": -1}, {"depth": -1.0}):
            with pytest.raises(ValueError, match=r"parts become|0 or more|0 mm or more"):
                TOOL["split"].options(**bad)
