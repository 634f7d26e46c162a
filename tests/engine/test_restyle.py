"""An image in the look of another."""

import pytest
import torch

from napari_medseg.engine.restyle import restyled

SIZES = [(16, 24), (8, 12, 10)]


@pytest.mark.parametrize("size", SIZES)
def test_no_share_of_the_look_leaves_the_image_as_it_is(size):
    image, look = torch.randn(2, *size), torch.randn(2, *size)
    torch.testing.assert_close(restyled(image, look, 0.0), image, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_brightness_and_contrast_become_those_of_the_look(size):
    image = torch.randn(3, *size)
    look = 2 * torch.randn(3, *size) + torch.tensor([1.0, -3.0, 5.0]).view(3, *[1] * len(size))
    axes = tuple(range(1, image.ndim))
    dressed = restyled(image, look, 1.0)
    torch.testing.assert_close(dressed.mean(axes), look.mean(axes), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(dressed.std(axes), look.std(axes), atol=0, rtol=0.05)


def test_an_affine_change_of_the_image_is_taken_over_exactly():
    image = torch.randn(1, 16, 16)
    torch.testing.assert_close(restyled(image, 1.5 * image + 2, 1.0), 1.5 * image + 2)


def test_sharpness_is_taken_over_and_content_is_not():
    image, other = torch.randn(1, 32, 32), torch.randn(1, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(other[None], 5, 1, 2)[0]
    dressed = restyled(image, blurred, 1.0)

    def roughness(x):
        return (x[..., 1:] - x[..., :-1]).std() / x.std()

    assert roughness(dressed) < 0.9 * roughness(image)
    together = torch.corrcoef(torch.stack([dressed.flatten(), image.flatten(), other.flatten()]))
    assert together[0, 1] > 0.3
    assert together[0, 2].abs() < 0.1


def test_a_flat_look_does_not_make_noise_or_nothing():
    dressed = restyled(torch.randn(1, 16, 16), torch.ones(1, 16, 16), 1.0)
    assert dressed.isfinite().all()
    assert dressed.mean() == pytest.approx(1, abs=1e-4)
    dressed = restyled(torch.zeros(1, 16, 16), torch.randn(1, 16, 16), 1.0)
    assert dressed.std() < 1e-2
