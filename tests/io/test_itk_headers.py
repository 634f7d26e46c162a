"""Odd headers of NRRD and MetaImage: read as they are meant, or refused in a sentence."""

from __future__ import annotations

import gzip
import sys

import numpy as np
import pytest

from napari_medseg.io import read_labels, read_volume
from napari_medseg.io.classes import ClassName, hex_colour
from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.itk import segments

pytest.importorskip("SimpleITK")

COUNT = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)  # (slice, row, column)
VALUES = COUNT.tobytes()
SIZES = ("type: uchar", "dimension: 3", "sizes: 4 3 2")
DIRECTIONS = "space directions: (2,0,0) (0,3,0) (0,0,4)"


def nrrd(path, *lines, values=VALUES, sizes=(*SIZES, "encoding: raw"), end="\n"):
    text = end.join(("NRRD0004", *sizes, *lines))
    path.write_bytes(text.encode() + 2 * end.encode() + values)
    return path


def meta(path, *lines, values=VALUES, kind="MET_UCHAR"):
    first = ("ObjectType = Image", "NDims = 3", "DimSize = 4 3 2", *lines)
    text = "\n".join((*first, f"ElementType = {kind}", "ElementDataFile = LOCAL", ""))
    path.write_bytes(text.encode() + values)
    return path


def mm_of(volume, value):
    """Return where in RAS+ mm the only voxel with a value is."""
    ((_, *at),) = np.argwhere(volume.array == value).tolist()
    return (volume.affine @ [*at, 1])[:3].tolist()


@pytest.mark.parametrize(
    ("space", "to_ras"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
    ],
)
def test_a_voxel_is_at_the_same_place_in_every_space(tmp_path, space, to_ras):
    path = nrrd(tmp_path / "x.nrrd", f"space: {space}", DIRECTIONS, "space origin: (10,20,30)")
    volume = read_volume(path)
    for value in (0, 5, 23):
        depth, row, column = np.argwhere(np.equal(COUNT, value))[0]
        told = np.array([10 + 2 * column, 20 + 3 * row, 30 + 4 * depth])
        assert mm_of(volume, value) == pytest.approx(told * to_ras)
    assert volume.spacing == (4, 3, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("field", ["spacings", "Spacings"])
def test_line_ends_and_capitals_do_not_hide_the_voxel_size(tmp_path, end, field):
    volume = read_volume(nrrd(tmp_path / "x.nrrd", f"{field}: 2 3 4", end=end))
    assert (volume.spacing, volume.spacing_known) == ((4, 3, 2), True)
    np.testing.assert_array_equal(volume.array[0], COUNT)


@pytest.mark.parametrize("size", ["nan nan nan", "NaN NaN NaN", "2 3 nan"])
def test_a_voxel_size_that_is_no_number_is_not_known(tmp_path, size):
    assert not read_volume(nrrd(tmp_path / "x.nrrd", f"spacings: {size}")).spacing_known


def test_a_comment_that_speaks_of_the_voxel_size_does_not_state_it(tmp_path):
    path = nrrd(tmp_path / "x.nrrd", "# spacings: 2 3 4", "protocol:=spacings: 2 3 4")
    assert not read_volume(path).spacing_known


@pytest.mark.parametrize(
    "line", ["spacings: 0 1 1", "space: LPS\nspace directions: (1,0,0) (1,0,0) (0,0,1)"]
)
def test_a_grid_without_a_volume_is_refused_in_a_sentence(tmp_path, line):
    with pytest.raises(UnusableFile, match=r"^x\.nrrd is cut off or damaged; "):
        read_volume(nrrd(tmp_path / "x.nrrd", line))


@pytest.mark.parametrize(
    ("encoding", "values"),
    [
        ("raw", VALUES),
        ("gzip", gzip.compress(VALUES, mtime=0)),
        ("ascii", " ".join(map(str, COUNT.ravel())).encode() + b"\n"),
        ("hex", VALUES.hex().encode()),
    ],
)
def test_values_are_the_same_in_every_encoding(tmp_path, encoding, values):
    path = nrrd(tmp_path / "x.nrrd", values=values, sizes=(*SIZES, f"encoding: {encoding}"))
    np.testing.assert_array_equal(read_volume(path).array[0], COUNT)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "f4"])
def test_values_are_the_same_in_every_byte_order(tmp_path, order, dtype):
    values = (COUNT.astype(float) * 100 - (dtype[0] != "u") * 300).astype(dtype)
    stored = values.astype(("<" if order == "little" else ">") + dtype).tobytes()
    names = {"i2": "short", "u2": "ushort", "i4": "int", "f4": "float"}
    sizes = (f"type: {names[dtype]}", *SIZES[1:], "encoding: raw", f"endian: {order}")
    of_nrrd = read_volume(nrrd(tmp_path / "x.nrrd", values=stored, sizes=sizes)).array[0]
    flag = f"ElementByteOrderMSB = {order == 'big'}"
    kind = f"MET_{names[dtype].upper()}"
    of_meta = read_volume(meta(tmp_path / "x.mha", flag, values=stored, kind=kind)).array[0]
    for read in (of_nrrd, of_meta):
        np.testing.assert_array_equal(read, values)
        assert (read.dtype, read.dtype.isnative) == (values.dtype, True)


def test_values_beside_their_header_are_found(tmp_path):
    (tmp_path / "x.raw").write_bytes(VALUES)
    header = nrrd(tmp_path / "x.nhdr", "spacings: 2 3 4", "data file: x.raw", values=b"")
    np.testing.assert_array_equal(read_volume(header).array[0], COUNT)
    (tmp_path / "x.raw").write_bytes(VALUES[:-1])
    with pytest.raises(UnusableFile, match=r"^x\.nhdr "):
        read_volume(header)


@pytest.mark.parametrize(
    ("lines", "spacing", "known"),
    [
        ((), (1, 1, 1), False),
        (("ElementSpacing = 2 3 4",), (4, 3, 2), True),
        (("ElementSize = 2 3 4",), (4, 3, 2), True),
        (("ElementSize = 9 9 9", "ElementSpacing = 2 3 4"), (4, 3, 2), True),
        (("Comment = ElementSpacing",), (1, 1, 1), False),
    ],
)
def test_a_metaimage_has_the_voxel_size_that_it_states(tmp_path, lines, spacing, known):
    volume = read_volume(meta(tmp_path / "x.mha", *lines))
    assert (volume.spacing, volume.spacing_known) == (spacing, known)


@pytest.mark.parametrize("word", ["Offset", "Position", "Origin"])
def test_the_first_voxel_of_a_metaimage_lies_where_any_of_three_words_says(tmp_path, word):
    volume = read_volume(meta(tmp_path / "x.mha", "ElementSpacing = 2 3 4", f"{word} = 10 20 30"))
    assert mm_of(volume, 0) == pytest.approx([-10, -20, 30])
    assert mm_of(volume, 23) == pytest.approx([-16, -26, 34])


@pytest.mark.parametrize("line", ["ElementSpacing = 0 1 1", "ElementSpacing = nan 1 1"])
def test_a_metaimage_without_a_voxel_size_that_can_be_is_refused(tmp_path, line):
    with pytest.raises(UnusableFile, match=r"^x\.mha is cut off or damaged; "):
        read_volume(meta(tmp_path / "x.mha", line))


@pytest.mark.parametrize("make", [nrrd, meta])
def test_wherever_a_file_is_cut_off_it_is_refused_by_its_name(tmp_path, make):
    name = "x.nrrd" if make is nrrd else "x.mha"
    whole = make(tmp_path / name).read_bytes()
    for end in range(8, len(whole), 3):
        (tmp_path / name).write_bytes(whole[:end])
        with pytest.raises(ValueError, match=name):
            read_volume(tmp_path / name)


def test_a_segmentation_whose_words_are_odd_is_read_all_the_same(tmp_path):
    lines = (
        "Segment0_Name:=liver: left = big",
        "Segment0_LabelValue:=many",
        "Segment0_Color:=red",
        "Segment1_LabelValue:=5",
        "Segment1_Color:=nan 0 0",
        "Segment2_Extent:=0 1 0 1 0 1",
    )
    classes = read_labels(nrrd(tmp_path / "x.seg.nrrd", *lines)).storage.header["classes"]
    assert classes == [ClassName(1, "liver: left = big"), ClassName(5, "segment 5")]


def test_segments_are_in_the_order_of_their_numbers():
    tags = {f"Segment{n}_Name": f"part {n}" for n in (10, 2, 0)}
    assert [one.value for one in segments(tags)] == [1, 3, 11]
    assert [one.name for one in segments(tags)] == ["part 0", "part 2", "part 10"]
    assert segments({"Segmentation_Name": "x", "SegmentX_Name": "y"}) == []


@pytest.mark.parametrize(
    ("rgb", "said"),
    [
        ((0, 0, 0), "#000000"),
        ((1, 1, 1), "#ffffff"),
        ((2, -1, 0.5), "#ff0080"),
        ((), ""),
        ((1, 1), ""),
        ((1, 1, 1, 1), ""),
    ],
)
def test_a_colour_has_three_parts_from_0_to_1(rgb, said):
    assert hex_colour(rgb) == said


@pytest.mark.skipif(sys.platform == "win32", reason="ITK opens such names there only in UTF-8")
def test_folders_and_files_may_be_named_in_any_language(tmp_path):
    folder = tmp_path / "Büro 日本"
    folder.mkdir()
    np.testing.assert_array_equal(read_volume(nrrd(folder / "ä ö.nrrd")).array[0], COUNT)
    assert read_volume(folder / "ä ö.nrrd").name == "ä ö"
