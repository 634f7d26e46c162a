import pytest
import torch
from torch import nn

from napari_medseg.engine.trial import measure_step
from napari_medseg.progress import Cancelled

CPU = torch.device("cpu")


def test_memory_grows_with_what_is_kept_for_the_way_back_and_with_the_weights():
    def needed(batch, width=8):
        network = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        image = torch.randn(batch, width)
        return measure_step(network, lambda: network(image).sum().backward(), CPU).memory_bytes

    small, large = needed(100), needed(200)
    per_row = (large - small) / 100
    assert 8 * 4 <= per_row <= 8 * 4 * 4  # the input, the hidden layer, and a little more
    assert needed(100, 16) > small


def test_three_steps_are_taken_and_the_faster_one_counts(monkeypatch):
    moments = iter([0.0, 3.0, 10.0, 12.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))
    steps = []
    trial = measure_step(nn.Linear(1, 1), lambda: steps.append(1), CPU)
    assert (len(steps), trial.seconds) == (3, pytest.approx(2.0))


def test_in_parts_only_what_grows_with_the_patches_shrinks():
    network = nn.Linear(8, 8)
    image = torch.randn(50, 8)
    trial = measure_step(network, lambda: network(image).tanh().sum().backward(), CPU)
    assert trial.weight_bytes == 6 * 4 * (64 + 8)
    assert trial.in_parts(1) == trial.memory_bytes > trial.weight_bytes
    assert trial.in_parts(2) < trial.memory_bytes
    assert trial.in_parts(10**9) == trial.weight_bytes


def test_a_trial_stops_before_the_next_step():
    steps = []

    def stop(step):
        if step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure_step(nn.Linear(1, 1), lambda: steps.append(1), CPU, stop)
    assert len(steps) == 1
