"""A model that learned to do without a modality is run without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.channels import can_do_without
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.networks import create_network
from napari_medseg.volume import Volume


def segmenter(**fields):
    torch.manual_seed(0)
    network = create_network(
        "msd_kmamba",
        preset="small",
        spatial_dims=3,
        in_channels=2,
        num_classes=2,
        widths=(8, 8, 8, 8, 8),
        depths=(0, 0, 0, 0, 1),
        **fields,
    )
    card = ModelCard(
        name="two",
        architecture="msd_kmamba",
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="blob"),),
        preprocessing=Preprocessing(window=(32, 32, 32), channels=("T1", "FLAIR")),
    )
    return Segmenter(network, card, "cpu")


def volume(*, without: int | None = None) -> Volume:
    array = np.random.default_rng(0).normal(size=(2, 34, 32, 33)).astype(np.float32)
    if without is not None:
        array[without] = np.nan
    return Volume(array, (1.0,) * 3, channels=("T1", "FLAIR"))


def test_the_card_says_whether_a_modality_may_be_missing():
    assert can_do_without(segmenter().card)
    assert not can_do_without(segmenter(modality_dropout=0.0).card)


@pytest.mark.parametrize("missing", [0, 1])
def test_the_network_sees_a_modality_that_is_nan_as_missing_in_every_window(missing):
    model = segmenter()
    seen = []
    model.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    config = InferenceConfig(probabilities=True)
    answer = model.segment(volume(without=missing), config).probabilities
    assert len(seen) > 1
    for window in seen:
        assert not window[:, missing].any()
        assert window[:, 1 - missing].any()
    assert np.isfinite(answer).all()
    whole = model.segment(volume(), config).probabilities
    assert np.abs(answer - whole).max() > 1e-3
