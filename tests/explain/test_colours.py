"""Colours of maps that leave as pictures, and where an overlay lies in mm."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.explain.colours import blended, coloured
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.place import Place
from napari_medseg.explain.table import Table
from napari_medseg.volume import Volume

MAPS = ("magma", "viridis", "coolwarm")


@pytest.mark.parametrize("name", MAPS)
def test_beyond_the_limits_it_is_the_first_and_the_last_colour(name):
    found = coloured(np.array([-9.0, 0.0, 1.0, 9.0]), name, (0.0, 1.0))
    assert found.shape == (3, 4)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    np.testing.assert_array_equal(found[:, 2], found[:, 3])
    assert (found[:, 0] != found[:, 3]).any()


@pytest.mark.parametrize("name", ["magma", "viridis"])
def test_larger_values_are_lighter(name):
    found = coloured(np.linspace(0, 1, 50), name, (0.0, 1.0))
    light = np.array([0.2126, 0.7152, 0.0722]) @ found
    assert (np.diff(light) > -1).all()
    assert light[-1] > light[0] + 100


def test_zero_is_grey_where_maps_have_two_signs():
    found = coloured(np.array([-2.0, 0.0, 2.0]), "coolwarm", (-2.0, 2.0)).astype(int)
    assert np.ptp(found[:, 1]) == 0
    assert found[2, 0] > found[0, 0]  # against: blue
    assert found[0, 2] > found[2, 2]  # for: red


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_black_and_lets_the_picture_through(nothing):
    values = np.array([[1.0, nothing]])
    assert not coloured(values, "viridis", (0.0, 1.0))[:, 0, 1].any()
    found = blended(np.full((1, 2), 77, np.uint8), values, "viridis", (0.0, 1.0), 1.0)
    np.testing.assert_array_equal(found[:, 0, 1], 77)
    np.testing.assert_array_equal(found[:, 0, 0], [0xFD, 0xE7, 0x25])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), opacity=st.floats(0, 1), colour=st.booleans())
def test_a_blend_lies_between_picture_and_map(seed, opacity, colour):
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 256, (3, 4, 5) if colour else (4, 5)).astype(np.uint8)
    values = rng.normal(size=(4, 5))
    over = coloured(values, "magma", (-1.0, 1.0)).astype(int)
    found = blended(grey, values, "magma", (-1.0, 1.0), opacity).astype(int)
    under = np.broadcast_to(grey, found.shape).astype(int)
    assert (found >= np.minimum(under, over)).all()
    assert (found <= np.maximum(under, over)).all()
    np.testing.assert_array_equal(blended(grey, values, "magma", (-1.0, 1.0), 0.0), under)
    np.testing.assert_array_equal(blended(grey, values, "magma", (-1.0, 1.0), 1.0), over)


@settings(deadline=None, max_examples=30)
@given(
    scale=st.tuples(st.sampled_from([0.5, 1.0, 2.0, 3.5]), st.sampled_from([1.0, 4.0])),
    first=st.tuples(st.floats(-5, 5), st.floats(0, 9)),
    spacing=st.tuples(st.floats(0.3, 4), st.floats(0.3, 4)),
)
def test_steps_of_an_overlay_in_mm_are_those_of_its_world(scale, first, spacing):
    volume = Volume(np.zeros((1, 12, 16), np.float32), spacing)
    place = Place.over(volume, scale, first)
    assert place.scale_mm == pytest.approx(np.multiply(scale, spacing))
    assert place.translate_mm == pytest.approx(np.multiply(first, spacing))
    steps = np.linalg.norm(place.world[:3, 1:3], axis=0)
    assert steps == pytest.approx(place.scale_mm)
    offset = place.world[:3, 3] - volume.affine[:3, 3]
    assert np.linalg.norm(offset) == pytest.approx(np.linalg.norm(place.translate_mm), abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(scale=st.sampled_from([1.0, 2.0, 3.0, 4.0]), at=st.integers(0, 23))
def test_a_voxel_of_the_image_is_covered_by_the_block_it_lies_in(scale, at):
    volume = Volume(np.zeros((1, 24, 24), np.float32), (1.0, 1.0))
    place = Place.over(volume, (scale, scale), ((scale - 1) / 2,) * 2)
    assert place.around((at, at)) == (at // int(scale),) * 2


def test_rows_of_a_volume_name_its_axes_and_maps(tmp_path):
    volume = Volume(np.zeros((1, 2, 4, 4), np.float32), (3.0, 1.0, 1.0))
    values = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2)
    place = Place.over(volume, (1.0, 2.0, 2.0), (0.0, 0.5, 0.5))
    overlay = Overlay("two maps", "what they show", values, place, channels=("a", "b, c"))
    overlay.save(tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text()
    rows = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))
    assert text.startswith("# what they show\n# d, h, w are")
    assert rows[0] == ["map", "d", "h", "w", "value"]
    assert rows[1] == ["a", "0.0", "0.5", "0.5", "0.0"]
    assert rows[-1] == ["b, c", "1.0", "2.5", "2.5", "15.0"]
    assert len(rows) == 1 + values.size


def test_a_table_knows_its_columns_and_refuses_rows_that_do_not_fit(tmp_path):
    table = Table("sizes", "how large", ("what", "mm"), (("a", 1.5), ("b, c", 2)))
    assert table.column("mm") == (1.5, 2)
    assert table.to_csv() == '# how large\nwhat,mm\na,1.5\n"b, c",2\n'
    with pytest.raises(ValueError, match="not in tuple"):
        table.column("cm")
    with pytest.raises(ValueError, match="every row of 'sizes' needs 2 values"):
        Table("sizes", "", ("what", "mm"), (("a",),))
    with pytest.raises(ValueError, match=r"sizes.txt: a table is written as .csv"):
        table.save(tmp_path / "sizes.txt")
    assert not list(tmp_path.iterdir())
