"""The plan of a fine-tuning, before it begins."""

import pytest
import torch

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_parts import trained_for
from napari_medseg.engine.finetune_plan import plan
from napari_medseg.engine.replay import Replay
from napari_medseg.progress import Cancelled

QUICK = FineTuneConfig(steps=30, batch_size=2)


@pytest.mark.parametrize(
    ("cases", "trained"), [(1, "head"), (3, "head"), (4, "decoder"), (10, "decoder"), (11, "all")]
)
def test_the_more_cases_the_more_learns(cases, trained):
    assert trained_for(FineTuneConfig(), cases) == trained
    assert trained_for(FineTuneConfig(trained="decoder"), cases, rehearses=True) == "decoder"
    rehearsing = trained_for(FineTuneConfig(), cases, rehearses=True)
    assert rehearsing == ("head" if cases <= 3 else "all")


def test_a_plan_says_what_learns_how_often_and_how_long(small_model, corrected):
    model, cases = small_model(), [corrected(i) for i in range(2)]
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    planned = plan(model, cases, QUICK)
    assert (planned.trained, planned.steps, len(planned.stages)) == ("head", 90, 3)
    assert 0 < planned.learning < planned.parameters
    assert planned.seconds > 0
    assert planned.memory > 4 * planned.parameters
    for words in ("From 2 cases the last layer", "30 steps, 3 times: without each", "GB of memory"):
        assert words in planned.words
    assert "forgetting" not in planned.words  # the findings say it, once
    assert all(torch.equal(v, before[k]) for k, v in model.network.state_dict().items())


def test_validation_costs_what_the_plan_says(small_model, corrected, monkeypatch):
    from napari_medseg.engine import finetune_plan
    from napari_medseg.engine.trial import Trial

    monkeypatch.setattr(finetune_plan, "measure_step", lambda *a: Trial(2.0, 10**9))
    model, cases = small_model(), [corrected(i) for i in range(2)]
    alone = plan(model, cases, QUICK.replace(validation="none"))
    turned = plan(model, cases, QUICK.replace(validation="leave-one-out"))
    mixes = len(QUICK.alphas)
    # 30 steps of 2 s; two patches are answered for each of the mixes, 2 s / 8 each
    assert alone.seconds == pytest.approx(60 + 2 * mixes * 0.25)
    # three times as many steps; each case is answered at two checks and for the mixes
    assert turned.seconds == pytest.approx(180 + 2 * (2 + mixes) * 0.25)


def test_without_measuring_a_plan_is_there_at_once(small_model, corrected):
    planned = plan(small_model(), [corrected()], QUICK, measure=False)
    assert planned.seconds is None
    assert "about" not in planned.words
    with pytest.raises(ValueError, match="add at least one"):
        plan(small_model(), [], QUICK)


def test_a_plan_that_needs_more_memory_than_there_is_cuts_the_steps_and_says_so(
    small_model, corrected, monkeypatch
):
    from napari_medseg.engine import finetune_plan
    from napari_medseg.engine.trial import Trial

    monkeypatch.setattr(finetune_plan, "measure_step", lambda *a: Trial(2.0, 10**9, 10**8))
    for free, parts in ((2 * 10**9, 1), (10**9, 2), (5 * 10**8, 4)):
        monkeypatch.setattr(finetune_plan, "free_memory", lambda device, free=free: free)
        planned = plan(small_model(), [corrected()], QUICK.replace(batch_size=4))
        assert planned.config == QUICK.replace(batch_size=4, parts=parts)
        assert planned.memory == 10**8 + 9 * 10**8 // parts <= 0.8 * free
        said = f"1.0 GB of memory are needed and {free / 1e9:.1f} free: patches are learnt from"
        assert (said in planned.words) == (parts > 1)
        assert "close other programs" not in planned.words
    monkeypatch.setattr(finetune_plan, "free_memory", lambda device: 1000)
    assert "close other programs" in plan(small_model(), [corrected()], QUICK).words


def test_a_trial_can_be_stopped_at_any_of_its_steps_and_leaves_chance_alone(small_model, corrected):
    model, seen = small_model(), []
    state = torch.get_rng_state()
    plan(model, [corrected()], QUICK, report=seen.append)
    assert torch.equal(torch.get_rng_state(), state)
    tries = list(dict.fromkeys(step for step in seen if step.note == "trying a step"))
    assert [step.done for step in tries] == [0, 1, 2]

    def stop(step):
        if step == tries[1]:
            raise Cancelled

    with pytest.raises(Cancelled):
        plan(model, [corrected()], QUICK, report=stop)


def test_the_statistics_taken_anew_are_in_the_minutes(small_model, corrected, monkeypatch):
    from napari_medseg.engine import finetune_plan
    from napari_medseg.engine.trial import Trial

    monkeypatch.setattr(finetune_plan, "measure_step", lambda *a: Trial(2.0, 10**9))
    images, labels = torch.randn(4, 1, 32, 32), torch.zeros(4, 32, 32, dtype=torch.int32)
    known = Replay(images, labels, (), "")
    config = QUICK.replace(validation="none", batch_size=2)
    anew, kept = (
        plan(small_model("gladnet"), [corrected()], config.replace(recalibrate=r), replay=known)
        for r in (True, False)
    )
    # 16 batches of a corrected and a rehearsed patch, 2 s / 8 each
    assert anew.seconds - kept.seconds == pytest.approx(16 * 2 * 0.25)
