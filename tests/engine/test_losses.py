import pytest
import torch
from monai.losses import DiceCELoss

from napari_medseg.engine.losses import (
    bce_dice,
    boundary_difference_over_union,
    dice_cross_entropy,
    dice_focal,
    loss_of,
)
from napari_medseg.engine.training_config import LOSSES


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


@pytest.mark.parametrize("dims", [2, 3])
def test_dice_focal_is_the_papers_sum(dims):
    z, y = binary(dims)
    p = z.sigmoid()
    truth = torch.where(y > 0, p, 1 - p)
    focal = (-((1 - truth) ** 2) * truth.log()).mean()
    dice = [
        (2 * (pi * yi).sum() + 1) / (pi.sum() + yi.sum() + 1)
        for pi, yi in zip(p.flatten(0, 1), y.flatten(0, 1), strict=True)
    ]
    expected = 0.5 * (1 - sum(dice) / len(dice)) + 0.5 * focal
    torch.testing.assert_close(dice_focal(z, y), expected)


@pytest.mark.parametrize("dims", [2, 3])
def test_dice_over_the_batch_is_that_of_its_images_side_by_side(dims):
    z, y = binary(dims)
    joined = [torch.cat(list(x), dim=-1)[None] for x in (z, y)]
    torch.testing.assert_close(dice_focal(z, y, batch=True), dice_focal(*joined))


def test_over_the_batch_what_is_found_in_an_empty_image_counts():
    """The gradient of a false positive beside an image with a lesion, without the focal loss."""
    target = torch.zeros(2, 1, 16, 16)
    target[0, :, 4:12, 4:12] = 1
    slopes = []
    for batch in (False, True):
        logits = torch.zeros(2, 1, 16, 16, requires_grad=True)
        dice_focal(logits, target, gamma=1e9, batch=batch).backward()
        slopes.append(logits.grad[1].sum() / logits.grad[0][target[0] == 0].sum())
    assert slopes[0] < 0.05
    assert slopes[1] > 1


def test_smoothed_by_a_share_of_the_image_a_false_find_in_an_empty_one_counts():
    """The same false find in an image of nothing and beside a lesion, without the focal loss."""
    target = torch.zeros(2, 1, 24, 24)
    target[0, :, 2:12, 2:12] = 1
    find = torch.zeros_like(target)
    find[..., 14:22, 14:22] = 1
    slopes = []
    for empty in (0.0, 0.02):
        logits = (8 * (target + find).clamp(max=1) - 5).requires_grad_()
        dice_focal(logits, target, gamma=1e9, empty=empty).backward()
        slope = (logits.grad * find).sum((1, 2, 3))
        slopes.append(slope[1] / slope[0])
    assert slopes[0] < 0.1
    assert slopes[1] > 0.5


def test_focal_without_focus_is_the_cross_entropy():
    logits, target = torch.randn(2, 3, 6, 6), torch.randint(0, 3, (2, 6, 6))
    dice = dice_focal(logits, target, gamma=1e9)  # nothing is wrong enough to count
    expected = dice + 0.5 * torch.nn.functional.cross_entropy(logits, target)
    torch.testing.assert_close(dice_focal(logits, target, gamma=0), expected)


def boundary_by_hand(p, t):
    """Sum up the published formula, voxel by voxel: ``(B, H, W)`` of one class."""
    edge = 0
    for image in t:
        for i, j in image.nonzero().tolist():
            around = [(i, j), (i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
            whole = all(
                0 <= a < image.shape[0] and 0 <= b < image.shape[1] and image[a, b] == 1
                for a, b in around
            )
            edge += not whole
    alpha = min(2 * (1 - (edge + 1e-5) / (t.sum() + 1e-5)) - 1, 0.8)
    overlap, both = (p * t).sum(), (p * p).sum() + (t * t).sum()
    return (both - 2 * overlap + 1e-5) / (both - (1 + alpha) * overlap + 1e-5)


def test_the_boundary_loss_is_the_published_formula():
    target = torch.zeros(2, 12, 12, dtype=torch.long)
    target[0, 2:11, 3:12] = 1  # touches the border, which counts as its boundary
    target[1, 0:2, 5] = 2
    logits = torch.randn(2, 3, 12, 12)
    p = logits.softmax(1)
    expected = sum(boundary_by_hand(p[:, c], (target == c).float()) for c in range(3)) / 3
    torch.testing.assert_close(boundary_difference_over_union(logits, target), expected)
    regions = torch.stack([target > 0, target == 2], 1).float()  # one inside the other
    p = logits[:, :2].sigmoid()
    expected = sum(boundary_by_hand(p[:, c], regions[:, c]) for c in range(2)) / 2
    torch.testing.assert_close(boundary_difference_over_union(logits[:, :2], regions), expected)


def test_in_3d_a_voxel_is_inside_when_its_six_neighbours_are():
    cube = torch.zeros(1, 1, 5, 5, 5)
    cube[..., 1:4, 1:4, 1:4] = 1  # 26 of its 27 voxels are boundary
    p = torch.full_like(cube, 0.5)
    alpha = 1 - 2 * 26 / 27
    both, overlap = p.square().sum() + 27, (p * cube).sum()
    expected = (both - 2 * overlap) / (both - (1 + alpha) * overlap)
    value = boundary_difference_over_union(torch.zeros_like(cube), cube)
    torch.testing.assert_close(value, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("skip_absent", [False, True])
def test_a_class_that_no_image_holds_gets_a_gradient_only_when_asked_for(skip_absent):
    logits = torch.randn(2, 2, 8, 8, requires_grad=True)
    target = torch.zeros(2, 2, 8, 8)
    target[:, 0, 2:6, 2:6] = 1
    boundary_difference_over_union(logits, target, skip_absent=skip_absent).backward()
    assert logits.grad[:, 0].abs().max() > 0
    assert (logits.grad[:, 1].abs().max() > 1e-7) == skip_absent
    if skip_absent:
        assert (logits.grad[:, 1] >= 0).all()  # less of what is not there


def test_less_of_a_small_than_of_a_large_object_is_boundary():
    small, large = torch.zeros(1, 1, 40, 40), torch.zeros(1, 1, 40, 40)
    small[..., 4:7, 4:7], large[..., 4:36, 4:36] = 1, 1
    losses = []
    for target in (small, large):  # half of either is found
        logits = 40 * (target * (torch.arange(40) % 2 == 0) - 0.5)
        losses.append(boundary_difference_over_union(logits, target))
    assert losses[1] > losses[0]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_loss_is_blind_to_what_is_not_valid(name, activation, dims):
    loss, size = loss_of(name, activation), (7, 6, 5)[:dims]
    logits = torch.randn(2, 3, *size, requires_grad=True)
    valid = torch.rand(2, 1, *size) > 0.4
    if activation == "sigmoid":
        target = (torch.rand(2, 3, *size) > 0.5).float()
        changed = torch.where(valid, target, 1 - target)
    else:
        target = torch.randint(0, 3, (2, *size))
        changed = torch.where(valid[:, 0], target, (target + 1) % 3)
    value = loss(logits, target, valid)
    value.backward()
    assert logits.grad[~valid.expand_as(logits)].abs().max() == 0
    assert logits.grad[valid.expand_as(logits)].abs().max() > 0
    torch.testing.assert_close(loss(logits, changed, valid), value)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_every_loss_is_the_same_without_a_mask_as_with_a_full_one(name, activation):
    loss = loss_of(name, activation)
    logits = torch.randn(2, 3, 6, 6)
    target = torch.randint(0, 3, (2, 6, 6))
    if activation == "sigmoid":
        target = (target[:, None] > torch.tensor([0, 1, 1])[:, None, None]).float()
    everything = torch.ones(2, 1, 6, 6, dtype=torch.bool)
    torch.testing.assert_close(loss(logits, target, everything), loss(logits, target, None))
    assert torch.isfinite(loss(logits, target, ~everything))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_every_loss_is_lowest_for_the_truth(name, activation):
    loss = loss_of(name, activation)
    target = torch.zeros(2, 12, 12, dtype=torch.long)
    target[:, 2:9, 3:10], target[:, 4:6, 4:9] = 1, 2
    if activation == "sigmoid":
        target = torch.stack([target > 0, target == 1, target == 2], 1).float()
        truth = 20 * (target - 0.5)
    else:
        truth = 20.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
    best = loss(truth, target, None)
    assert best < 0.02
    for _ in range(3):
        assert loss(truth + 20 * torch.randn_like(truth), target, None) > best + 0.05


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_counts_every_voxel(name, dtype):
    target = torch.zeros(1, 1, 400, 400)  # more voxels than either type can count
    target[..., 20:380, 20:380] = 1
    logits = (4 * (target - 0.5) + torch.randn_like(target)).to(dtype)
    loss = loss_of(name, "sigmoid")
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(logits, target, None)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(logits.float(), target, None), rtol=1e-3, atol=1e-4)


def test_an_unknown_loss_names_the_known_ones():
    with pytest.raises(ValueError, match=r"no loss 'l2'; there are dice_ce, dice_focal"):
        loss_of("l2", "sigmoid")
