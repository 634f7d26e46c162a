"""What a training step minimises, and GLAD-Net's self-distillation in it."""

import pytest
import torch
from torch.nn import functional as F

from napari_medseg.engine.distillation import stage_distillation
from napari_medseg.engine.losses import dice_focal
from napari_medseg.engine.objective import Objective, StageDistilled, objective_of
from napari_medseg.networks import create_network


def glad(**fields):
    return create_network("gladnet", width=8, in_channels=1, num_classes=1, **fields).train()


@pytest.fixture
def batch():
    images = torch.randn(2, 1, 16, 24)
    return images, (images > 0.5).float()


def features(dims=2):
    size = (8, 8, 8)[:dims]
    return [torch.randn(2, 4 * 2**i, *(s // 2**i for s in size)) for i in range(3)]


@pytest.mark.parametrize("dims", [2, 3])
def test_distillation_is_the_weighted_sum_of_mean_squared_differences(dims):
    students, teachers = features(dims), features(dims)
    expected = 0.5 * F.mse_loss(students[0], teachers[0])
    torch.testing.assert_close(stage_distillation(students, teachers, [0.5]), expected)
    expected = expected + 0.25 * F.mse_loss(students[1], teachers[1])
    torch.testing.assert_close(stage_distillation(students, teachers, [0.5, 0.25]), expected)


@pytest.mark.parametrize("detach", [True, False])
def test_only_without_detaching_does_the_teacher_follow(detach):
    students = [f.requires_grad_() for f in features()]
    teachers = [f.requires_grad_() for f in features()]
    stage_distillation(students, teachers, [1.0], detach=detach).backward()
    assert students[0].grad.abs().max() > 0
    assert (teachers[0].grad is None) == detach


def test_normalised_distillation_compares_directions_only():
    students = features()
    teachers = [7 * f for f in students]
    weights = [1.0, 1.0, 1.0]
    assert stage_distillation(students, teachers, weights) > 1
    assert stage_distillation(students, teachers, weights, normalise=True) < 1e-10


def test_distillation_is_blind_to_what_is_not_valid():
    students, teachers = features(), features()
    valid = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    valid[:, :, :4] = True
    weights = [1.0, 1.0]
    value = stage_distillation(students, teachers, weights, valid)
    for student in students:
        student[:, :, student.shape[2] // 2 :] += 9
    torch.testing.assert_close(stage_distillation(students, teachers, weights, valid), value)
    half = sum(
        F.mse_loss(s[:, :, : s.shape[2] // 2], t[:, :, : t.shape[2] // 2])
        for s, t in zip(students[:2], teachers[:2], strict=True)
    )
    torch.testing.assert_close(value, half)
    everything = torch.ones_like(valid)
    torch.testing.assert_close(
        stage_distillation(students, teachers, weights, everything),
        stage_distillation(students, teachers, weights),
    )
    assert stage_distillation(students, teachers, weights, ~everything) == 0


def test_the_objective_without_distillation_is_the_loss_of_the_answer(batch):
    network = glad(cssd_stages=0)
    objective = objective_of("gladnet", "dice_focal", "sigmoid")
    torch.testing.assert_close(objective(network, *batch), dice_focal(network(batch[0]), batch[1]))


@pytest.mark.parametrize(
    ("fields", "weights"),
    [
        ({"cssd_stages": 1}, [0.5]),
        ({"cssd_stages": 3}, [0.5, 0.25, 0.125]),
        ({"cssd_stages": 2, "cssd_decay": False}, [1.0, 1.0]),
        ({"cssd_stages": 1, "cssd_weight": 0.1}, [0.1]),
    ],
)
def test_stages_weigh_what_the_papers_table_6_says(batch, fields, weights):
    network = glad(**fields)
    objective = objective_of("gladnet", "dice_focal", "sigmoid")
    logits, encoder, decoder = network.forward_stages(batch[0])
    added = sum(
        w * F.mse_loss(e, d.detach()) for w, e, d in zip(weights, encoder, decoder, strict=False)
    )
    expected = dice_focal(logits, batch[1]) + added
    torch.testing.assert_close(objective(network, *batch), expected)


def test_an_architecture_that_teaches_itself_gets_its_objective_others_the_plain_one():
    assert type(objective_of("gladnet", "dice_focal", "sigmoid")) is StageDistilled
    assert type(objective_of("lgmsnet", "dice_ce", "softmax")) is Objective


def test_voxels_nobody_labelled_do_not_matter(batch):
    network, (images, targets) = glad(cssd_stages=0), batch
    valid = torch.rand(2, 1, 16, 24) > 0.5
    objective = objective_of("gladnet", "dice_focal", "sigmoid")
    other = torch.where(valid, targets, 1 - targets)
    a, b = (objective(network, images, t, valid) for t in (targets, other))
    torch.testing.assert_close(a, b)
