"""Learnt curves: their values, the inputs they saw, and which are worth a look."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_medseg.explain.splines import spline_curves, spline_layers
from napari_medseg.explain.viewing import view_of
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.blocks.kan import ChannelSpline, KANLinear
from napari_medseg.networks.config import NetConfig
from napari_medseg.progress import Cancelled

SIDE = 8


class Curved(SegmentationNetwork):
    """Bends each channel of the image by a curve of its own; the voxels are its tokens."""

    decoder_modules = ("bend",)

    def __init__(self, config: NetConfig) -> None:
        super().__init__(config)
        self.bend = ChannelSpline(config.in_channels)
        self.mix = KANLinear(config.in_channels, config.num_classes)
        self.fine = nn.Identity()

    @property
    def divisor(self) -> int:
        return 1

    @property
    def feature_info(self):
        return [Feature("fine", self.config.num_classes, 1)]

    def forward(self, x):
        self.check_input(x)
        tokens = self.mix(self.bend(x.movedim(1, -1)))
        return self.fine(tokens.movedim(-1, 1))


@pytest.fixture
def curved(segmenter_of):
    torch.manual_seed(0)
    network = Curved(NetConfig(spatial_dims=2, in_channels=2, num_classes=3)).eval()
    return segmenter_of(network)


@pytest.fixture
def seen(curved, image):
    return view_of(curved, image((SIDE, SIDE), channels=2), whole=True)


def test_layers_with_curves_are_found_by_name(curved):
    assert set(spline_layers(curved.network)) == {"bend", "mix"}
    assert not spline_layers(nn.Conv2d(1, 1, 1))


def test_curves_are_what_the_layer_computes(curved, seen):
    found = spline_curves(curved, seen, "bend", which=[1, 0], points=11)
    module = curved.network.bend
    x = torch.from_numpy(found.points)
    with torch.no_grad():
        expected = module(torch.stack([x, x], -1)).T
    np.testing.assert_allclose(found.values, expected[[1, 0]].numpy(), rtol=1e-5, atol=1e-6)
    assert found.channels == ("channel 2", "channel 1")


def test_an_edge_is_the_layer_with_one_input_at_work(curved, seen):
    module = curved.network.mix
    found = spline_curves(curved, seen, "mix", which=[4], points=9)  # input 1 to output 3
    assert found.channels == ("input 1 to output 3",)
    low, high = module.bounds
    at = torch.zeros(9, 2)
    at[:, 0] = torch.from_numpy(found.points)
    with torch.no_grad():
        moved = (module(at) - module(torch.zeros(1, 2)))[:, 2]
        rest = module.curves(torch.zeros(1))[2, 0]
    np.testing.assert_allclose(found.values[0], (moved + rest).numpy(), rtol=1e-4, atol=1e-5)
    assert found.points[0] < low < high < found.points[-1]
    assert found.bounds == (low, high)


def test_the_histogram_counts_every_input_once_and_says_how_many_are_beyond(curved, seen):
    found = spline_curves(curved, seen, "bend", which=[0, 1])
    x = seen.image[0].flatten(1).numpy()
    assert found.counts.sum(1).tolist() == [SIDE * SIDE] * 2
    expected = np.histogram(x[0].clip(found.edges[0], found.edges[-1]), found.edges)[0]
    np.testing.assert_array_equal(found.counts[0], expected)
    beyond = (np.abs(x) > 2).mean()
    assert found.notes == (f"{beyond:.1%} of the inputs lie beyond the grid from -2 to 2",)


def test_the_most_varied_come_first_and_so_many_as_asked(curved, seen):
    with torch.no_grad():
        curved.network.bend.coefficients[0] = 1  # constant
        curved.network.bend.coefficients[1] = torch.linspace(-1, 1, 11)
    assert spline_curves(curved, seen, "bend").channels == ("channel 2", "channel 1")
    assert spline_curves(curved, seen, "bend", most=1).channels == ("channel 2",)
    assert len(spline_curves(curved, seen, "mix", most=99).channels) == 6


def test_of_a_straight_layer_the_curve_is_the_silu(curved, seen):
    with torch.no_grad():
        curved.network.mix.scale.zero_()
        curved.network.mix.weight.fill_(2)
    found = spline_curves(curved, seen, "mix", which=[0])
    expected = 2 * functional.silu(torch.from_numpy(found.points))
    np.testing.assert_allclose(found.values[0], expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "which", "said"),
    [
        ("bent", None, r"no learnt curves at 'bent'.*did you mean bend.*it has them at bend, mix"),
        ("bend", [2], "bend has curves 0 to 1"),
        ("mix", [-1], "mix has curves 0 to 5"),
    ],
)
def test_what_is_not_there_is_refused_in_words(curved, seen, layer, which, said):
    with pytest.raises(ValueError, match=said):
        spline_curves(curved, seen, layer, which=which)


def test_nothing_is_left_behind_also_after_cancel(curved, seen):
    def stop(step):
        raise Cancelled

    spline_curves(curved, seen, "bend")
    with pytest.raises(Cancelled):
        spline_curves(curved, seen, "bend", report=stop)
    assert not curved.network.bend._forward_pre_hooks
    spline_curves(curved, seen, "bend")  # and the network is free again


def test_curves_are_written_as_rows_of_points_and_of_counts(curved, seen, tmp_path):
    found = spline_curves(curved, seen, "bend", points=5)
    found.save(tmp_path / "curves.csv")
    rows = list(csv.reader((tmp_path / "curves.csv").read_text().splitlines()))
    assert rows[0] == ["kind", "x", *found.channels]
    curve, inputs = rows[1:6], rows[6:]
    assert {row[0] for row in curve} == {"curve"}
    assert {row[0] for row in inputs} == {"inputs"}
    np.testing.assert_allclose([float(r[1]) for r in curve], found.points, rtol=1e-6)
    np.testing.assert_allclose([float(r[3]) for r in curve], found.values[1], rtol=1e-6)
    assert sum(int(row[2]) for row in inputs) == SIDE * SIDE
    with pytest.raises(ValueError, match=r"curves.png: curves are written as .csv"):
        found.save(tmp_path / "curves.png")
