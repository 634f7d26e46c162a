"""Labels on another grid: whole voxels are exact, the rest is asked for, what is lost is said."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.io import read_volume, write_image, write_labels
from napari_medseg.io.classes import ClassName
from napari_medseg.io.placing import grid_relation, place_on
from napari_medseg.volume import Storage, Volume, canonical_affine

TURNS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def volume(array, affine, name="", **fields):
    spacing = tuple(np.linalg.norm(affine[:3, :3], axis=0)[-(np.ndim(array)) :])
    return Volume(np.asarray(array)[None], spacing, affine, name=name, **fields)


def oblique(spacing, degrees=(0.0, 0.0), origin=(0.0, 0.0, 0.0)):
    """Return an affine turned about two axes, its first voxel at `origin`."""
    a, b = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = canonical_affine(spacing)
    affine[:3, :3] = about_z @ about_x @ affine[:3, :3]
    affine[:3, 3] = origin
    return affine


def moved(affine, start):
    """Return the affine of the part that begins at voxel `start`."""
    part = affine.copy()
    part[:3, 3] += affine[:3, :3] @ start
    return part


def ball(shape, affine, centre, radius):
    index = np.stack([*np.indices(shape), np.ones(shape)])
    world = np.tensordot(affine[:3], index, 1)
    apart = np.linalg.norm(world - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    return (apart < radius).astype(np.uint8)


def some_labels(shape, values=5):
    return np.random.default_rng(sum(shape)).integers(0, values, shape).astype(np.uint8)


GRID = oblique((2.0, 0.7, 0.9), (17, -9), (5.0, -3.0, 8.0))
IMAGE = volume(np.zeros((6, 9, 8), np.float32), GRID, "ct")


def test_labels_of_the_same_grid_are_left_as_they_are():
    labels = volume(some_labels(IMAGE.shape), GRID + 1e-6)
    assert grid_relation(labels, IMAGE).kind == "same"
    placed = place_on(labels, IMAGE)
    assert placed.array is labels.array
    assert placed.notes == ()
    np.testing.assert_array_equal(placed.affine, IMAGE.affine)


@given(
    start=st.tuples(*[st.integers(-4, 4)] * 3),
    shape=st.tuples(*[st.integers(3, 9)] * 3),
)
@settings(max_examples=60, deadline=None)
def test_a_shift_by_whole_voxels_is_exact_and_undone_exactly(start, shape):
    labels = volume(some_labels(shape), moved(GRID, start))
    relation = grid_relation(labels, IMAGE)
    assert relation.kind == ("same" if (start, shape) == ((0, 0, 0), IMAGE.shape) else "shifted")
    inside = [(max(0, s), min(s + n, m)) for s, n, m in zip(start, shape, IMAGE.shape, strict=True)]
    if any(first >= last for first, last in inside):
        with pytest.raises(ValueError, match="no place in common"):
            place_on(labels, IMAGE)
        return
    there = tuple(slice(*ends) for ends in inside)
    here = tuple(slice(a - s, b - s) for (a, b), s in zip(inside, start, strict=True))
    expected = np.zeros(IMAGE.shape, np.uint8)
    expected[there] = labels.array[0][here]
    if not expected.any():
        return
    placed = place_on(labels, IMAGE)
    np.testing.assert_array_equal(placed.array[0], expected)
    back = place_on(placed, labels).array[0]
    np.testing.assert_array_equal(back[here], labels.array[0][here])
    lost = np.count_nonzero(labels.array) - np.count_nonzero(expected)
    said = f"{lost} of {np.count_nonzero(labels.array)} labelled voxels lie outside the image"
    assert any(note.startswith(said) for note in placed.notes) == bool(lost)


@pytest.mark.parametrize(("order", "signs"), TURNS[::5])
def test_turned_and_mirrored_axes_are_exact(order, signs):
    whole = some_labels(IMAGE.shape)
    turned = whole.transpose(order)[tuple(slice(None, None, s) for s in signs)]
    back = np.eye(4)
    back[:3, :3] = 0
    for axis, (place, sign) in enumerate(zip(order, signs, strict=True)):
        back[place, axis] = sign
        back[place, 3] = 0 if sign > 0 else IMAGE.shape[place] - 1
    labels = volume(turned, GRID @ back)
    placed = place_on(labels, IMAGE)
    np.testing.assert_array_equal(placed.array[0], whole)
    assert placed.notes == ()


@pytest.mark.parametrize("degrees", [(0, 0), (12, -21)], ids=["straight", "oblique"])
@pytest.mark.parametrize("steps", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.9), (0.7, 1.4, 2.1)])
def test_a_ball_resampled_keeps_its_centre_and_its_voxels(steps, degrees):
    centre, radius = np.array([-14.0, -13.0, 15.0]), 9.0
    fine = oblique((1.2, 0.9, 1.1), (5, 8), (0.0, 0.0, 0.0))
    labels = volume(ball((28, 32, 28), fine, centre, radius), fine)
    grid = oblique(steps, degrees, (4.0, 3.0, -4.0))
    shape = tuple(int(40 / step) for step in steps)
    placed = place_on(labels, volume(np.zeros(shape), grid), resample=True)
    expected = ball(shape, grid, centre, radius)
    found = grid @ [*np.argwhere(placed.array[0]).mean(0), 1]
    assert np.linalg.norm(found[:3] - centre) < 0.5 * min(steps)
    both = np.count_nonzero(placed.array[0] & expected)
    dice = 2 * both / (np.count_nonzero(placed.array) + np.count_nonzero(expected))
    assert dice > 0.94
    assert any("resampled" in note for note in placed.notes)


@given(seed=st.integers(0, 999), degrees=st.tuples(st.floats(-40, 40), st.floats(-40, 40)))
@settings(max_examples=20, deadline=None)
def test_resampling_makes_no_value_and_takes_the_label_a_centre_lies_in(seed, degrees):
    random = np.random.default_rng(seed)
    values = random.choice([0, 3, 200], (5, 6, 7)).astype(np.uint16)
    labels = volume(values, oblique((1.5, 1.1, 0.9), (3, 4)))
    image = volume(np.zeros((6, 7, 8)), oblique((1.3, 0.8, 0.7), degrees, (0.2, 0.1, -0.4)))
    placed = place_on(labels, image, resample=True).array[0]
    assert placed.dtype == np.uint16
    for at in random.integers(0, image.shape, (20, 3)):
        there = np.linalg.inv(labels.affine) @ image.affine @ [*at, 1]
        nearest = np.floor(there[:3] + 0.5).astype(int)
        inside = ((nearest >= 0) & (nearest < values.shape)).all()
        assert placed[tuple(at)] == (values[tuple(nearest)] if inside else 0)


def test_another_grid_is_refused_with_the_offer_unless_asked_for():
    labels = volume(some_labels((6, 9, 8)), oblique((2.5, 0.7, 0.9), (17, -9)), "liver")
    with pytest.raises(ValueError, match=r"'liver' and 'ct' lie on different grids.*--resample"):
        place_on(labels, IMAGE)
    assert place_on(labels, IMAGE, resample=True).shape == IMAGE.shape


@pytest.mark.parametrize(
    ("affine", "said"),
    [
        (oblique((4.0, 0.7, 0.9), (17, -9)), "4 x 0.7 x 0.9 mm voxels, the image 2 x 0.7 x 0.9"),
        (oblique((2.0, 0.7, 0.9), (29, -9), (5.0, -3.0, 8.0)), "turned by 12° against the image"),
        (moved(GRID, (0, 0.5, 0)), "start 0.35 mm beside the image"),
    ],
)
def test_what_differs_is_said_in_the_words_of_the_clinic(affine, said):
    relation = grid_relation(volume(some_labels((6, 9, 8)), affine), IMAGE)
    assert relation.kind == "other"
    assert said in relation.words


def test_where_a_part_begins_is_said():
    words = grid_relation(volume(some_labels((2, 3, 4)), moved(GRID, (1, 2, 3))), IMAGE).words
    assert words.endswith("2 x 3 x 4 voxels lie on those of the image (6 x 9 x 8), "
                          "from its voxel (1, 2, 3) on")  # fmt: skip


def test_labels_far_away_belong_to_another_image():
    far = volume(some_labels((6, 9, 8)), oblique((2.5, 0.7, 0.9), (0, 0), (900.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="no place in common"):
        place_on(far, IMAGE, resample=True)
    corner = np.zeros((20, 20, 20), np.uint8)
    corner[-1, -1, -1] = 1
    with pytest.raises(ValueError, match="no labelled voxel"):
        place_on(volume(corner, GRID), IMAGE)


def test_labels_too_small_for_the_image_are_missed():
    fine = np.zeros((40, 40, 40), np.uint8)
    fine[:20] = 1
    fine[21, 21, 21] = 9
    labels = volume(fine, oblique((0.3, 0.3, 0.3), (17, -9), (5.0, -3.0, 8.0)))
    notes = place_on(labels, IMAGE, resample=True).notes
    assert "no voxel of the image has the value 9 of the labels" in notes


def test_empty_labels_stay_empty():
    labels = volume(np.zeros((3, 9, 8), np.uint8), GRID)
    placed = place_on(labels, IMAGE)
    assert placed.shape == IMAGE.shape
    assert not placed.array.any()
    assert placed.notes == ()


def test_pictures_move_by_whole_pixels_and_resample():
    image = Volume(np.zeros((3, 20, 30)), (0.5, 0.25), name="slide")
    part = Volume(np.ones((1, 4, 5), np.uint8), (0.5, 0.25), moved(image.affine, (0, 3, 7)))
    placed = place_on(part, image).array[0]
    assert np.argwhere(placed).min(0).tolist() == [3, 7]
    assert np.count_nonzero(placed) == 20
    coarse = Volume(np.ones((1, 5, 5), np.uint8), (1.0, 1.0))
    assert place_on(coarse, image, resample=True).array[0, :9, :18].all()


def test_pictures_that_state_no_pixel_size_lie_together_if_they_are_of_one_size():
    image = Volume(np.zeros((1, 4, 5)), (1.0, 1.0), spacing_known=False)
    labels = Volume(some_labels((4, 5))[None], (0.2, 0.2))
    assert "not stated" in grid_relation(labels, image).words
    assert place_on(labels, image).array is labels.array
    smaller = Volume(some_labels((3, 5))[None], (0.2, 0.2))
    with pytest.raises(ValueError, match=r"3 x 5 voxels, the image 4 x 5, and not both state"):
        place_on(smaller, image, resample=True)


def test_a_picture_has_no_place_in_a_volume():
    with pytest.raises(ValueError, match="the labels are 2D and the image is 3D"):
        place_on(Volume(some_labels((9, 8))[None], (0.7, 0.9)), IMAGE, resample=True)


def test_placed_labels_keep_their_classes_and_are_written_into_the_place_of_the_image(tmp_path):
    nib = pytest.importorskip("nibabel")
    write_image(tmp_path / "image.nii.gz", IMAGE)
    image = read_volume(tmp_path / "image.nii.gz")
    named = [ClassName(3, "cyst")]
    part = volume(
        some_labels((3, 4, 5)),
        moved(GRID, (2, 1, 1)),
        storage=Storage((0, 1, 2), (False,) * 3, header={"classes": named}),
    )
    placed = place_on(part, image)
    assert placed.storage.header["classes"] == named
    assert place_on(part, IMAGE).storage.header["classes"] == named
    write_labels(tmp_path / "labels.nii.gz", placed.array[0], like=placed)
    again, source = (nib.load(tmp_path / f"{name}.nii.gz") for name in ("labels", "image"))
    np.testing.assert_array_equal(again.affine, source.affine)
    assert np.asanyarray(again.dataobj).shape == source.shape


def test_resampling_holds_no_more_than_a_few_slices_beside_the_answer():
    labels = volume(some_labels((60, 64, 64)), oblique((1.0, 1.0, 1.0), (3, 2)))
    image = volume(np.zeros((60, 64, 64), np.uint8), oblique((1.0, 1.0, 1.0), (0, 0)))
    place_on(labels, image, resample=True)  # what it imports is not counted
    tracemalloc.start()
    place_on(labels, image, resample=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < image.array.nbytes + 40 * 8 * 64 * 64  # float64 planes, not volumes of them
