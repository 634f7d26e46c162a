"""Parts of an image on the network's grid are those of the whole image resampled at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.block_resample import AxisFilter, input_box, resample_part
from napari_medseg.engine.grid import Grid

SIZES = {
    "larger": ((9, 20, 31), (14, 33, 40)),
    "smaller": ((21, 40, 33), (9, 13, 10)),
    "some axes": ((9, 40, 31), (9, 17, 60)),
    "as they are": ((9, 20, 31), (9, 20, 31)),
    "one plane": ((1, 20, 31), (1, 33, 12)),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("share", [(0.0, 1.0), (0.0, 0.4), (0.3, 0.7), (0.8, 1.0)])
def test_a_part_is_cut_out_of_the_whole(size, share):
    grid = Grid(*size)
    image = torch.randn(2, *grid.input_shape)
    low, high = share
    part = tuple(slice(int(low * n), max(int(high * n), int(low * n) + 1)) for n in grid.shape)
    found = resample_part(grid, image[(slice(None), *input_box(grid, part))], part)
    whole = grid.resample_image(image)
    torch.testing.assert_close(found, whole[(slice(None), *part)], atol=1e-6, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 1), st.floats(0, 1))
def test_the_voxels_of_a_part_weigh_what_they_weigh_in_the_whole(inputs, outputs, at, share):
    start = int(at * (outputs - 1))
    part = slice(start, start + 1 + int(share * (min(outputs - start, 50) - 1)))
    found = AxisFilter.of(inputs, outputs, part)
    assert 0 <= found.span.start < found.span.stop <= inputs
    ramp = torch.arange(inputs, dtype=torch.float32)[None, None, None]
    whole = torch.nn.functional.interpolate(
        ramp, size=(1, outputs), mode="bilinear", align_corners=False, antialias=True
    )
    cut = found.apply(ramp[..., found.span], 3)
    torch.testing.assert_close(cut, whole[..., part], atol=1e-3, rtol=1e-6)


def test_parts_fit_together_without_a_seam():
    grid = Grid((8, 37, 50), (8, 61, 23))
    image = torch.randn(1, *grid.input_shape)
    whole = tuple(slice(0, n) for n in grid.shape)
    expected = resample_part(grid, image, whole)
    for stop in range(7, 62, 9):
        part = (whole[0], slice(max(stop - 9, 0), min(stop, 61)), whole[2])
        found = resample_part(grid, image[(slice(None), *input_box(grid, part))], part)
        assert torch.equal(found, expected[(slice(None), *part)])
