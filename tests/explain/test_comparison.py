"""Two models on one image: how far answers and features differ, with answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medseg.explain.comparison import compare
from napari_medseg.explain.view import view_of
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


def test_models_that_prepare_images_otherwise_are_not_compared(model, halves):
    other = model()
    card = other.card
    other.card = card.replace(preprocessing=card.preprocessing.replace(normalise="zscore"))
    with pytest.raises(ValueError, match="do not prepare images alike; compare their labels"):
        compared(model(), other, halves)


def test_it_can_be_stopped_and_both_models_are_free_again(model, halves):
    def stop(step):
        raise Cancelled

    before, after = model(), model()
    with pytest.raises(Cancelled):
        compared(before, after, halves, report=stop)
    compared(before, after, halves)
