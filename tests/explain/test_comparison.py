"""Two models on one image: how far answers and features differ, with answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medseg.engine.card import LabelClass
from napari_medseg.explain.comparable import shared_classes, why_not_comparable
from napari_medseg.explain.comparison import compare
from napari_medseg.explain.viewing import view_of
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.config import NetConfig
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

LEVEL = 0.5  # of the bright half; the dark one is its negative


class Mixing(SegmentationNetwork):
    """A stage of two channels of an image, and class 1 where the first is above a threshold."""

    decoder_modules = ("stage",)

    def __init__(self, config: NetConfig, turn: float = 0.0, threshold: float = 0.0) -> None:
        super().__init__(config)
        self.stage = nn.Conv2d(1, 2, 1, bias=False)
        self.threshold = threshold
        with torch.no_grad():
            angle = torch.tensor(turn)
            self.stage.weight[:, 0, 0, 0] = torch.stack([angle.cos(), angle.sin()])

    @property
    def divisor(self) -> int:
        return 1

    @property
    def feature_info(self):
        return [Feature("stage", 2, 1)]

    def forward(self, x):
        self.check_input(x)
        self.stage(x)
        first = 8 * (x - self.threshold)
        return torch.cat([0 * first, first], 1)


@pytest.fixture
def model(segmenter_of):
    def make(**given):
        network = Mixing(NetConfig(spatial_dims=2, in_channels=1, num_classes=2), **given)
        return segmenter_of(network.eval())

    return make


@pytest.fixture
def halves():
    values = np.full((1, 6, 8), -LEVEL, np.float32)
    values[..., 4:] = LEVEL
    return Volume(values, (1.0, 2.0))


def compared(before, after, image, **given):
    return compare(before, after, view_of(before, image, whole=True), **given)


def test_the_answers_are_counted_before_and_after(model, halves):
    found = compared(model(), model(threshold=1.0), halves)
    assert found.answers.column("before") == (24, 24)
    assert found.answers.column("after") == (48, 0)
    assert found.answers.column("Dice of the two") == (pytest.approx(48 / 72), 0)


def test_where_neither_has_the_class_they_agree(model, halves):
    found = compared(model(threshold=1.0), model(threshold=2.0), halves)
    assert found.answers.column("Dice of the two") == (1.0, 1.0)
    assert not found.overlays[1].values.any()


def test_the_change_of_probability_is_that_of_each_class_and_they_cancel(model, halves):
    change, where, _ = compared(model(), model(threshold=1.0), halves).overlays
    sigmoid = 1 / (1 + np.exp(-8 * (LEVEL - np.array([0.0, 1.0]))))
    np.testing.assert_allclose(change.values[1, :, 4:], sigmoid[1] - sigmoid[0], rtol=1e-4)
    np.testing.assert_allclose(change.values.sum(0), 0, atol=1e-6)
    assert change.kind == "signed"
    assert change.channels[1] == "class 1"
    np.testing.assert_array_equal(where.values[0], halves.array[0] > 0)
    np.testing.assert_allclose(change.place.world, halves.affine)


@pytest.mark.parametrize(
    ("turn", "cosine"), [(0.0, 1.0), (np.pi / 3, 0.5), (np.pi / 2, 0.0), (np.pi, -1.0)]
)
def test_features_turned_by_an_angle_say_the_angle(model, halves, turn, cosine):
    found = compared(model(), model(turn=turn), halves)
    (row,) = found.features.rows
    assert row[0] == "stage"
    assert row[2] == pytest.approx(1 - cosine, abs=1e-5)
    assert row[1] == pytest.approx(2 * np.sin(turn / 2), abs=1e-5)  # the chord
    np.testing.assert_allclose(found.overlays[2].values, 1 - cosine, atol=1e-5)


def test_features_twice_as_strong_turn_nowhere_and_change_by_their_length(model, halves):
    after = model()
    with torch.no_grad():
        after.network.stage.weight.mul_(2)
    (row,) = compared(model(), after, halves).features.rows
    assert row[1] == pytest.approx(1)
    assert row[2] == pytest.approx(0, abs=1e-6)


def test_where_there_is_nothing_nothing_turns(model):
    values = np.zeros((1, 4, 4), np.float32)
    values[0, 0, 0] = 1
    found = compared(model(), model(turn=np.pi / 2), Volume(values, (1.0, 1.0)))
    turned = found.overlays[2].values
    assert turned[0, 0, 0] == pytest.approx(1)
    assert np.count_nonzero(turned) == 1
    assert found.features.rows[0][2] == pytest.approx(1 / 16)


def test_layers_asked_for_are_compared_and_others_refused(model, halves):
    one = model()
    found = compared(one, model(), halves, layers=[])
    assert found.features.rows == ()
    assert found.notes == ("the two networks have no stage in common: answers only",)
    with pytest.raises(ValueError, match="'known' has no layer 'stages' to compare"):
        compared(one, model(), halves, layers=["stages"])


def renamed(segmenter, *names, **preprocessing):
    """The same model with other names for its classes and other ways to prepare images."""
    card = segmenter.card
    classes = tuple(LabelClass(value=i + 1, name=n) for i, n in enumerate(names)) or card.classes
    segmenter.card = card.replace(
        classes=classes, preprocessing=card.preprocessing.replace(**preprocessing)
    )
    return segmenter


def test_a_model_that_sees_the_image_on_a_finer_grid_agrees_with_itself(model):
    """A slope interpolated on a finer grid is the slope, so nothing changed."""
    rows, columns = np.mgrid[:12, :16].astype(np.float32)
    volume = Volume((columns - 7.5 + rows / 8)[None] / 4, (1.0, 1.0))
    finer = renamed(model(), size=(24, 32))
    found = compared(model(), finer, volume)
    change, where, turned = found.overlays
    inside = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(change.values[inside], 0, atol=0.02)  # a sigmoid is no slope
    assert not where.values[inside].any()
    np.testing.assert_allclose(turned.values[inside], 0, atol=1e-5)
    assert found.answers.column("Dice of the two") == pytest.approx((1, 1), abs=0.03)
    assert found.features.rows[0][2] == pytest.approx(0, abs=0.01)
    assert "prepare images otherwise" in found.notes[0]
    np.testing.assert_allclose(change.place.world, volume.affine)


def test_other_values_are_compared_where_they_lie(model, halves):
    """The second sees -1 and 1 instead of -LEVEL and LEVEL, and asks for more."""
    other = renamed(model(threshold=1.5 * LEVEL), normalise="zscore")
    found = compared(model(), other, halves)
    assert not found.overlays[1].values.any()
    assert found.answers.column("after") == (24, 24)


def test_windows_of_the_second_are_blended_over_what_the_first_shows(known, image):
    volume = image((20, 44))
    one, two = known(2), renamed(known(2), window=(16, 16))
    box = (slice(0, 20), slice(3, 21))
    view = view_of(one, volume, box=box)
    found = compare(one, two, view)
    change, where, *turned = found.overlays
    np.testing.assert_allclose(change.values, 0, atol=1e-5)
    assert change.values.shape == (2, 20, 18)
    assert change.translate == (0, 3)
    assert not where.values.any()
    np.testing.assert_allclose(turned[1].values, 0, atol=1e-5)  # the layer "fine"


def test_a_flat_and_a_deep_model_are_compared_over_the_slices_of_the_volume(known, image):
    volume = image((4, 8, 8))
    deep, flat = known(3), known(2)
    found = compare(deep, flat, view_of(deep, volume))
    np.testing.assert_allclose(found.overlays[0].values, 0, atol=1e-6)
    assert found.answers.column("Dice of the two") == (1, 1)


def test_classes_are_compared_that_both_find(known, image):
    one = renamed(known(2, classes=3), "liver", "spleen")
    two = renamed(known(2, classes=3), "liver", "kidney", window=(8, 8))
    found = compare(one, two, view_of(one, image((8, 8))))
    assert found.answers.column("class") == ("background", "liver")


@pytest.mark.parametrize(
    ("names", "activation", "said"),
    [
        (("polyp",), "softmax", "do not find the same classes"),
        (("class 1", "class 2"), "sigmoid", "do not answer alike"),
    ],
)
def test_models_for_other_purposes_are_not_compared(known, image, names, activation, said):
    one = known(2)
    two = renamed(known(2, activation=activation), *names, window=(16, 16))
    assert said in why_not_comparable(one.card, two.card)
    with pytest.raises(ValueError, match=said):
        compare(one, two, view_of(one, image((8, 8))))


def test_a_model_is_comparable_with_what_was_made_of_it_whatever_its_classes_are_called(known):
    one, two = known(2), renamed(known(2), "tumour")
    assert why_not_comparable(one.card, two.card) == ""
    assert [c.name for c in shared_classes(one.card, two.card)] == ["class 1"]
    assert not shared_classes(one.card, renamed(two, "tumour", window=(8, 8)).card)


def test_it_can_be_stopped_and_both_models_are_free_again(model, halves):
    def stop(step):
        raise Cancelled

    before, after = model(), model()
    with pytest.raises(Cancelled):
        compared(before, after, halves, report=stop)
    compared(before, after, halves)
