import pytest
import torch
from monai.losses import DiceCELoss

from napari_medseg.engine.losses import bce_dice, dice_cross_entropy


def binary(dims):
    size = (6, 5) if dims == 2 else (4, 5, 3)
    logits = torch.randn(3, 2, *size, dtype=torch.float64)
    return logits, (torch.rand(3, 2, *size) > 0.6).double()


@pytest.mark.parametrize("dims", [2, 3])
def test_bce_dice_is_equation_9(dims):
    z, y = binary(dims)
    p = 1 / (1 + torch.exp(-z))
    cross = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    dice = [
        (2 * (pi * yi).sum() + 1e-5) / (pi.sum() + yi.sum() + 1e-5)
        for pi, yi in zip(p, y, strict=True)
    ]
    expected = 0.5 * cross + 1 - sum(dice) / len(dice)
    torch.testing.assert_close(bce_dice(z, y), expected)


@pytest.mark.parametrize("dims", [2, 3])
def test_dice_cross_entropy_is_the_one_the_paper_trains_with(dims):
    size = (6, 5) if dims == 2 else (4, 5, 3)
    logits = torch.randn(2, 4, *size)
    target = torch.randint(0, 4, (2, *size))
    oracle = DiceCELoss(
        to_onehot_y=True, softmax=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-6
    )
    torch.testing.assert_close(dice_cross_entropy(logits, target), oracle(logits, target[:, None]))


def test_a_perfect_answer_costs_next_to_nothing():
    target = torch.randint(0, 3, (2, 8, 8))
    logits = 50.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
    assert dice_cross_entropy(logits, target) < 1e-4
    mask = (target[:, None] == 1).float()
    assert bce_dice(100 * (mask - 0.5), mask) < 1e-4


@pytest.mark.parametrize("softmax", [True, False])
def test_voxels_left_out_have_no_say_and_get_no_gradient(softmax):
    logits = torch.randn(2, 3, 6, 6, requires_grad=True)
    target = torch.randint(0, 3, (2, 6, 6)) if softmax else (torch.rand(2, 3, 6, 6) > 0.5).float()
    valid = torch.rand(2, 1, 6, 6) > 0.5
    loss = dice_cross_entropy if softmax else bce_dice
    value = loss(logits, target, valid)
    value.backward()
    assert logits.grad[~valid.expand_as(logits)].abs().max() == 0
    assert logits.grad[valid.expand_as(logits)].abs().max() > 0
    other = torch.where(valid if softmax else valid.expand_as(target), 0, 1)
    changed = torch.where(
        valid[:, 0] if softmax else valid, target, (target + other.reshape(target.shape)) % 2
    )
    torch.testing.assert_close(loss(logits, changed, valid), value)


@pytest.mark.parametrize("softmax", [True, False])
def test_everything_valid_is_the_same_as_no_mask(softmax):
    logits = torch.randn(2, 3, 6, 6)
    target = torch.randint(0, 3, (2, 6, 6)) if softmax else (torch.rand(2, 3, 6, 6) > 0.5).float()
    loss = dice_cross_entropy if softmax else bce_dice
    everything = torch.ones(2, 1, 6, 6, dtype=torch.bool)
    torch.testing.assert_close(loss(logits, target, everything), loss(logits, target))


def test_nothing_valid_is_finite():
    nothing = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    logits = torch.randn(1, 2, 4, 4)
    assert torch.isfinite(bce_dice(logits, torch.ones(1, 2, 4, 4), nothing))
    assert torch.isfinite(dice_cross_entropy(logits, torch.ones(1, 4, 4).long(), nothing))
