from __future__ import annotations

import pytest

from napari_medseg.io.units import in_mm, mm_per_unit


@pytest.mark.parametrize(
    ("size", "unit", "mm"),
    [(2, "mm", 2), ("0.5", "µm", 5e-4), (3, "Micrometer", 3e-3), (1, "inch", 25.4), (7, "Å", 7e-7)],
)
def test_lengths_become_mm_however_they_are_spelled(size, unit, mm):
    assert in_mm(size, unit) == pytest.approx(mm)


@pytest.mark.parametrize(
    ("size", "unit"),
    [(1, "pixel"), (1, ""), (0, "mm"), (-1, "mm"), ("nan", "mm"), ("inf", "mm"), (None, "mm")],
)
def test_what_is_no_length_is_none(size, unit):
    assert in_mm(size, unit) is None


def test_a_unit_alone_has_its_mm():
    assert mm_per_unit("centimeter") == 10
    assert mm_per_unit("second") is None
