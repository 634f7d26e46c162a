"""The robot user: where it points, and how it errs when it is asked to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.interact.robot import KINDS, RobotConfig, largest_mistake, next_prompt
from napari_medseg.volume import Volume


def image(*shape, spacing=None, affine=None):
    given = {} if affine is None else {"affine": affine}
    return Volume(np.zeros((1, *shape), np.float32), spacing or (1.0,) * len(shape), **given)


def index_of(prompt, volume):
    return tuple(prompt.indices(volume)[0].round().astype(int))


def blobs(shape, seed, values=2):
    """Labels of smooth, irregular objects of several classes."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    cuts = np.quantile(noise, [0.7, 0.9])[:values]
    return np.digitize(noise, cuts).astype(np.uint8)


def test_it_points_at_the_middle_of_what_is_missing_and_of_what_is_too_much():
    truth, labels = np.zeros((2, 20, 30), np.uint8)
    truth[3:10, 4:13] = 2  # missing, 7 x 9
    labels[14:17, 20:25] = 1  # too much, 3 x 5
    missed = next_prompt(truth, labels, image(20, 30))
    assert (missed.kind, missed.value, missed.positive) == ("point", 2, True)
    assert index_of(missed, image(20, 30)) == (6, 8)
    spilt = next_prompt(np.zeros_like(truth), labels, image(20, 30))
    assert (spilt.value, spilt.positive, index_of(spilt, image(20, 30))) == (1, False, (15, 22))


def test_where_one_class_is_taken_for_another_the_right_one_is_asked_for():
    truth, labels = np.full((2, 9, 9), 1, np.uint8)
    truth[2:7, 2:7] = 3
    prompt = next_prompt(truth, labels, image(9, 9))
    assert (prompt.value, prompt.positive) == (3, True)


def test_where_nothing_is_wrong_it_has_nothing_to_say():
    truth = blobs((12, 14), 0)
    assert next_prompt(truth, truth.copy(), image(12, 14)) is None


@pytest.mark.parametrize("shape", [(31, 40), (14, 20, 18)])
@pytest.mark.parametrize("seed", range(3))
def test_the_point_is_the_deepest_of_the_largest_error_in_mm(shape, seed):
    spacing = (3.0, 1.0, 0.5)[-len(shape) :]
    truth, labels = blobs(shape, seed), blobs(shape, seed + 100)
    wrong = largest_mistake(truth, labels)
    volume = image(*shape, spacing=spacing)
    prompt = next_prompt(truth, labels, volume)
    component = np.zeros(shape, bool)
    component[wrong.box] = wrong.mask
    depths = ndimage.distance_transform_edt(np.pad(component, 1), sampling=spacing)
    depths = depths[(slice(1, -1),) * len(shape)]
    assert depths[index_of(prompt, volume)] == pytest.approx(depths.max())
    sizes = [wrong.voxels]
    for value in (1, 2):
        for error in ((truth == value) & (labels != value), (labels == value) & (truth == 0)):
            sizes += np.bincount(ndimage.label(error)[0].ravel())[1:].tolist()
    assert wrong.voxels == max(sizes)


def test_the_middle_is_the_deepest_in_mm_not_in_voxels():
    truth = np.zeros((20, 30), np.uint8)
    truth[3:8, 2:7] = 1  # 5 mm x 20 mm, deepest in voxels
    truth[3:14, 9:12] = 1  # 11 mm x 12 mm, deepest in mm
    truth[5, 7:9] = 1  # they are one
    volume = image(20, 30, spacing=(1.0, 4.0))
    row, column = index_of(next_prompt(truth, np.zeros_like(truth), volume), volume)
    assert (row, column) == (8, 10)
    assert index_of(next_prompt(truth, np.zeros_like(truth), image(20, 30)), image(20, 30))[1] < 7


def test_points_are_in_the_world_of_the_image():
    affine = np.array([[0, 0, -2.0, 30], [0, -1.5, 0, 5], [4.0, 0, 0, -7], [0, 0, 0, 1]])
    volume = image(8, 12, 10, spacing=(4.0, 1.5, 2.0), affine=affine)
    truth = np.zeros(volume.shape, np.uint8)
    truth[3:6, 4:9, 2:7] = 1
    prompt = next_prompt(truth, np.zeros_like(truth), volume)
    np.testing.assert_allclose(prompt.points[0], affine[:3] @ (4, 6, 4, 1))


def test_somebody_who_fills_what_it_points_at_is_done_after_as_many_prompts_as_errors():
    truth, labels = blobs((40, 50), 3), blobs((40, 50), 4)
    volume, prompts = image(40, 50), 0
    while (prompt := next_prompt(truth, labels, volume)) is not None:
        wrong = largest_mistake(truth, labels)
        corner = [side.start for side in wrong.box]
        assert wrong.mask[tuple(np.subtract(index_of(prompt, volume), corner))]
        labels[wrong.box][wrong.mask] = prompt.value if prompt.positive else 0
        prompts += 1
        assert prompts < 1000
    np.testing.assert_array_equal(labels, truth)


@pytest.mark.parametrize("kind", ["point", "scribble"])
def test_a_wide_prompt_is_as_narrow_as_the_error_so_that_it_touches_nothing_else(kind):
    config, volume = RobotConfig(kind=kind, radius=4.0), image(60, 80)
    radii = []
    for half in (1, 3, 6, 15):
        truth = np.zeros(volume.shape, np.uint8)
        truth[30 - half : 31 + half, 20:61] = 1
        prompt = next_prompt(truth, np.zeros_like(truth), volume, config)
        box, mask = prompt.voxels(volume)
        assert truth[box][mask].all()
        radii.append(prompt.radius)
    assert radii == sorted(radii)
    assert radii[-1] == 4.0


def test_noise_is_as_large_in_mm_along_every_axis_and_the_same_for_a_seed():
    volume = image(60, 300, spacing=(5.0, 1.0))
    truth = np.zeros(volume.shape, np.uint8)
    truth[20:41, 100:201] = 1
    noisy = RobotConfig(place_noise=6.0)
    rng, same = np.random.default_rng(1), np.random.default_rng(1)
    nothing = np.zeros_like(truth)
    points = [next_prompt(truth, nothing, volume, noisy, rng) for _ in range(150)]
    off = np.array([(p.indices(volume)[0] - (30, 150)) * volume.spacing for p in points])
    np.testing.assert_allclose(off.std(0), 6.0, rtol=0.2)
    assert np.abs(off.mean(0)).max() < 1.5
    assert [next_prompt(truth, nothing, volume, noisy, same) for _ in range(150)] == points


def test_the_wrong_sign_comes_as_often_as_asked_for():
    truth = np.ones((5, 5), np.uint8)
    rng = np.random.default_rng(2)
    config = RobotConfig(sign_noise=0.25)
    signs = [
        next_prompt(truth, np.zeros_like(truth), image(5, 5), config, rng).positive
        for _ in range(250)
    ]
    assert np.mean(signs) == pytest.approx(0.75, abs=0.06)


def test_prompts_stay_inside_the_image_however_noisy():
    truth = np.zeros((10, 12), np.uint8)
    truth[0, 0] = 1
    rng = np.random.default_rng(3)
    for kind in KINDS:
        config = RobotConfig(kind=kind, place_noise=50.0)
        for _ in range(20):
            prompt = next_prompt(truth, np.zeros_like(truth), image(10, 12), config, rng)
            at = prompt.indices(image(10, 12))
            assert (at >= -1e-9).all()
            assert (at <= np.array([9, 11]) + 1e-9).all()


def test_a_scribble_runs_along_the_error_and_stays_well_inside():
    rows, columns = np.mgrid[:60, :60]
    ring = np.abs(np.hypot(rows - 58, columns - 30) - 25) <= 4  # half a ring, about 78 long
    config = RobotConfig(kind="scribble")
    volume = image(60, 60)
    prompt = next_prompt(ring.astype(np.uint8), np.zeros((60, 60), np.uint8), volume, config)
    line = prompt.indices(volume)
    assert prompt.kind == "scribble"
    assert prompt.positive
    assert ring[tuple(line.round().astype(int).T)].all()
    assert np.linalg.norm(np.diff(line, axis=0), axis=1).sum() > 50
    assert np.abs(np.hypot(*(line - (58, 30)).T) - 25).mean() < 1.5


def test_a_scribble_in_a_volume_is_drawn_on_one_slice_through_the_middle():
    truth = np.zeros((9, 20, 40), np.uint8)
    truth[2:7, 6:13, 4:36] = 1
    volume = image(9, 20, 40, spacing=(2.0, 1.0, 1.0))
    config = RobotConfig(kind="scribble", place_noise=1.0)
    prompt = next_prompt(truth, np.zeros_like(truth), volume, config)
    line = prompt.indices(volume)
    assert prompt.axis == 0
    assert len(set(line[:, 0].round(6))) == 1
    _, mask = prompt.voxels(volume)
    assert mask.sum() > 15


def test_a_box_holds_the_whole_object_and_comes_once():
    truth, labels = np.zeros((2, 20, 30), np.uint8)
    truth[3:10, 4:13] = 1
    labels[3:10, 4:6] = 1  # found in part: the box is around all of it
    truth[14:17, 20:25] = 1
    config, volume = RobotConfig(kind="box"), image(20, 30)
    box = next_prompt(truth, labels, volume, config)
    assert (box.kind, box.positive) == ("box", True)
    np.testing.assert_allclose(box.indices(volume), [(3, 4), (9, 12)])
    assert next_prompt(truth, labels, volume, config, boxed=True).kind == "point"
    assert next_prompt(labels, truth, volume, config).kind == "point"  # it spills


def test_what_does_not_fit_is_said():
    volume, truth = image(4, 5), np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match=r"the truth \(4, 6\)"):
        next_prompt(np.zeros((4, 6), np.uint8), truth, volume)
    with pytest.raises(ValueError, match="same grid"):
        next_prompt(truth, np.zeros((4, 6), np.uint8), volume)
    with pytest.raises(ValueError, match="choose one"):
        RobotConfig(kind="lasso")
    with pytest.raises(ValueError, match="probability"):
        RobotConfig(sign_noise=1.5)
    with pytest.raises(ValueError, match="0 mm or more"):
        RobotConfig(place_noise=-1.0)
