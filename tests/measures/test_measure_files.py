"""Tables read back as they were, and say what their columns mean."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_medseg.measures import measure, write_csv


@pytest.fixture
def labels():
    values = np.zeros((5, 12, 12), np.uint8)
    values[1:4, 1:5, 1:5], values[2, 8:10, 8:10], values[0, 0, 11] = 1, 1, 4
    return values


def read(path, encoding="utf-8"):
    with path.open(newline="", encoding=encoding) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("by_object", [False, True])
def test_a_table_reads_back(labels, tmp_path, by_object):
    image = np.arange(labels.size).reshape(labels.shape)
    found = measure(labels, (2.5, 0.7, 0.7), image=image, names={1: 'a "big", one'}, surface=True)
    path = tmp_path / "new" / "table.csv"
    write_csv(path, found, by_object=by_object)
    rows = read(path)
    expected = found.objects if by_object else found.classes
    assert [row["Class"] for row in rows] == [m.name for m in expected]
    for row, m in zip(rows, expected, strict=True):
        assert int(row["Voxels"]) == m.voxels
        assert float(row["Volume (mm3)"]) == pytest.approx(m.size, rel=1e-5)
        assert float(row["Volume (ml)"]) == pytest.approx(m.size / 1000, rel=1e-5)
        assert float(row["Long axis (mm)"]) == pytest.approx(m.long_axis, rel=1e-5)
        assert float(row["Surface (mm2)"]) == pytest.approx(m.surface, rel=1e-5)
        assert float(row["Mean"]) == pytest.approx(m.grey.mean, rel=1e-5)
        assert float(row["P95"]) == pytest.approx(m.grey.percentiles[4], rel=1e-5)
        assert float(row["Centre S (mm)"]) == pytest.approx(m.place[2], rel=1e-5)
        assert (int(row["First slice"]), int(row["Last slice"])) == m.box[0]
    assert ("Object" in rows[0]) is by_object
    assert len(list(path.parent.iterdir())) == 1


def test_a_name_from_anywhere_in_the_world_is_read_by_excel(labels, tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, measure(labels, (1, 1, 1), names={1: "Bauchspeicheldrüse"}))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read(path, "utf-8-sig")[0]["Class"] == "Bauchspeicheldrüse"
    write_csv(path, measure(labels, (1, 1, 1)))
    assert path.read_bytes().startswith(b"Class,")


def test_units_are_those_of_the_image(labels):
    found = measure(labels, (1, 1, 1), image=labels * 1.0, grey_unit="HU")
    assert "Mean (HU)" in [c.heading for c in found.columns()]
    pixels = measure(labels[2], (1, 1), unit="px")
    headings = [c.heading for c in pixels.columns()]
    assert headings[2:6] == ["Area (px²)", "Pixels", "Long axis (px)", "Short axis (px)"]
    assert "Diameter (px)" not in headings
    assert not any("(ml)" in c.heading for c in measure(labels, (1, 1, 1), unit="px").columns())


def test_every_column_says_how_it_is_defined_and_has_a_name_of_its_own(labels):
    found = measure(labels, (1, 1, 1), image=labels * 1.0, surface=True)
    for by_object in (False, True):
        columns = found.columns(by_object=by_object)
        assert all(column.tip for column in columns)
        assert len({column.heading for column in columns}) == len(columns)


def test_a_file_that_cannot_be_written_says_so_and_leaves_nothing(labels, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot write"):
        write_csv(tmp_path / "file" / "table.csv", measure(labels, (1, 1, 1)))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
