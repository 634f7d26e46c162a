import pytest
import torch
from torch import nn

from napari_medseg.engine.trial import measure_step

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
