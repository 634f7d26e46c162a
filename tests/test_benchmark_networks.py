"""The tables of networks and of self-distillation measure what they say; no times checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from scipy import stats


@pytest.fixture(autouse=True)
def _beside_the_package(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))


def test_every_preset_of_ours_and_five_of_monais_are_measured():
    from benchmarks.networks import builders

    assert {len(builders(2)), len(builders(3))} == {9 + 5, 6 + 5}
    assert "MSD-KMamba small" in builders(3)


def test_a_convolution_is_counted_as_it_is_multiplied():
    from benchmarks.networks import gigamacs

    convolution = torch.nn.Conv2d(3, 5, 3, padding=1)
    assert gigamacs(convolution, 2, 16) * 1e9 == pytest.approx(5 * 3 * 9 * 16 * 16)


def test_axes_are_permuted_as_the_pattern_says():
    from benchmarks.networks import rearrange

    x = torch.randn(1, 2, 3, 4)
    assert torch.equal(rearrange(x, "b c h w -> b h w c"), x.permute(0, 2, 3, 1))


def test_a_row_has_a_cell_for_each_heading_and_the_yardstick_is_1(capsys):
    from benchmarks.networks import YARDSTICK, rows, show

    held = {YARDSTICK: (1.0, 2.0), "GLAD-Net small": (3.0, 4.0)}
    show("tiny", rows(held, 2, 32, rounds=1))
    head, _, unet, ours = capsys.readouterr().out.strip().splitlines()[2:]
    assert head.count("|") == unet.count("|") == ours.count("|")
    assert [unet.split(" | ")[i] for i in (4, 7)] == ["1", "1"]
    assert ours.startswith("| GLAD-Net small | 0.64 |")


def test_both_arms_of_a_study_begin_alike_and_differ_by_the_distillation_alone():
    from benchmarks.distillation import STUDIES, train

    study = dataclasses.replace(STUDIES["GLAD-Net, CSSD"], size=(16, 16), learnt=2, steps=2)
    again, on = (train(study, 0, {}).state_dict() for _ in range(2))
    off = train(study, 0, study.off).state_dict()
    assert all(torch.equal(again[key], on[key]) for key in on)
    assert on.keys() == off.keys()
    assert not all(torch.equal(off[key], on[key]) for key in on)
    still = dataclasses.replace(study, rate=1e-30)
    first, second = (train(still, 0, changes) for changes in ({}, study.off))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_interval_is_that_of_a_paired_t_test():
    from benchmarks.distillation import interval

    differences = [0.06, -0.02, 0.03, 0.01, 0.04]
    mean, error = sum(differences) / 5, stats.sem(differences)
    assert interval(differences) == pytest.approx(stats.t.interval(0.95, 4, mean, error))
