"""A step of fine-tuning, and which weights it moves."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from napari_medseg.engine import watch
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_lesson import Lesson, objective_for
from napari_medseg.engine.finetune_parts import (
    norm_parameters,
    parameter_groups,
    recalibrate,
    set_mode,
)
from napari_medseg.engine.finetune_patches import CHANGED, Rehearsed
from napari_medseg.engine.finetune_progress import Clock, FineTuneProgress
from napari_medseg.engine.finetune_run import FineTuneRun
from napari_medseg.engine.new_classes import copy_of
from napari_medseg.engine.objective import StageDistilled
from napari_medseg.progress import Cancelled

CONFIG = FineTuneConfig(learning_rate=1e-3, ema=0.0, pull=0.0, warm_up=0.0)


@pytest.fixture
def lesson(small_model):
    """Make a lesson: ``lesson(config, architecture)``."""

    def make(config=CONFIG, architecture="learner", teacher=None):
        model = small_model(architecture)
        student = copy_of(model.network, model.card)
        other = model.network if teacher is None else teacher
        return Lesson(student, other, objective_for(model.card), config)

    return make


def batch(seed=0, count=2):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, 32, 32, generator=generator)
    targets = torch.randint(0, 3, (count, 32, 32), generator=generator)
    marks = torch.randint(0, 3, (count, 1, 32, 32), generator=generator).float()
    return images, targets, marks


def weights(network):
    return {k: v.detach().clone() for k, v in network.state_dict().items()}


def moved(before, after):
    return {k for k in before if not torch.equal(before[k], after[k])}


def test_the_supervised_loss_is_the_architectures_with_changed_voxels_weighted(lesson):
    taught, (images, targets, marks) = lesson(), batch()
    losses = taught((images, targets, marks), None, 1.0)
    weight = torch.where(marks == CHANGED, CONFIG.changed_weight, marks)
    expected = taught.objective.loss(taught.student(images), targets, weight)
    torch.testing.assert_close(losses.supervised, expected.detach())
    total = losses.supervised + CONFIG.distillation * losses.distilled
    torch.testing.assert_close(losses.total.detach(), total)


def test_glad_net_keeps_its_self_distillation(lesson):
    taught, now = lesson(architecture="gladnet"), batch()
    assert isinstance(taught.objective, StageDistilled)
    bare = taught.objective.loss(taught.student(now[0]), now[1], (now[2] > 0).float())
    weighed = taught((*now[:2], (now[2] > 0).float()), None, 1.0).supervised
    assert weighed > bare.detach()


def test_the_loss_is_that_of_the_last_training_in_the_history(small_model):
    card = small_model().card
    trained = {"what": "trained", "config": {"loss": "boundary"}}
    tuned = {"what": "fine-tuned", "config": {"steps": 3}}
    found = objective_for(card.replace(history=(trained, tuned)))
    now = batch()
    logits = torch.randn(2, 3, 32, 32)
    assert found.loss(logits, now[1], None) != objective_for(card).loss(logits, now[1], None)


def test_the_teacher_is_asked_about_the_plain_image_and_the_student_about_the_dressed_one(
    small_model,
):
    model, now = small_model(), batch()
    with torch.no_grad():
        model.network.head.weight.mul_(1e4)  # sure of something
    student = copy_of(model.network, model.card)
    taught = Lesson(student, model.network, objective_for(model.card), CONFIG)
    images, targets, _ = batch(1)
    unseen = torch.zeros(2, 1, 32, 32)
    same = taught(now, Rehearsed(images, targets, unseen, images), 1.0)
    other = taught(now, Rehearsed(images * 3, targets, unseen, images), 1.0)
    assert same.distilled < 1e-10  # student and teacher are alike still
    assert other.distilled > 1e-4


def test_the_labels_of_what_it_knew_are_learnt_in_the_look_the_student_sees(lesson):
    taught, now, (images, targets, marks) = lesson(), batch(), batch(1)
    plain = torch.zeros_like(images)
    seen = (marks > 0).float()
    rehearsed = Rehearsed(images, targets, seen, plain)
    alone, bare = taught(now, rehearsed, 1.0), lesson(CONFIG.replace(rehearsal=0.0))
    without = bare(now, rehearsed, 1.0)
    more = taught.objective.loss(taught.student(images), targets, seen)
    torch.testing.assert_close(alone.total, without.total + CONFIG.rehearsal * more)
    torch.testing.assert_close(alone.supervised, without.supervised)  # the curve: corrections
    other = Rehearsed(images, torch.where(seen[:, 0] > 0, targets, 2 - targets), seen, plain)
    torch.testing.assert_close(taught(now, other, 1.0).total, alone.total)
    unseen = Rehearsed(images, targets, torch.zeros_like(seen), plain)
    for each in (taught, bare):
        each(now, unseen, 1.0).total.backward()
    torch.testing.assert_close(taught.student.head.weight.grad, bare.student.head.weight.grad)


def test_the_pull_brings_weights_back_to_the_old_ones(lesson):
    def distance(pull):
        taught = lesson(CONFIG.replace(pull=pull, distillation=0.0))
        before = weights(taught.student)
        run = FineTuneRun(taught, "all", CONFIG.replace(pull=pull), 4)
        for step in range(3):
            run.update(batch(step), None)
        return sum(float((v - before[k]).abs().sum()) for k, v in run.weights().items())

    assert distance(300.0) < 0.8 * distance(0.0)


def test_rates_follow_the_parts_and_norms_learn_as_fast_as_the_head(small_model):
    network = small_model("gladnet").network
    config = FineTuneConfig(learning_rate=0.1, decoder_rate=0.5, encoder_rate=0.1)
    groups = {g["name"]: g for g in parameter_groups(network, "all", config)}
    assert {n: g["lr"] for n, g in groups.items()} == pytest.approx(
        {"head": 0.1, "decoder": 0.05, "encoder": 0.01}
    )
    owners = {id(p): n for n, g in groups.items() for p in g["params"]}
    norms = norm_parameters(network)
    for name, parameter in network.named_parameters():
        expected = "head" if name in norms else network.part_of(name)
        assert owners[id(parameter)] == expected
    assert len(owners) == len(list(network.parameters()))


def test_statistics_are_counted_only_when_asked_for(lesson):
    for frozen in (True, False):
        config = CONFIG.replace(freeze_statistics=frozen)
        taught = lesson(config, "gladnet")
        before = weights(taught.student)
        FineTuneRun(taught, "head", config, 2).update(batch(), None)
        changed = {k for k in moved(before, weights(taught.student)) if "running" in k}
        assert bool(changed) != frozen


def test_no_dropout_is_left(small_model):
    network = small_model("msa2net").network.train()
    set_mode(network, freeze_statistics=True)
    assert not any(module.training for module in network.modules())


def test_the_candidate_is_a_running_mean_that_starts_at_the_student(lesson):
    config = CONFIG.replace(ema=0.9)
    taught = lesson(config)
    run, seen = FineTuneRun(taught, "all", config, 9), []
    assert not moved(run.weights(), weights(taught.student))
    for step in range(3):
        run.update(batch(step), None)
        seen.append(weights(taught.student)["head.weight"])
    kept = [2 / 11, 3 / 12]  # (1 + n) / (10 + n) while that is less than ema
    mean = seen[0]
    for share, value in zip(kept, seen[1:], strict=True):
        mean = share * mean + (1 - share) * value
    torch.testing.assert_close(run.weights()["head.weight"], mean)


def test_a_run_goes_on_from_its_state_to_the_bit(lesson):
    config = CONFIG.replace(ema=0.9)
    whole = FineTuneRun(lesson(config), "decoder", config, 4)
    for step in range(2):
        whole.update(batch(step), None)
    parts = FineTuneRun(lesson(config), "decoder", config, 4)
    parts.load(whole.state())
    for run in (whole, parts):
        for step in range(2, 4):
            run.update(batch(step), None)
    assert not moved(whole.weights(), parts.weights())
    assert parts.done == 4


@pytest.mark.parametrize("back", [False, True])
def test_a_step_that_is_stopped_in_its_midst_was_not_taken(lesson, monkeypatch, back):
    monkeypatch.setattr(watch, "_EVERY", 0)
    config = CONFIG.replace(freeze_statistics=False, ema=0.9)
    run = FineTuneRun(lesson(config, "gladnet"), "all", config, 4)
    run.update(batch(0), None)
    before, told = copy.deepcopy(run.state()), []
    run.update(batch(1), None, lambda: told.append(0))
    taken = copy.deepcopy(run.state())
    run.load(before)
    left = [len(told) - 2 if back else len(told) // 4]

    def stop():
        left[0] -= 1
        if not left[0]:
            raise Cancelled

    with pytest.raises(Cancelled):
        run.update(batch(1), None, stop)
    assert not moved(before["student"], run.state()["student"])  # its statistics, too
    assert run.done == 1
    run.update(batch(1), None)
    assert not moved(taken["student"], run.state()["student"])


def test_fabric_alone_changes_nothing(lesson):
    from lightning_fabric import Fabric

    plain = FineTuneRun(lesson(), "all", CONFIG, 2)
    joined = FineTuneRun(lesson(), "all", CONFIG, 2, Fabric(accelerator="cpu", devices=1))
    for run in (plain, joined):
        run.update(batch(), None)
    assert not moved(plain.weights(), joined.weights())


def progress(**changes):
    known = FineTuneProgress(
        stage="learning",
        final=True,
        step=3,
        steps=9,
        done=13,
        total=29,
        supervised=0.25,
        distilled=0.1,
        validation=0.5,
        guard=None,
        seconds_left=65.0,
        snapshot=lambda: None,
    )
    return replace(known, **changes)


def test_the_bar_says_where_it_is():
    step = progress().line
    assert (step.done, step.total, step.unit) == (13, 29, "step")
    assert step.note == "learning · loss 0.250 · Dice 0.500 · 65 s left"
    bare = progress(supervised=None, validation=None, seconds_left=None)
    assert bare.line.note == "learning"


def test_the_time_left_follows_the_pace_of_this_sitting(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock(spent=50.0)
    assert clock.left(20, 40) is None
    now[0] = 110.0
    assert clock.left(24, 40) is None  # too few steps to tell
    assert clock.left(30, 40) == pytest.approx(10.0)
    assert clock.spent == pytest.approx(60.0)
    assert math.isfinite(clock.left(40, 40))


def test_statistics_taken_anew_are_the_mean_over_all_batches(small_model):
    network = small_model("gladnet").network
    before = weights(network)
    norm = network.enc1[1]
    seen = []
    norm.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0]))
    batches = [torch.randn(3, 1, 32, 32) * 2 + 1 for _ in range(3)]
    recalibrate(network, batches)
    mean = torch.stack([x.mean((0, 2, 3)) for x in seen]).mean(0)
    variance = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in seen]).mean(0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)
    assert norm.momentum == 0.1
    assert not any(module.training for module in network.modules())
    assert all("running" in key or "tracked" in key for key in moved(before, weights(network)))


def test_a_network_without_batch_norms_has_nothing_to_take_anew(small_model):
    network = small_model("msd_kmamba", 3).network
    before = weights(network)
    recalibrate(network, (pytest.fail("asked for images") for _ in range(1)))
    assert not moved(before, weights(network))
