"""Fine-tuning: what must hold whatever is learnt."""

import copy
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_medseg.engine import watch
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint
from napari_medseg.engine.finetune import finetune
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_lesson import Lesson
from napari_medseg.engine.finetune_run import FineTuneRun, NotFiniteLoss
from napari_medseg.engine.finetune_stages import case_hash
from napari_medseg.engine.replay import Replay, load_replay, replay_path
from napari_medseg.networks import architectures
from napari_medseg.progress import Cancelled

QUICK = FineTuneConfig(
    steps=2, batch_size=2, trained="all", validation="none", alphas=(1.0,), save_every=0
)
every_network = pytest.mark.parametrize(
    ("name", "dims"),
    [
        pytest.param(n, d, marks=() if (n, d) == ("lgmsnet", 2) else pytest.mark.slow)
        for n, a in architectures().items()
        for d in a.spatial_dims
    ],
)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def stop_at(number):
    """Raise `Cancelled` before a step of learning, counted over all runs."""

    def tell(progress):
        if progress.done == number:
            raise Cancelled

    return tell


def replay_for(dims=2, guards=1):
    generator = torch.Generator().manual_seed(3)
    size = (32,) * dims
    images = torch.randn(4, 1, *size, generator=generator)
    labels = torch.zeros(4, *size, dtype=torch.int32)
    held = [(images[i] * 0.9, torch.ones(size, dtype=torch.int32)) for i in range(guards)]
    return Replay(images, labels, tuple(held), "")


@every_network
def test_without_labels_to_learn_the_student_stays_with_its_teacher(
    name, dims, small_model, corrected
):
    model = small_model(name, dims)
    config = QUICK.replace(supervised=0.0, batch_size=1)
    tuned = finetune(model, [corrected(dims=dims)], config)
    image = torch.randn(1, 1, *[32] * dims)
    with torch.no_grad():
        before, after = model.network(image), tuned.segmenter_at(1.0).network(image)
    assert (before.softmax(1) - after.softmax(1)).abs().max() < 1e-4


@every_network
def test_what_nobody_reviewed_has_no_influence_nor_has_an_interruption(
    name, dims, small_model, corrected, tmp_path
):
    model, case = small_model(name, dims), corrected(dims=dims)
    other = copy.copy(case.labels)
    other[~case.reviewed] = 4 - other[~case.reviewed]
    elsewhere = type(case)(case.volume, other, case.reviewed, case.changed, case.name)
    whole = finetune(model, [case], QUICK)
    with pytest.raises(Cancelled):
        finetune(model, [elsewhere], QUICK, out=tmp_path, on_progress=stop_at(1))
    parts = finetune(model, [elsewhere], QUICK, out=tmp_path, resume=True)
    assert equal(whole.new, parts.new)
    assert not equal(whole.new, whole.old)


def test_without_labels_to_learn_rehearsing_changes_nothing_either(small_model, corrected):
    model, case = small_model(), corrected()
    config = QUICK.replace(supervised=0.0, restyle=1.0, confidence=0.5)
    tuned = finetune(model, [case], config, replay=replay_for())
    image = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        before, after = model.network(image), tuned.segmenter_at(1.0).network(image)
    assert (before.softmax(1) - after.softmax(1)).abs().max() < 1e-4
    learnt = finetune(model, [case], config.replace(supervised=1e-9), replay=replay_for())
    assert not equal(learnt.new, tuned.new)  # with labels the look of the new images is rehearsed


def test_no_steps_give_the_same_weights(small_model, corrected):
    model = small_model()
    tuned = finetune(model, [corrected()], QUICK.replace(steps=0))
    assert equal(tuned.new, model.network.state_dict())
    assert tuned.alpha == 0


def test_the_same_seed_gives_the_same_weights_and_another_one_others(small_model, corrected):
    model, cases = small_model(), [corrected(0), corrected(1)]
    runs = [finetune(model, cases, QUICK.replace(seed=s), replay=replay_for()) for s in (1, 1, 2)]
    assert equal(runs[0].new, runs[1].new)
    assert not equal(runs[0].new, runs[2].new)


def test_a_copy_of_the_state_of_any_moment_leads_to_the_same_end(small_model, corrected, tmp_path):
    model, cases = small_model(), [corrected(0), corrected(1)]
    config = QUICK.replace(steps=3, validation="leave-one-out", validate_every=2)

    def copy_midway(progress):
        if progress.done in (2, 5):  # as if the power had failed now
            shutil.copytree(tmp_path / "run", tmp_path / f"copy{progress.done}")

    known = replay_for()
    whole = finetune(
        model, cases, config, replay=known, out=tmp_path / "run", on_progress=copy_midway
    )
    for moment in (2, 5):
        out = tmp_path / f"copy{moment}"
        again = finetune(model, cases, config, replay=known, out=out, resume=True)
        assert equal(whole.new, again.new)
        assert again.sweep == whole.sweep
        assert again.curves == whole.curves


def test_stopped_while_it_checks_it_checks_again(small_model, corrected, tmp_path):
    model, cases = small_model(), [corrected(0), corrected(1)]
    config = QUICK.replace(validation="hold-out", validate_every=1)

    def stop(step):
        if "scoring" in step.note and step.done == 1:
            raise Cancelled

    whole = finetune(model, cases, config)
    with pytest.raises(Cancelled):
        finetune(model, cases, config, out=tmp_path, report=stop)
    parts = finetune(model, cases, config, out=tmp_path, resume=True)
    assert parts.curves == whole.curves
    assert equal(parts.new, whole.new)


def test_stopped_in_the_midst_of_a_step_it_takes_that_step_again(
    small_model, corrected, tmp_path, monkeypatch
):
    monkeypatch.setattr(watch, "_EVERY", 0)
    model, case, seen = small_model(), corrected(), []

    def stop(step):
        seen.append(step)
        if step.done == 1 and seen.count(step) == 7:  # on the way back
            raise Cancelled

    whole = finetune(model, [case], QUICK)
    with pytest.raises(Cancelled):
        finetune(model, [case], QUICK, out=tmp_path, report=stop)
    parts = finetune(model, [case], QUICK, out=tmp_path, resume=True)
    assert equal(whole.new, parts.new)
    assert parts.curves == whole.curves


def test_a_finished_run_is_there_again_at_once(small_model, corrected, tmp_path):
    model, cases = small_model(), [corrected()]
    whole = finetune(model, cases, QUICK, out=tmp_path)
    steps = []
    again = finetune(model, cases, QUICK, out=tmp_path, resume=True, on_progress=steps.append)
    assert steps == []
    assert equal(again.new, whole.new)


def test_a_state_of_other_cases_is_refused(small_model, corrected, tmp_path):
    model = small_model()
    finetune(model, [corrected(0)], QUICK, out=tmp_path)
    with pytest.raises(ValueError, match="begun with other cases"):
        finetune(model, [corrected(1)], QUICK, out=tmp_path, resume=True)
    with pytest.raises(ValueError, match="nothing to resume"):
        finetune(model, [corrected(0)], QUICK, out=tmp_path / "empty", resume=True)


@pytest.mark.parametrize("error", [Cancelled(), OSError("the disk is full")])
def test_what_stops_it_leaves_model_and_cases_as_they_were(small_model, corrected, error):
    model, case = small_model(), corrected()
    weights = copy.deepcopy(model.network.state_dict())
    hashed, mode = case_hash(case), model.network.training

    def stop(progress):
        if progress.done == 1:
            raise error

    with pytest.raises(type(error)):
        finetune(model, [case], QUICK, on_progress=stop)
    assert equal(model.network.state_dict(), weights)
    assert (case_hash(case), model.network.training) == (hashed, mode)
    assert all(p.requires_grad for p in model.network.parameters())


def test_a_loss_that_is_no_number_stops_it_and_a_lower_rate_goes_on(
    small_model, corrected, tmp_path, monkeypatch
):
    model, case = small_model(), corrected()
    state = tmp_path / "finetune.resume.pt"
    taken = FineTuneRun._gradients

    def breaks(run, now, rehearsed):
        if run.done == 1:
            with torch.no_grad():
                now[0].fill_(float("nan"))
        return taken(run, now, rehearsed)

    with monkeypatch.context() as patch:
        patch.setattr(FineTuneRun, "_gradients", breaks)
        with pytest.raises(NotFiniteLoss, match=r"at step 2.*Lower the learning rate"):
            finetune(model, [case], QUICK, out=tmp_path)
    kept = torch.load(state, weights_only=True)["current"]["run"]
    assert kept["done"] == 1
    assert all(v.isfinite().all() for v in kept["student"].values())
    slower = QUICK.replace(learning_rate=QUICK.learning_rate / 10)
    assert finetune(model, [case], slower, out=tmp_path, resume=True).steps == 2


def test_short_memory_cuts_the_batch_and_says_so(small_model, corrected, monkeypatch):
    model, cases = small_model(), [corrected(0), corrected(1)]
    config = QUICK.replace(steps=1, batch_size=4, replay=0.0)
    whole = finetune(model, cases, config)
    forward = Lesson.forward

    def at_most(patches, words="DefaultCPUAllocator: not enough memory"):
        def full(self, now, rehearsed, progress):
            if len(now[0]) > patches:
                raise RuntimeError(words)
            return forward(self, now, rehearsed, progress)

        monkeypatch.setattr(Lesson, "forward", full)

    at_most(1)
    parts = finetune(model, cases, config)
    assert any("4 parts a step" in note for note in parts.notes)
    assert not any("parts" in note for note in whole.notes)
    at_most(0, "could not create a primitive")
    with pytest.raises(OSError, match="so few patches at a time"):
        finetune(model, cases, config)


@pytest.mark.parametrize(
    ("trained", "learning"),
    [("head", {"head"}), ("decoder", {"head", "decoder"}), ("all", {"head", "decoder", "encoder"})],
)
def test_only_the_chosen_part_and_the_norms_change(small_model, corrected, trained, learning):
    model = small_model()
    tuned = finetune(model, [corrected()], QUICK.replace(trained=trained))
    changed = {k for k in tuned.new if not torch.equal(tuned.new[k], tuned.old[k])}
    weights = {k for k in changed if tuned.new[k].ndim > 1}
    assert {model.network.part_of(k) for k in weights} == learning
    assert "norm.weight" in changed  # the scale of a batch norm of the encoder
    assert not any("running" in key for key in changed)


def test_each_case_is_scored_by_a_model_that_has_not_seen_it(small_model, corrected):
    model, cases = small_model(), [corrected(i) for i in range(3)]
    stages, told = set(), []
    tuned = finetune(
        model,
        cases,
        QUICK.replace(steps=1, validation="auto", alphas=(0.5, 1.0)),
        replay=replay_for(guards=2),
        report=told.append,
        on_progress=lambda p: stages.add(p.stage),
    )
    told = [step for step in told if step.total == 4]
    assert {step.unit for step in told} == {"step"}  # no window is counted while it scores
    assert [step.done for step in told] == sorted(step.done for step in told)
    mix = "learning · old and new mixed, 3 of 3 · scoring case"
    assert {f"{mix} 1 of 2", f"{mix} 2 of 2"} <= {step.note for step in told}  # the guards
    assert stages == {*(f"without case {i} of 3" for i in (1, 2, 3)), "learning"}
    assert [case.held_out for case in tuned.cases] == [True] * 3
    assert [row.alpha for row in tuned.sweep] == [0.0, 0.5, 1.0]
    assert all(set(case.by_alpha) == {0.0, 0.5, 1.0} for case in (*tuned.cases, *tuned.guards))
    assert len(tuned.guards) == 2
    assert tuned.sweep[0].forgotten == 0
    assert tuned.cases[0].edited == np.count_nonzero(cases[0].changed)


def test_of_many_cases_some_are_held_out_and_the_others_marked_as_learnt(small_model, corrected):
    cases = [corrected(i) for i in range(8)]
    tuned = finetune(small_model(), cases, QUICK.replace(steps=1, validation="auto"))
    assert sorted(case.held_out for case in tuned.cases) == [False] * 6 + [True] * 2
    assert all({0.0, tuned.alpha} <= set(case.by_alpha) for case in tuned.cases)
    assert any("forgetting could not be measured" in note for note in tuned.notes)


def test_a_new_model_is_a_new_file_that_names_its_parent(small_model, corrected, tmp_path):
    model = small_model()
    model.save(tmp_path / "old.safetensors")
    model.sha256 = file_hash(tmp_path / "old.safetensors")
    tuned = finetune(model, [corrected(name="Mrs X")], QUICK, replay=replay_for())
    path = tuned.save(tmp_path / "new.safetensors", alpha=1.0, keep_replay=True)
    network, card = load_checkpoint(path)
    assert equal(network.state_dict(), tuned.new)
    assert (card.name, card.parent) == ("new", model.sha256)
    assert card.history[-1]["config"] == QUICK.to_dict()
    assert "Mrs X" not in card.to_json()
    kept = load_replay(replay_path(path))
    assert kept.model == file_hash(path)
    assert len(kept.images) == 4 + 8
    assert len(kept.guards) == 1
    with pytest.raises(ValueError, match="never replaced"):
        tuned.save(path)
    assert not replay_path(tuned.save(tmp_path / "bare.safetensors")).exists()


def test_the_candidate_can_be_looked_at_while_it_learns(small_model, corrected):
    model, case, seen = small_model(), corrected(), []

    def look(progress):
        seen.append(progress.snapshot().network.state_dict())

    tuned = finetune(model, [case], QUICK.replace(ema=0.0), on_progress=look)
    assert equal(seen[0], tuned.old)
    assert not equal(seen[1], seen[0])
    assert not equal(seen[1], tuned.new)


def test_a_model_of_slices_learns_from_a_volume(small_model, corrected):
    model, case = small_model(), corrected(dims=3)
    reviewed = np.zeros_like(case.reviewed)
    reviewed[12:14] = True
    case = type(case)(case.volume, case.labels, reviewed, None, "volume")
    tuned = finetune(model, [case], QUICK.replace(replay=0.0))
    assert not equal(tuned.new, tuned.old)
    assert tuned.cases[0].reviewed == reviewed.sum()


@pytest.mark.parametrize("reviewed", [None, "nothing"])
def test_without_a_case_or_a_reviewed_voxel_it_says_what_to_do(small_model, corrected, reviewed):
    case = corrected(name="empty")
    blank = type(case)(case.volume, case.labels, np.zeros_like(case.reviewed), None, "empty")
    cases, words = ([], "add at least one") if reviewed is None else ([blank], "review a slice")
    with pytest.raises(ValueError, match=words):
        finetune(small_model(), cases, QUICK)


@pytest.mark.parametrize(
    ("changes", "anew"), [({}, True), ({"supervised": 0.0}, False), ({"recalibrate": False}, False)]
)
def test_statistics_are_taken_anew_only_to_learn_and_with_a_replay(
    small_model, corrected, changes, anew
):
    model, case = small_model(), corrected()
    for known, taken in ((replay_for(guards=0), anew), (None, False)):
        config = QUICK.replace(steps=1, learning_rate=1e-9, **changes)
        tuned = finetune(model, [case], config, replay=known)
        changed = any(
            "running_mean" in key and not torch.equal(value, tuned.old[key])
            for key, value in tuned.new.items()
        )
        assert changed == taken


def test_a_state_that_cannot_be_written_is_said_and_nothing_is_lost(
    small_model, corrected, tmp_path
):
    model, case = small_model(), corrected()
    weights, hashed = copy.deepcopy(model.network.state_dict()), case_hash(case)
    (tmp_path / "file").write_text("no folder")
    steps = []
    with pytest.raises(OSError, match=r"cannot write .*choose another folder"):
        finetune(model, [case], QUICK, out=tmp_path / "file", on_progress=steps.append)
    assert steps == []  # it is known before anything was learnt
    assert equal(model.network.state_dict(), weights)
    assert case_hash(case) == hashed


def test_a_damaged_state_is_refused(small_model, corrected, tmp_path):
    model, case = small_model(), corrected()
    (tmp_path / "finetune.resume.pt").write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"cannot be read.*start anew"):
        finetune(model, [case], QUICK, out=tmp_path, resume=True)


KILLED = """
import os, signal, sys
import numpy as np
from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune import finetune
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.volume import Volume

model, out, how = sys.argv[1:]
labels = np.zeros((32, 32), np.uint8)
labels[4:20, 4:20] = 3
values = np.random.default_rng(0).normal(size=(1, 32, 32)).astype(np.float32)
case = Case(Volume(values, (1.0, 1.0)), labels, name="a")

def kill(progress):
    if how == "kill" and progress.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

config = FineTuneConfig(steps=4, validation="none", alphas=(1.0,), save_every=0)
tuned = finetune(
    Segmenter.load(model, "cpu"), [case], config, out=out, resume=how == "resume", on_progress=kill
)
tuned.save(f"{out}/new.safetensors", alpha=1.0)
"""


@pytest.mark.slow
def test_a_killed_program_goes_on_to_the_same_bits(tiny_2d, tmp_path):
    def run(out, how):
        words = [sys.executable, "-c", KILLED, str(tiny_2d), str(tmp_path / out), how]
        return subprocess.run(words, capture_output=True, timeout=200).returncode

    assert run("whole", "all") == 0
    assert run("parts", "kill") == -signal.SIGKILL
    assert run("parts", "resume") == 0
    whole, parts = (
        load_checkpoint(tmp_path / name / "new.safetensors")[0].state_dict()
        for name in ("whole", "parts")
    )
    assert equal(whole, parts)
