"""The two kinds of convolution that the benchmark compares belong to one network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from napari_medseg.networks.convolution import Conv3d


@pytest.fixture(autouse=True)
def _beside_the_package(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))


def test_a_copy_takes_torch_s_convolutions_and_the_network_keeps_its_own():
    from benchmarks.convolution import OURS, THEIRS, variants, with_torch

    network = nn.Sequential(Conv3d(1, 2, 3, padding=1), nn.ReLU(), Conv3d(2, 2, 3, padding=1))
    assert not any(isinstance(m, Conv3d) for m in with_torch(network))
    assert isinstance(network[0], Conv3d)
    compared = variants(network, torch.randn(1, 1, 4, 5, 6))
    torch.testing.assert_close(compared[OURS](), compared[THEIRS]())


def test_answers_that_differ_are_not_timed(monkeypatch):
    from benchmarks import convolution

    monkeypatch.setattr(convolution, "with_torch", lambda network: nn.Conv3d(1, 2, 3))
    with pytest.raises(ValueError, match="logits differ by"):
        convolution.variants(Conv3d(1, 2, 3), torch.randn(1, 1, 5, 5, 5))
