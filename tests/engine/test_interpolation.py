import pytest
import torch

from napari_medseg.engine.interpolation import between

OLD = {"w": torch.randn(3, 4), "count": torch.tensor(3)}
NEW = {"w": torch.randn(3, 4), "count": torch.tensor(9)}


def test_the_ends_are_the_old_and_the_new_weights_to_the_bit():
    for alpha, expected in ((0, OLD), (1, NEW)):
        mixed = between(OLD, NEW, alpha)
        assert all(torch.equal(mixed[key], expected[key]) for key in expected)


def test_between_the_ends_every_weight_lies_on_the_line():
    mixed = between(OLD, NEW, 0.25)
    torch.testing.assert_close(mixed["w"], 0.75 * OLD["w"] + 0.25 * NEW["w"])
    assert mixed["count"] == 9


def test_the_mix_is_a_copy():
    before = NEW["w"].clone()
    between(OLD, NEW, 1)["w"].zero_()
    assert torch.equal(NEW["w"], before)


@pytest.mark.parametrize("alpha", [-0.1, 1.1])
def test_beyond_the_ends_there_is_nothing(alpha):
    with pytest.raises(ValueError, match="from 0"):
        between(OLD, NEW, alpha)


def test_weights_of_two_networks_cannot_be_mixed():
    with pytest.raises(ValueError, match="of one network"):
        between(OLD, {"w": torch.randn(2, 2), "count": torch.tensor(1)}, 0.5)
