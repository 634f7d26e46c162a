"""A step of learning is taken whole or not at all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_medseg.engine import watch
from napari_medseg.progress import Cancelled


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(watch, "_EVERY", 0)
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 1, 3))


def step(network):
    network(torch.randn(2, 1, 8, 8)).square().mean().backward()


def hooks(network):
    weights = [w._post_accumulate_grad_hooks for w in network.parameters()]
    return [
        *filter(None, weights),
        *filter(None, (m._forward_pre_hooks for m in network.modules())),
    ]


def test_it_is_told_on_the_way_forth_and_back(network):
    told = []
    with watch.whole_step(network, lambda: told.append(network[0].weight.grad is None)):
        step(network)
    assert told[:5] == [True] * 5  # the whole and its four layers
    assert len(told) == 5 + len(list(network.parameters()))
    assert not hooks(network)


@pytest.mark.parametrize("number", [1, 4, 6, 9])
def test_stopped_anywhere_it_leaves_statistics_as_they_were(network, number):
    before, told = [b.clone() for b in network.buffers()], []

    def stop():
        told.append(number)
        if len(told) == number:
            raise Cancelled

    with pytest.raises(Cancelled), watch.whole_step(network, stop):
        step(network)
    assert len(told) == number
    assert all(torch.equal(b, now) for b, now in zip(before, network.buffers(), strict=True))
    assert not hooks(network)


def test_a_step_to_its_end_keeps_its_statistics(network):
    before = network[1].running_mean.clone()
    with watch.whole_step(network, lambda: None):
        step(network)
    assert not torch.equal(network[1].running_mean, before)


def test_weights_that_do_not_learn_tell_nothing(network):
    network.requires_grad_(False)
    told = []
    with watch.whole_step(network, lambda: told.append(0)):
        network(torch.randn(2, 1, 8, 8))
    assert len(told) == 5
