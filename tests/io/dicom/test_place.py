"""Slices from any direction, in any order: each ends where its header says it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from napari_medseg.io.dicom import pixels
from napari_medseg.io.dicom.headers import Frame, Header
from napari_medseg.io.dicom.place import place
from napari_medseg.io.dicom.series import Series, _grouped
from napari_medseg.io.errors import UnusableFile

SEEDS = st.integers(0, 2**32)


def _frame(position, rows=(1, 0, 0), columns=(0, 1, 0), *, name="IM", kind=(), **tags):
    said = Dataset()
    said.Rows, said.Columns, said.Modality = 4, 5, "CT"
    for keyword, value in tags.items():
        setattr(said, keyword, value)
    vectors = [None if v is None else np.asarray(v, float) for v in (position, rows, columns)]
    return Frame(Header(Path(name), said), 0, *vectors, (0.8, 0.6), None, None, 1.0, 0.0, kind)


def _turned(rng):
    """Return two directions at right angles to each other, at random."""
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return axes[0], axes[1]


def _stack(rng, count, step):
    rows, columns = _turned(rng)
    origin = rng.uniform(-200, 200, 3)
    normal = np.cross(rows, columns)
    return [_frame(origin + i * step * normal, rows, columns) for i in range(count)]


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 9), st.floats(0.2, 12))
def test_every_pixel_is_where_its_slice_says_whatever_the_order_of_the_files(seed, count, step):
    rng = np.random.default_rng(seed)
    frames = _stack(rng, count, step)
    found = place([frames[i] for i in rng.permutation(count)], "x")
    assert list(found.frames) == frames  # along the normal
    assert (found.known, found.notes) == (True, ())
    for index, frame in enumerate(found.frames):
        row, column = rng.integers(0, 50, 2)
        told = frame.position + row * 0.8 * frame.columns + column * 0.6 * frame.rows
        at = found.affine @ [index, row, column, 1]
        np.testing.assert_allclose(at[:3], told * (-1, -1, 1), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(4, 9), st.floats(0.5, 8), st.integers(1, 2))
def test_slices_that_are_missing_are_counted(seed, count, step, missing):
    frames = _stack(np.random.default_rng(seed), count + missing, step)
    del frames[2 : 2 + missing]
    with pytest.raises(UnusableFile, match=f"lacks {missing} slices?: after slice 2 "):
        place(frames, "x")


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(3, 9))
def test_slices_that_breathe_a_little_are_one_volume(seed, count):
    rng = np.random.default_rng(seed)
    frames = _stack(rng, count, 5.0)
    for frame in frames:
        frame.position[:] += 0.1 * np.cross(frame.rows, frame.columns) * rng.uniform(-1, 1)
    found = place(frames[::-1], "x")
    assert list(found.frames) == frames
    assert np.linalg.norm(found.affine[:3, 0]) == pytest.approx(5, abs=0.11)


def test_slices_at_odd_distances_are_refused_with_the_distances():
    frames = [_frame((0, 0, z)) for z in (0, 2, 4, 7, 10)]
    with pytest.raises(UnusableFile, match="'liver' do not lie regularly, from 2 to 3 mm apart"):
        place(frames, "liver")


def test_a_slice_that_is_there_twice_is_used_once_if_its_pixels_are_the_same(monkeypatch):
    frames = [_frame((0, 0, z), name=f"IM{i}") for i, z in enumerate((0, 2, 2, 4, 4.001))]
    monkeypatch.setattr(pixels, "same_pixels", lambda one, other: True)
    found = place(frames, "x")
    assert [frame.position[2] for frame in found.frames] == [0, 2, 4]
    assert found.notes == ("2 slices of 'x' were there twice; one is used",)
    monkeypatch.setattr(pixels, "same_pixels", lambda one, other: False)
    with pytest.raises(UnusableFile, match=r"different slices in one place \(IM1 and IM2\)"):
        place(frames, "x")


@pytest.mark.parametrize("degrees", [-20, -5, 0.2, 12])
def test_a_tilt_is_said_and_shears_the_grid(degrees):
    lean = np.tan(np.radians(degrees))
    found = place([_frame((0, 3 * z * lean, 3 * z)) for z in range(5)], "x")
    assert bool(found.notes) is (abs(degrees) > 0.5)
    if found.notes:
        assert f"tilted by {abs(degrees):.1f}°" in found.notes[0]
    np.testing.assert_allclose(found.affine[:3, 0], (0, -3 * lean, 3), atol=1e-9)


@pytest.mark.parametrize(
    ("tags", "thickness"),
    [
        ({}, 1),
        ({"SliceThickness": "2.5"}, 2.5),
        ({"SliceThickness": "", "SpacingBetweenSlices": "3"}, 3),
        ({"SliceThickness": "0", "SpacingBetweenSlices": "-3"}, 3),
    ],
)
@pytest.mark.parametrize("enhanced", [False, True], ids=["single", "enhanced"])
def test_a_slice_without_neighbours_is_as_thick_as_its_header_says(tags, thickness, enhanced):
    said = _frame(None, **({} if enhanced else tags)).header.tags
    said.ImagePositionPatient, said.PixelSpacing = ["1", "2", "3"], ["0.8", "0.6"]
    said.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    if enhanced:
        said.SharedFunctionalGroupsSequence = [Dataset()]
        said.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence = [Dataset()]
        for keyword, value in tags.items():
            measures = said.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
            setattr(measures, keyword, value)
    found = place(Header(Path("IM"), said).frames(), "x")
    assert np.linalg.norm(found.affine[:3, 0]) == pytest.approx(thickness)
    np.testing.assert_allclose(found.affine[:3, 3], (-1, -2, 3))


def test_slices_of_which_one_lies_nowhere_are_refused():
    with pytest.raises(UnusableFile, match="some slices of 'x' do not say where they lie"):
        place([_frame((0, 0, 0)), _frame(None)], "x")
    nowhere = place([_frame(None), _frame(None)], "x")
    assert not nowhere.known
    assert "perhaps they are a film" in nowhere.notes[0]


def test_slices_on_a_bent_line_are_refused():
    frames = [_frame((5 * (z == 2), 0, 3 * z)) for z in range(5)]
    with pytest.raises(UnusableFile, match="beside a straight line"):
        place(frames, "x")


def _grouped_of(frames):
    """Group frames, each the only one of a file."""
    headers = []
    for frame in frames:
        headers.append(
            type("_One", (Header,), {"frames": lambda self, f=frame: [f]})(
                frame.header.path, frame.header.tags
            )
        )
    return _grouped(headers)


def test_directions_that_differ_by_rounding_are_one_series_and_others_are_not():
    one = {"SeriesInstanceUID": "1.2"}
    close = [_frame((0, 0, z), (1, 1e-4 * z, 0), **one) for z in range(3)]
    assert len(_grouped_of(close)) == 1
    sagittal = [_frame((x, 0, 0), (0, 1, 0), (0, 0, -1), **one) for x in range(2)]
    assert [len(series.frames) for series in _grouped_of(close + sagittal)] == [3, 2]
    minus = [_frame((0, 0, z), (1, -1e-9 * z, 0), **one) for z in range(3)]
    assert len(_grouped_of(minus)) == 1  # -0.0 is 0.0


def test_what_tells_frames_of_one_place_apart_names_the_parts():
    kinds = [(("echo", str(echo)),) for echo in (20, 80)]
    frames = [
        _frame((0, 0, z), kind=kind, SeriesInstanceUID="1.2", SeriesDescription="T2")
        for z in range(3)
        for kind in kinds
    ]
    found = _grouped_of(frames)
    assert [(len(series.frames), series.name) for series in found] == [
        (3, "T2, echo 20"),
        (3, "T2, echo 80"),
    ]


def test_series_come_in_the_order_of_their_numbers_as_people_count():
    frames = [
        _frame((0, 0, 0), name=f"IM{n}", SeriesInstanceUID=f"1.{n}", SeriesNumber=str(n))
        for n in (10, 9, 2)
    ]
    assert [series.header.text("SeriesNumber") for series in _grouped_of(frames)] == [
        "2",
        "9",
        "10",
    ]


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"SeriesDescription": " Liver "}, "Liver"),
        ({"ProtocolName": "Abdomen"}, "Abdomen"),
        ({"SeriesNumber": "7"}, "CT 7"),
        ({"Modality": ""}, "scan 3"),
    ],
)
def test_a_series_has_a_name_whatever_its_header_lacks(tags, name):
    series = Series((_frame((0, 0, 0), name="scan 3.dcm", **tags),))
    assert series.name == name
    assert series.words.startswith(f"{name} (")
    assert series.words.endswith(", 5 x 4)")
