"""Numbers per layer and learnt curves, against values computed by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from napari_medseg.explain.analyses import activation_ratio, channel_redundancy, log_amplitude
from napari_medseg.explain.splines import spline_curves, spline_layers
from napari_medseg.explain.viewing import view_of
from napari_medseg.networks.blocks.kan import KANLinear
from napari_medseg.volume import Volume


def view_with(segmenter, values):
    return view_of(segmenter, Volume(np.asarray(values, np.float32), (1.0,) * (values.ndim - 1)))


def test_channels_that_are_orthogonal_are_not_redundant_and_equal_ones_are(known):
    segmenter = known(2, channels=4)
    orthogonal = np.zeros((4, 8, 8))
    for i in range(4):
        orthogonal[i, 2 * i] = i + 1  # of different sizes
    table = channel_redundancy(segmenter, view_with(segmenter, orthogonal), ["fine"])
    assert table.column("mean singular value")[0] == pytest.approx(1)
    same = np.repeat(np.random.default_rng(0).normal(size=(1, 8, 8)), 4, 0)
    table = channel_redundancy(segmenter, view_with(segmenter, same), ["fine"])
    assert table.column("mean singular value")[0] == pytest.approx(0.5, abs=1e-3)
    assert table.column("if all were the same")[0] == pytest.approx(0.5)
    assert table.measured() == [("fine", table.column("mean singular value")[0])]
    assert "LGMSNet" in table.definition


def test_silent_channels_are_counted_and_left_out(known):
    segmenter = known(2, channels=3)
    values = np.zeros((3, 8, 8))
    values[0, 0], values[2, 1] = 1, 1
    table = channel_redundancy(segmenter, view_with(segmenter, values), ["fine"])
    assert table.rows[0][:4] == ("fine", 3, 1, pytest.approx(1))


def test_the_ratio_is_that_of_the_mean_sizes(known):
    segmenter = known(2)
    labels = np.zeros((8, 12), np.uint8)
    labels[:4, :4] = 1
    values = np.where(labels, -6.0, 2.0)[None]
    view = view_with(segmenter, values)
    table = activation_ratio(segmenter, view, 1, labels=labels)
    assert table.column("layer") == ("coarse", "fine")
    assert table.column("ratio") == pytest.approx((3, 3))


def test_a_small_image_of_parts_of_blocks_has_a_ratio(known):
    segmenter = known(2)  # 5 x 5 pixels, padded to 8 x 8: two blocks a side
    labels = np.zeros((5, 5), np.uint8)
    labels[:2, :2] = 1
    view = view_with(segmenter, np.where(labels, 4.0, 1.0)[None])
    ratios = activation_ratio(segmenter, view, 1, labels=labels).column("ratio")
    assert ratios[1] == 4
    assert ratios[0] > 1


def test_frequencies_are_those_of_a_wave(known):
    segmenter = known(2)
    wave = np.cos(np.pi * 0.5 * np.arange(32))[None, None] * np.ones((1, 32, 1))  # half the finest
    table = log_amplitude(segmenter, view_with(segmenter, wave + 1e-3), ["fine", "coarse"])
    assert table.kind == "lines"
    assert table.column("fine")[0] == 0
    strongest = int(np.argmax(table.column("fine")))
    assert table.column("frequency")[strongest] == pytest.approx(0.5, abs=0.04)
    assert "coarse" in table.columns  # 8 voxels a side


def test_maps_without_room_for_frequencies_are_left_out(known):
    segmenter = known(2)
    table = log_amplitude(
        segmenter, view_with(segmenter, np.random.default_rng(0).random((1, 9, 9)))
    )
    assert table.columns == ("frequency", "fine")


@pytest.mark.parametrize("analysis", [channel_redundancy, log_amplitude])
def test_layers_that_are_not_there_are_refused(known, image, analysis):
    segmenter = known(2)
    with pytest.raises(ValueError, match="did you mean coarse"):
        analysis(segmenter, view_of(segmenter, image((16, 16))), ["coarsee"])


def test_the_curves_drawn_are_the_functions_of_the_layer(tiny, image):
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((16, 24)))
    name = "skip1.channel.1"
    layer = segmenter.network.get_submodule(name)
    assert isinstance(layer, KANLinear)
    curves = spline_curves(segmenter, view, name, which=[0, 13])
    x = torch.zeros(len(curves.points), 8)
    x[:, 5] = torch.from_numpy(curves.points)
    with torch.no_grad():
        moved = layer(x)[:, 1] - layer(torch.zeros(1, 8))[:, 1]  # edge 13: input 6 to output 2
        start = layer.curves(torch.zeros(1))[1, 5]
    np.testing.assert_allclose(curves.values[1], (moved + start).numpy(), atol=1e-5)
    assert curves.channels == ("input 1 to output 1", "input 6 to output 2")
    assert curves.bounds == (-2, 2)


def test_the_histogram_counts_every_input_the_layer_saw(tiny, image):
    segmenter = tiny("msd_kmamba", 3)
    view = view_of(segmenter, image((32, 32, 32)))
    name = "enc2.1.bend.spline"
    curves = spline_curves(segmenter, view, name, most=3)
    assert curves.values.shape == (3, 201)
    assert (curves.counts.sum(1) == 8**3).all()
    layer = segmenter.network.get_submodule(name)
    with torch.no_grad():
        drawn = layer.curves(torch.from_numpy(curves.points))
    rows = [int(c.split()[1]) - 1 for c in curves.channels]
    np.testing.assert_allclose(curves.values, drawn[rows].numpy(), rtol=1e-6)
    assert "beyond the grid" in curves.notes[0]


def test_where_few_inputs_are_seen_the_liveliest_curves_are_drawn(tiny, image):
    segmenter = tiny("gladnet")  # a gate per image: one input per curve
    curves = spline_curves(segmenter, view_of(segmenter, image((8, 8))), "skip1.channel.1", most=2)
    every = spline_curves(
        segmenter, view_of(segmenter, image((8, 8))), "skip1.channel.1", which=range(64)
    )
    assert (curves.counts.sum(1) == 1).all()
    spread = np.sort(every.values.var(1))[::-1]
    np.testing.assert_allclose(curves.values.var(1), spread[:2], rtol=1e-5)


def test_curves_are_written_with_their_histogram(tiny, image, tmp_path):
    segmenter = tiny("gladnet")
    curves = spline_curves(
        segmenter, view_of(segmenter, image((8, 8))), "skip1.channel.1", most=2, points=11
    )
    curves.save(tmp_path / "curves.csv")
    rows = list(csv.reader((tmp_path / "curves.csv").read_text().splitlines()))
    assert rows[0] == ["kind", "x", *curves.channels]
    assert [row[0] for row in rows[1:]] == ["curve"] * 11 + ["inputs"] * 40
    assert float(rows[3][2]) == pytest.approx(float(curves.values[0, 2]))
    with pytest.raises(ValueError, match=r"\.csv"):
        curves.save(tmp_path / "curves.png")


def test_models_without_curves_say_so(tiny, image):
    segmenter = tiny("lgmsnet")
    assert not spline_layers(segmenter.network)
    with pytest.raises(ValueError, match="it has them at no layer"):
        spline_curves(segmenter, view_of(segmenter, image((32, 32))), "enc1")
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((8, 8)))
    with pytest.raises(ValueError, match="did you mean skip1"):
        spline_curves(segmenter, view, "skip1.channel")
    with pytest.raises(ValueError, match="curves 0 to 63"):
        spline_curves(segmenter, view, "skip1.channel.1", which=[64])
