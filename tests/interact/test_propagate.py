"""A corrected slice carries on to where the object ends, and says why it stopped."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.interact.feature_cache import FeatureCache
from napari_medseg.interact.propagate import propagate
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

SPACING = (2.0, 1.0, 1.0)


def cylinder(first=6, last=17, *, contrast=5.0, shape=(24, 40, 40)):
    d, h, w = np.mgrid[: shape[0], : shape[1], : shape[2]]
    tilted = (h - 20) ** 2 + (w - 20 - 0.3 * (d - 12)) ** 2 < 8**2
    truth = (tilted & (d >= first) & (d <= last)).astype(np.uint8)
    noise = np.random.default_rng(0).normal(size=shape)
    return Volume((noise + contrast * truth).astype(np.float32)[None], SPACING), truth


def corrected(truth, index, axis=0):
    labels = np.zeros_like(truth)
    np.moveaxis(labels, axis, 0)[index] = np.moveaxis(truth, axis, 0)[index]
    return labels


def written(labels, answer):
    whole = labels.copy()
    whole[answer.box] = answer.labels
    return whole


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


class Knowing:
    """What an `Interaction` is to propagate."""

    def __init__(self, segmenter, volume):
        self.cache = FeatureCache(segmenter, volume)

    def features(self, box, report):
        return self.cache.of(box, report)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cylinder_is_followed_to_its_ends_and_no_farther(axis):
    volume, truth = cylinder()
    turned = np.moveaxis(truth, 0, axis)
    spacing = tuple(np.insert([1.0, 1.0], axis, 2.0))
    volume = Volume(np.ascontiguousarray(np.moveaxis(volume.array, 1, 1 + axis)), spacing)
    labels = corrected(turned, 11, axis)
    answer = propagate(labels, volume, 11, axis, value=1)
    assert (answer.first, answer.last) == (6, 17)
    assert all("the object ends" in reason for reason in answer.reasons)
    assert "slice 5" in answer.reasons[0]
    assert "slice 18" in answer.reasons[1]
    assert dice(written(labels, answer) == 1, turned == 1) > 0.95


@pytest.mark.parametrize(
    ("name", "dims", "recipe"),
    [("lgmsnet", 2, {"size": (32, 32)}), ("gladnet", 2, {}), ("msd_kmamba", 3, {})],
)
def test_with_a_model_it_goes_as_far(model, name, dims, recipe):
    volume, truth = cylinder()
    answer = propagate(
        corrected(truth, 11), volume, 11, 0, value=1,
        interaction=Knowing(model(name, dims, **recipe), volume),
    )  # fmt: skip
    assert (answer.first, answer.last) == (6, 17)
    assert dice(written(corrected(truth, 11), answer) == 1, truth == 1) > 0.9


def test_it_goes_one_way_and_so_far_as_asked():
    volume, truth = cylinder()
    up = propagate(corrected(truth, 11), volume, 11, 0, value=1, direction="up", most=3)
    assert (up.first, up.last) == (11, 14)
    assert up.reasons == ("", "slice 14: as far as was asked")
    down = propagate(corrected(truth, 11), volume, 11, 0, value=1, direction="down")
    assert (down.first, down.last) == (6, 11)
    assert down.reasons[1] == ""


def test_it_ends_with_the_image():
    volume, truth = cylinder(0, 23)
    answer = propagate(corrected(truth, 11), volume, 11, 0, value=1)
    assert (answer.first, answer.last) == (0, 23)
    assert answer.reasons == ("the image ends there",) * 2


def test_where_nothing_tells_the_class_apart_it_does_not_go():
    volume, truth = cylinder(contrast=0.0)
    labels = corrected(truth, 11)
    answer = propagate(labels, volume, 11, 0, value=1)
    assert (answer.first, answer.last) == (11, 11)
    assert "nothing tells" in answer.reasons[0]
    np.testing.assert_array_equal(written(labels, answer), labels)


def test_what_a_person_painted_and_what_is_locked_stays():
    volume, truth = cylinder()
    labels = corrected(truth, 11)
    labels[12, 20, 20] = 7
    labels[13, 18:22, 18:22] = 5
    painted = np.ones(truth.shape, bool)
    painted[13] = False
    answer = propagate(labels, volume, 11, 0, value=1, may_change=painted, locked=(7,))
    after = written(labels, answer)
    assert after[12, 20, 20] == 7
    np.testing.assert_array_equal(after[13], labels[13])
    assert dice(after[15] == 1, truth[15] == 1) > 0.9


def test_what_was_there_gives_way_and_other_objects_of_the_class_stay():
    volume, truth = cylinder()
    labels = corrected(truth, 11)
    labels[12, 12:36, 12:36] = 1  # far too much, hanging together with the object
    labels[12, 2:4, 2:4] = 1
    after = written(labels, propagate(labels, volume, 11, 0, value=1))
    assert dice(after[12, 8:] == 1, truth[12, 8:] == 1) > 0.9
    assert (after[12, 2:4, 2:4] == 1).all()


def test_outside_of_its_box_and_on_the_corrected_slice_nothing_changes():
    volume, truth = cylinder()
    labels = np.random.default_rng(3).choice([0, 2], size=truth.shape).astype(np.uint16)
    labels[11][truth[11] == 1] = 1
    before = labels.copy()
    answer = propagate(labels, volume, 11, 0, value=1)
    np.testing.assert_array_equal(labels, before)
    after = written(labels, answer)
    assert after.dtype == labels.dtype
    np.testing.assert_array_equal(after[11], labels[11])
    np.testing.assert_array_equal(after[: answer.first], labels[: answer.first])
    np.testing.assert_array_equal(after[answer.last + 1 :], labels[answer.last + 1 :])


def test_it_can_be_stopped():
    volume, truth = cylinder()
    asked = []

    def stop(step):
        asked.append(step.done)
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        propagate(corrected(truth, 11), volume, 11, 0, value=1, report=stop)
    assert asked[-1] == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"index": 40}, "no slice 40"),
        ({"index": 2}, "holds nothing of class 1"),
        ({"locked": (1,)}, "locked"),
        ({"direction": "left"}, "direction"),
        ({"axis": 3}, "axis 3"),
    ],
)
def test_what_cannot_be_carried_is_said(asked, words):
    volume, truth = cylinder()
    given = {"index": 11, "axis": 0, "value": 1, **asked}
    with pytest.raises(ValueError, match=words):
        propagate(corrected(truth, 11), volume, **given)


def test_a_picture_has_no_neighbours():
    flat = Volume(np.zeros((1, 8, 8), np.float32), (1.0, 1.0))
    with pytest.raises(ValueError, match="3-D"):
        propagate(np.zeros((8, 8), np.uint8), flat, 0, 0, value=1)
