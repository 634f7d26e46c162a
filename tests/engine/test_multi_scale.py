from __future__ import annotations

import pytest
import torch

from napari_medseg.engine.losses import bce_dice, dice_cross_entropy
from napari_medseg.engine.multi_scale import (
    gates,
    levels_loss,
    levels_of,
    multi_scale_distillation,
    pyramid,
    trust,
)
from napari_medseg.engine.objective import objective_of
from napari_medseg.networks import create_network

SIZES = [(8, 8, 8), (4, 4, 4), (2, 2, 2)]


def random_case(overlapping: bool, classes: int = 3, dims: int = 3):
    """Return a target, a teacher that is mostly right, and students of every level."""
    size = (8,) * dims
    if overlapping:
        target = (torch.rand(2, classes, *size) > 0.6).float()
        teacher = 6 * target - 3 + torch.randn_like(target)
    else:
        target = torch.randint(classes, (2, *size))
        one_hot = torch.nn.functional.one_hot(target, classes).movedim(-1, 1).float()
        teacher = 4 * one_hot + torch.randn_like(one_hot)
    sizes = [s[:dims] for s in SIZES]
    students = [torch.randn(2, classes, *s, requires_grad=True) for s in sizes]
    return target, teacher, students, levels_of(target, None, sizes, classes)


def test_a_coarse_voxel_is_of_the_class_that_fills_most_of_it():
    target = torch.zeros(1, 4, 4, dtype=torch.int64)
    target[0, :2, :2] = 1
    target[0, 0, 2] = 2
    fine, coarse = levels_of(target, None, [(4, 4), (2, 2)], 3)
    assert torch.equal(fine.target, target)
    assert coarse.target.tolist() == [[[1, 0], [0, 0]]]
    assert coarse.shares[0, 2].tolist() == [[0, 0.25], [0, 0]]


def test_a_region_that_may_overlap_keeps_its_smallest_parts():
    target = torch.zeros(1, 2, 8, 8)
    target[0, 0, 0, 7] = 1
    coarsest = levels_of(target, None, [(8, 8), (4, 4), (1, 1)], 2)[-1]
    assert coarsest.target.flatten().tolist() == [1, 0]
    assert coarsest.shares[0, 0].item() == pytest.approx(1 / 64)


def test_a_coarse_voxel_is_known_only_where_all_it_covers_is():
    valid = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    valid[0, 0, 0, 0] = False
    coarse = levels_of(torch.zeros(1, 4, 4, dtype=torch.int64), valid, [(4, 4), (2, 2)], 2)[1]
    assert coarse.valid[0, 0].tolist() == [[False, True], [True, True]]


def test_averages_of_averages_are_averages():
    x = torch.randn(1, 2, 8, 8, 8)
    for level, size in zip(pyramid(x, SIZES), SIZES, strict=True):
        expected = torch.nn.functional.adaptive_avg_pool3d(x, size)
        torch.testing.assert_close(level, expected)


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_student_like_the_teacher_has_nothing_to_learn(overlapping, dims):
    _target, teacher, students, levels = random_case(overlapping, dims=dims)
    same = multi_scale_distillation(teacher, [teacher], levels[:1], [1.0])
    assert same.abs() < 1e-5
    apart = multi_scale_distillation(teacher, students, levels, [1.0] * 3)
    assert apart > 0.1


@pytest.mark.parametrize("overlapping", [False, True])
def test_students_follow_and_the_teacher_stays(overlapping):
    _target, teacher, students, levels = random_case(overlapping)
    teacher.requires_grad_()
    multi_scale_distillation(teacher, students, levels, [1.0, 1.0, 0.0]).backward()
    assert teacher.grad is None
    assert students[0].grad.any()
    assert students[1].grad.any()
    assert not students[2].grad.any()  # its gate is closed


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_teacher_that_is_wrong_or_unsure_is_not_believed(overlapping):
    _target, _teacher, _students, levels = random_case(overlapping)
    level = levels[0]
    right = level.shares
    wrong = 1 - right if overlapping else right.roll(1, dims=1)
    unsure = torch.full_like(right, 0.5 if overlapping else 1 / right.shape[1])
    assert torch.allclose(trust(right, level), torch.ones(()))
    assert not trust(wrong, level).any()
    assert trust(unsure, level).abs().max() < 1e-6


@pytest.mark.parametrize("overlapping", [False, True])
def test_unknown_voxels_teach_nothing(overlapping):
    target, teacher, students, levels = random_case(overlapping)
    valid = torch.rand(2, 1, 8, 8, 8) > 0.5
    valid[:, :, :4] = True
    levels = levels_of(target, valid, SIZES, 3)
    multi_scale_distillation(teacher, students, levels, [1.0] * 3).backward()
    loss = bce_dice if overlapping else dice_cross_entropy
    levels_loss(students, levels, loss).backward()
    for student, level in zip(students, levels, strict=True):
        unknown = ~level.valid.expand_as(student)
        assert not student.grad[unknown].any()
        assert student.grad[~unknown].any()


def test_the_gate_opens_for_a_better_teacher_and_closes_for_a_worse_one():
    _target, teacher, _students, levels = random_case(False)
    bad = torch.randn_like(teacher)
    half = gates(teacher, [teacher], levels[:1])
    assert half.item() == pytest.approx(0.5)
    assert gates(teacher, [bad], levels[:1]) > 0.6
    assert gates(bad, [teacher], levels[:1]) < 0.4


def test_each_level_weighs_half_of_the_one_before():
    _target, _teacher, students, levels = random_case(False)
    parts = [dice_cross_entropy(s, le.target) for s, le in zip(students, levels, strict=True)]
    total = levels_loss(students, levels, dice_cross_entropy)
    torch.testing.assert_close(total, parts[0] + parts[1] / 2 + parts[2] / 4)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_network(
        "msd_kmamba",
        preset="small",
        spatial_dims=3,
        num_classes=3,
        widths=(8, 8, 8, 8, 8),
        depths=(0, 0, 0, 0, 1),
        axes=1,
    ).train()


def gradients(network, objective, *args, **kwargs):
    network.zero_grad()
    objective(network, *args, **kwargs).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def test_the_self_distillation_grows_with_the_run_and_stays_below_the_labels(network):
    images, targets = torch.randn(1, 1, 32, 32, 32), torch.randint(3, (1, 32, 32, 32))
    objective = objective_of("msd_kmamba", "dice_ce", "softmax")
    labels = gradients(network, objective, images, targets, progress=0.0)
    assert objective.gates.tolist() == [0.5] * 4  # nothing was compared yet
    some = gradients(network, objective, images, targets, progress=0.05)
    whole = gradients(network, objective, images, targets, progress=0.5)
    assert 0 < (some - labels).norm() < (whole - labels).norm() < labels.norm()
    assert objective.gates.tolist() != [0.5] * 4


def test_switched_off_it_changes_nothing(network):
    images, targets = torch.randn(1, 1, 32, 32, 32), torch.randint(3, (1, 32, 32, 32))
    off = create_network(
        "msd_kmamba", preset="small", **{**network.config.to_dict(), "distillation": 0.0}
    ).train()
    off.load_state_dict(network.state_dict())
    objective = objective_of("msd_kmamba", "dice_ce", "softmax")
    early = gradients(network, objective, images, targets, progress=0.0)
    late = gradients(off, objective, images, targets, progress=1.0)
    torch.testing.assert_close(early, late)


def test_the_gates_are_saved_with_the_run():
    objective = objective_of("msd_kmamba", "dice_ce", "softmax")
    objective.gates.fill_(0.25)
    again = objective_of("msd_kmamba", "dice_ce", "softmax")
    again.load_state_dict(objective.state_dict())
    assert again.gates.tolist() == [0.25] * 4


def test_half_precision_weighs_the_self_distillation_alike(network):
    images, targets = torch.randn(1, 1, 32, 32, 32), torch.randint(3, (1, 32, 32, 32))
    objective = objective_of("msd_kmamba", "dice_ce", "softmax")
    exact = gradients(network, objective, images, targets, progress=1.0)
    objective.gates.fill_(0.5)
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        value = objective(network, images, targets, progress=1.0)
    value.backward()
    rough = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    assert torch.isfinite(rough).all()
    assert 0.5 < rough.norm() / exact.norm() < 2


def test_a_score_without_gradients_can_be_computed_too(network):
    images, targets = torch.randn(1, 1, 32, 32, 32), torch.randint(3, (1, 32, 32, 32))
    objective = objective_of("msd_kmamba", "dice_ce", "softmax")
    with torch.no_grad():
        assert objective(network, images, targets, progress=1.0) > 0
