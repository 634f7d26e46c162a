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


@pytest.mark.parametrize("size", [*SIZES, (7, 9), (5, 1)])
def test_an_image_in_its_own_look_stays(size):
    image = torch.randn(2, *size)
    torch.testing.assert_close(restyled(image, image, 1.0), image, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_a_share_of_the_look_takes_a_share_of_its_brightness(size):
    image, look = torch.randn(1, *size), torch.randn(1, *size) + 8
    for share in (0.0, 0.25, 0.75, 1.0):
        expected = (1 - share) * image.mean() + share * look.mean()
        torch.testing.assert_close(restyled(image, look, share).mean(), expected)


def test_channels_do_not_mix():
    image, look = torch.randn(3, 16, 12), torch.randn(3, 16, 12)
    together = restyled(image, look, 0.7)
    for channel in range(3):
        alone = restyled(image[channel, None], look[channel, None], 0.7)
        torch.testing.assert_close(together[channel, None], alone)


def test_where_things_lie_in_the_look_does_not_matter():
    image, look = torch.randn(1, 16, 16), torch.randn(1, 16, 16)
    moved = look.roll((5, 3), dims=(1, 2)).flip(1)
    torch.testing.assert_close(restyled(image, moved, 1.0), restyled(image, look, 1.0))


def test_image_and_look_stay_as_they_are():
    image, look = torch.randn(1, 16, 16), torch.randn(1, 16, 16)
    before = image.clone(), look.clone()
    restyled(image, look, 1.0)
    assert torch.equal(image, before[0])
    assert torch.equal(look, before[1])
