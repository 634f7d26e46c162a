import math

import numpy as np
import pytest

from napari_medseg.engine import training_trial
from napari_medseg.engine.cases import Case
from napari_medseg.engine.training import train
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_presets import PRESETS, preset_config, window_for
from napari_medseg.engine.training_trial import plan_training
from napari_medseg.engine.trial import Trial
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

TINY = {"network": {"widths": (4, 4, 4, 4, 4)}, "device": "cpu"}


def case(shape, channels=1, seen=None, spacing=None, dtype=np.float32):
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.uint8)
    labels[tuple(slice(s // 4, s // 2) for s in shape)] = 3
    reviewed = None
    if seen is not None:
        reviewed = np.zeros(shape, bool)
        reviewed[seen] = True
    image = rng.normal(100, 20, (channels, *shape)).clip(0, 255).astype(dtype)
    return Case(Volume(image, spacing or (1.0,) * len(shape)), labels, reviewed=reviewed)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_preset_takes_about_its_steps_whatever_there_is(name, count):
    for cases in (
        [case((20, 40, 24), seen=[5, 8, 11])] * count,
        [case((6, 40, 24), seen=[2, 3], spacing=(5.0, 1.0, 1.0))] * count,
        [case((40, 50), channels=3, dtype=np.uint8)] * count,
    ):
        config = preset_config(name, cases)
        examples = count * (2 if config.slices else 1)
        taken = config.epochs * (examples * config.windows_per_case // config.batch_size)
        assert PRESETS[name].steps * 0.8 <= taken <= PRESETS[name].steps * 1.35


def test_the_data_decides_dimensions_and_sides():
    volumes = preset_config("quick", [case((36, 50, 35), seen=[5])])
    assert (volumes.window, volumes.slices, volumes.size) == ((32, 64, 32), False, None)
    stacks = preset_config("quick", [case((8, 60, 60), spacing=(4.0, 1.0, 1.0))])
    assert (stacks.slices, stacks.size, stacks.window) == (True, (128, 128), None)
    thick = preset_config("quick", [case((20, 60, 60), spacing=(5.0, 1.0, 1.0))])
    assert (thick.slices, thick.size) == (True, (128, 128))
    pictures = preset_config("quick", [case((60, 60), channels=3, dtype=np.uint8)])
    assert (pictures.slices, pictures.size) == (False, (128, 128))
    assert pictures.augment.colour > 0
    assert preset_config("quick", [case((60, 60))]).augment.colour == 0


@pytest.mark.parametrize("shape", [(36, 50, 35), (300, 512, 512), (17, 20, 16), (40, 400, 90)])
@pytest.mark.parametrize("name", PRESETS)
def test_a_window_fits_the_network_the_preset_and_the_image(shape, name):
    window = window_for(shape, PRESETS[name])
    assert all(side % 32 == 0 for side in window)
    assert math.prod(window) <= PRESETS[name].window
    assert all(side <= max(1.5 * length, 32) for side, length in zip(window, shape, strict=True))


def test_changes_go_over_the_preset_and_unknown_presets_are_named():
    cases = [case((20, 40, 24), seen=[5, 8])]
    assert preset_config("quick", cases, epochs=3, seed=4).epochs == 3
    with pytest.raises(ValueError, match="no preset 'fast'; there are quick, careful"):
        preset_config("fast", cases)
    with pytest.raises(ValueError, match="no cases"):
        preset_config("quick", [])


def test_a_plan_says_what_how_long_and_how_much():
    cases = [case((20, 34, 36), seen=[3, 6, 9, 12]) for _ in range(2)]
    config = preset_config("quick", cases, **TINY, window=(32, 32, 32), batch_size=1)
    plan = plan_training(cases, config)
    assert plan.words.startswith("LGMSNet (small, 3D) learns from 2 cases seen in part, ")
    assert "1 of 8 labelled slices held out" in plan.words
    assert "GB of memory" in plan.words
    assert plan.minutes > 0
    assert 1e5 < plan.memory < 2e9
    assert plan.config == config
    unmeasured = plan_training(cases, config, measure=False)
    assert (unmeasured.minutes, unmeasured.memory) == (None, None)
    assert unmeasured.steps == plan.steps
    assert unmeasured.words.endswith("held out to score on.")


def test_the_steps_of_a_plan_are_those_of_the_training(tmp_path):
    cases = [case((20, 34, 36), seen=[3, 6, 9, 12]) for _ in range(2)]
    changes = {**TINY, "window": (32, 32, 32), "batch_size": 2, "windows_per_case": 2, "epochs": 2}
    plan = plan_training(cases, preset_config("quick", cases, **changes), measure=False)
    seen = []
    train(cases, plan.config, out=tmp_path / "m.safetensors", report=seen.append)
    assert {step.total for step in seen if step.unit == "step"} == {plan.steps}


def test_where_memory_is_short_batches_and_then_windows_shrink(monkeypatch):
    cases = [case((20, 40, 70), seen=[3, 6, 9, 12])]
    config = TrainingConfig(**TINY, window=(32, 32, 96), batch_size=4)

    def needs(network, take_step, device, report):
        return Trial(0.1, needed.pop(0))

    monkeypatch.setattr(training_trial, "measure_step", needs)
    monkeypatch.setattr(training_trial, "free_memory", lambda device: 1000)
    needed = [900, 850, 700]
    plan = plan_training(cases, config)
    assert plan.config.batch_size == 1
    assert plan.notes == ("Memory is short: 1 of 32 x 32 x 96 voxels at a time.",)
    needed = [900, 900, 900, 800]
    assert plan_training(cases, config).config.window == (32, 32, 64)
    needed = [900] * 9
    with pytest.raises(OSError, match="close other programs or choose a smaller model"):
        plan_training(cases, config)


def test_a_trial_is_stopped_and_leaves_nothing():
    def stop(step):
        if step.note == "trying a step":
            raise Cancelled

    cases = [case((20, 34, 36), seen=[3, 6, 9, 12])]
    with pytest.raises(Cancelled):
        plan_training(cases, preset_config("quick", cases, **TINY), report=stop)
