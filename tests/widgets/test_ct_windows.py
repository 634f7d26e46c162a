"""CT windows are for CT, and only for CT."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt

from napari_medseg.widgets.ct_row import CTRow
from napari_medseg.widgets.ct_windows import WINDOWS, why_not_ct


@pytest.fixture
def ct():
    values = np.random.default_rng(0).normal(40, 20, (6, 30, 30)).astype(np.int16)
    values[:, :8] = -1000
    values[2, 10, 10] = 3071
    return values


@pytest.mark.parametrize(
    ("name", "level", "width", "shown"),
    [
        ("Brain", 40, 80, (0, 80)),
        ("Lung", -600, 1500, (-1350, 150)),
        ("Bone", 400, 1800, (-500, 1300)),
        ("Abdomen", 50, 400, (-150, 250)),
        ("Liver", 30, 150, (-45, 105)),
    ],
)
def test_the_windows_are_those_of_the_textbook(name, level, width, shown):
    (window,) = [w for w in WINDOWS if w.name == name]
    assert (window.level, window.width, window.limits) == (level, width, shown)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_hounsfield_units_are_a_ct(ct, dtype):
    assert why_not_ct(Image(ct.astype(dtype), name="scan")) == ""


def test_padding_below_air_and_voxels_without_a_value_do_not_matter(ct):
    ct[0] = -3024
    assert why_not_ct(Image(ct, name="scan")) == ""
    holes = ct.astype(np.float32)
    holes[0] = np.nan
    assert why_not_ct(Image(holes, name="scan")) == ""


def test_a_cropped_organ_is_a_ct_where_its_name_says_so(ct):
    organ = ct[:, 10:]
    organ[0, 0, 0] = -40
    assert "no CT" in why_not_ct(Image(organ, name="liver"))
    assert why_not_ct(Image(organ, name="liver_CT")) == ""


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).integers(0, 4000, (5, 20, 20)).astype(np.uint16),
        np.random.default_rng(0).normal(0, 1, (5, 20, 20)).astype(np.float32),
        np.random.default_rng(0).integers(-20000, 20000, (5, 20, 20)).astype(np.int16),
        np.full((5, 20, 20), -1000, np.int16),
        np.random.default_rng(0).integers(0, 255, (20, 20)).astype(np.uint8),
    ],
    ids=["raw CT without its offset", "normalised MRI", "PET or phase", "only air", "a picture"],
)
def test_other_values_are_none_and_it_is_said(values):
    assert why_not_ct(Image(values, name="scan")) == (
        "scan does not hold Hounsfield units (air is -1000), so it is no CT"
    )


def test_a_picture_in_colour_and_no_image_are_said():
    photo = Image(np.zeros((8, 8, 3), np.uint8), rgb=True, name="photo")
    assert "picture in colour" in why_not_ct(photo)
    assert why_not_ct(None) == "There is no image yet"


def test_data_that_is_not_in_memory_is_judged_by_its_middle(ct):
    import dask.array

    asked = []

    def slab(block_info=None):
        at = block_info[None]["chunk-location"][0]
        asked.append(at)
        return ct[at : at + 1]

    lazy = dask.array.map_blocks(
        slab, chunks=((1,) * 6, (30,), (30,)), dtype=ct.dtype, meta=np.empty((0, 0, 0), ct.dtype)
    )
    layer = Image(lazy, name="scan", contrast_limits=(-1000, 1000))
    asked.clear()
    assert why_not_ct(layer) == ""
    assert set(asked) == {3}


def test_a_click_sets_the_contrast(qtbot, ct):
    row = CTRow()
    qtbot.addWidget(row)
    layer = Image(ct, name="scan")
    row.show_for(layer)
    qtbot.mouseClick(row.buttons["Lung"], Qt.MouseButton.LeftButton)
    assert layer.contrast_limits == [-1350, 150]
    assert layer.contrast_limits_range[0] <= -1350
    assert "-1350 to 150 HU" in row.buttons["Lung"].toolTip()


def test_the_buttons_are_grey_and_say_why_for_what_is_no_ct(qtbot):
    row = CTRow()
    qtbot.addWidget(row)
    layer = Image(np.random.default_rng(0).random((20, 20)), name="scan")
    row.show_for(layer)
    before = layer.contrast_limits
    qtbot.mouseClick(row.buttons["Bone"], Qt.MouseButton.LeftButton)
    assert layer.contrast_limits == before
    assert not any(button.isEnabled() for button in row.buttons.values())
    assert "scan does not hold Hounsfield" in row.buttons["Bone"].toolTip()
