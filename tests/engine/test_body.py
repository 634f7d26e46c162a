"""The body's box holds the body, and nothing is cut where there is no air."""

from __future__ import annotations

import pytest
import torch

from napari_medseg.engine.body import body_box


def ellipsoid(size, radii, centre):
    axes = [torch.arange(s) for s in size]
    grid = torch.meshgrid(*axes, indexing="ij")
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) < 1


@pytest.mark.parametrize(("air", "tissue"), [(-1.5, 1.0), (0.0, 3.0), (2.0, -1.0)])
def test_the_body_is_kept_and_most_air_is_not(air, tissue):
    size, radii, centre = (40, 64, 64), (14, 16, 20), (22, 30, 34)
    body = ellipsoid(size, radii, centre)
    image = torch.full(size, air) + 0.03 * torch.randn(size)
    image[body] = tissue + 0.3 * torch.randn(int(body.sum()))
    box = body_box(image[None], margin=4)
    outside = body.clone()
    outside[box] = False
    assert not outside.any()
    assert image[box].numel() < 0.6 * image.numel()


def test_a_body_that_leaves_the_stack_at_both_ends_is_cropped_sideways():
    body = ellipsoid((1, 64, 64), (1, 16, 20), (0, 30, 34)).expand(12, 64, 64)
    image = torch.where(body, 1.0, -1.0) + 0.02 * torch.randn(12, 64, 64)
    depth, height, width = body_box(image[None], margin=2)
    assert depth == slice(0, 12)
    assert (height.start, width.stop) == (13, 56)


@pytest.mark.parametrize(
    "image",
    [
        torch.randn(1, 10, 20, 20),
        torch.zeros(1, 10, 20, 20),
        torch.linspace(0, 1, 4000).view(1, 10, 20, 20),
    ],
)
def test_without_air_nothing_is_cut(image):
    assert body_box(image) == (slice(0, 10), slice(0, 20), slice(0, 20))


def test_every_channel_counts():
    image = torch.zeros(2, 20, 40, 40)
    image[0, 8:12, 10:14, 10:30] = 1
    image[1, 8:12, 10:30, 10:14] = 1
    depth, height, width = body_box(image, margin=0)
    assert (depth, height, width) == (slice(8, 12), slice(10, 30), slice(10, 30))
