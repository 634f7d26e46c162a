"""Where a student follows its teacher, and how far from it it is."""

import itertools

import pytest
import torch

from napari_medseg.engine.teacher import divergence, followed


@pytest.mark.parametrize("overlapping", [True, False])
def test_a_teacher_is_followed_where_it_is_sure_and_nobody_disagreed(overlapping):
    classes = 3
    logits = 4 * torch.randn(2, classes, 6, 5)
    probability = logits.sigmoid() if overlapping else logits.softmax(1)
    seen, changed = torch.rand(2, 1, 6, 5) > 0.5, torch.rand(2, 1, 6, 5) > 0.8
    if overlapping:
        targets = (torch.rand(2, classes, 6, 5) > 0.5).float()
    else:
        targets = torch.randint(0, classes, (2, 6, 5))
    where = followed(logits, targets, seen, changed, confidence=0.8)
    assert where.shape == (2, classes if overlapping else 1, 6, 5)
    for b, k, h, w in where.nonzero().tolist() + (~where).nonzero().tolist():
        p = probability[b, :, h, w]
        if overlapping:
            sure = max(p[k], 1 - p[k]) >= 0.8
            agrees = (p[k] > 0.5) == (targets[b, k, h, w] > 0)
        else:
            sure, agrees = p.max() >= 0.8, p.argmax() == targets[b, h, w]
        disagreed = (seen[b, 0, h, w] and not agrees) or changed[b, 0, h, w]
        assert where[b, k, h, w] == (sure and not disagreed)


def test_what_nobody_saw_cannot_disagree():
    logits = torch.tensor([[10.0, 10.0], [-10.0, -10.0]])[None]  # sure of class 0
    targets, seen = torch.tensor([[1, 1]]), torch.tensor([[[True, False]]])
    assert followed(logits, targets, seen, confidence=0.9).tolist() == [[[False, True]]]
    assert not followed(logits, targets, None, confidence=0.9).any()


@pytest.mark.parametrize("channels", [1, 3])  # regions that overlap, classes that do not
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_divergence_is_that_of_the_formula(channels, temperature):
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    where = torch.rand(2, 3 if channels == 1 else 1, 4, 4) > 0.3
    if channels == 1:
        p, q = (teacher / temperature).sigmoid(), (student / temperature).sigmoid()
        apart = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    else:
        p, q = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
        apart = (p * (p / q).log()).sum(1, keepdim=True)
    expected = temperature**2 * apart[where].mean()
    value = divergence(student, teacher, where, temperature=temperature)
    torch.testing.assert_close(value, expected)
    assert value > 0


@pytest.mark.parametrize("channels", [1, 3])
def test_who_answers_like_the_teacher_has_nothing_to_learn(channels):
    teacher = 5 * torch.randn(2, 3, 8, 8)
    student = teacher.clone().requires_grad_()
    where = torch.ones(2, 3 if channels == 1 else 1, 8, 8, dtype=torch.bool)
    divergence(student, teacher, where, temperature=2.0).backward()
    assert student.grad.abs().max() < 1e-15


def test_nothing_is_learnt_where_the_teacher_is_not_followed():
    teacher, student = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4).requires_grad_()
    where = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    where[..., 0, 0] = True
    divergence(student, teacher, where, temperature=1.0).backward()
    assert student.grad[..., 0, 0].abs().min() > 0
    assert student.grad[..., 1:, :].abs().max() == 0
    nowhere = divergence(student, teacher, torch.zeros_like(where), temperature=1.0)
    assert nowhere == 0


def test_a_class_the_teacher_does_not_know_is_background_to_it():
    teacher = torch.randn(1, 3, 4, 4)
    where = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    half = teacher[:, :1] - torch.log(torch.tensor(2.0))  # the background's share, cut in two
    student = torch.cat([half, teacher[:, 1:], half], dim=1)
    assert divergence(student, teacher, where, temperature=1.0).abs() < 1e-6
    student[:, 3] += 3
    assert divergence(student, teacher, where, temperature=1.0) > 0.05


@pytest.mark.parametrize("overlapping", [True, False])
def test_the_surer_a_teacher_must_be_the_less_it_is_followed(overlapping):
    logits = 3 * torch.randn(2, 3, 6, 5)
    targets = (torch.rand(2, 3, 6, 5) > 0.5).float() if overlapping else torch.randint(3, (2, 6, 5))
    masks = [followed(logits, targets, confidence=c) for c in (0.5, 0.7, 0.9, 1.0)]
    for looser, stricter in itertools.pairwise(masks):
        assert not (stricter & ~looser).any()
    assert masks[0].sum() > masks[-1].sum()


def test_of_a_class_it_does_not_know_a_teacher_is_followed_as_of_the_background():
    logits = torch.tensor([9.0, -9.0]).view(1, 2, 1, 1).expand(1, 2, 1, 3)
    targets = torch.tensor([[[0, 1, 2]]])  # 2 is new
    assert followed(logits, targets, confidence=0.9).tolist() == [[[[True, False, False]]]]
    regions = torch.zeros(1, 3, 1, 3)
    regions[0, 2] = 1  # a new region says nothing about the old ones
    assert followed(-logits.abs(), regions, confidence=0.9).all()


@pytest.mark.parametrize("overlapping", [True, False])
def test_a_divergence_is_never_negative_and_an_average_over_voxels(overlapping):
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    where = torch.ones(2, 3 if overlapping else 1, 4, 4, dtype=torch.bool)
    once = divergence(student, teacher, where, temperature=2.0)
    assert once > 0
    twice = [torch.cat([x, x], dim=-1) for x in (student, teacher, where)]
    torch.testing.assert_close(divergence(*twice, temperature=2.0), once)


def test_what_all_classes_share_is_no_difference():
    student, teacher = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    where = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    expected = divergence(student, teacher, where, temperature=1.0)
    shifted = divergence(student + 5, teacher - 3, where, temperature=1.0)
    torch.testing.assert_close(shifted, expected)
    regions = where.expand(1, 3, 4, 4)
    assert divergence(student + 5, teacher, regions, temperature=1.0) > expected


def test_the_teacher_learns_nothing():
    student = torch.randn(1, 3, 4, 4, requires_grad=True)
    teacher = torch.randn(1, 3, 4, 4, requires_grad=True)
    where = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    divergence(student, teacher, where, temperature=1.0).backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0
