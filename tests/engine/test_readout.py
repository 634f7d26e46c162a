"""Logits become labels, probabilities and uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.engine.readout import (
    NotFiniteError,
    Readout,
    argmax_classes,
    entropy,
    region_labels,
)


def card_of(values, activation="softmax", orders=None):
    orders = orders or [0] * len(values)
    classes = tuple(
        LabelClass(value=v, name=f"c{v}", order=o) for v, o in zip(values, orders, strict=True)
    )
    return ModelCard(name="m", architecture="x", config={}, classes=classes, activation=activation)


@pytest.mark.parametrize("classes", [1, 2, 5, 300])
def test_the_running_maximum_is_argmax(classes):
    logits = torch.randn(classes, 4, 5, 6)
    np.testing.assert_array_equal(argmax_classes(logits), logits.argmax(0))


def test_ties_go_to_the_lower_class():
    logits = torch.zeros(4, 1, 2, 2)
    logits[2:, 0, 0] = 1
    assert argmax_classes(logits).tolist() == [[[2, 2], [0, 0]]]


def test_logits_in_another_memory_order_give_the_same_labels():
    logits = torch.randn(3, 6, 7, 8)
    turned = logits.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(argmax_classes(turned), argmax_classes(logits))


def test_nan_is_no_class():
    logits = torch.zeros(3, 1, 2, 2)
    logits[1, 0, 0, 0] = float("nan")
    with pytest.raises(NotFiniteError):
        argmax_classes(logits)
    with pytest.raises(NotFiniteError):
        region_labels(logits, card_of([1, 2, 3], "sigmoid").classes)


def test_regions_are_written_in_their_order():
    # whole tumour 2 first, core 1 over it, enhancing 4 last; channels in another order
    card = card_of([1, 2, 4], "sigmoid", orders=[1, 0, 2])
    inside = torch.tensor([[1.0, 1, -1, -1], [1, 1, 1, -1], [1, -1, -1, -1]]).view(3, 1, 1, 4)
    assert region_labels(inside, card.classes).flatten().tolist() == [4, 1, 2, 0]


def test_labels_have_the_values_of_the_card():
    readout = Readout((1, 1, 3), card_of([7, 3]))
    readout(torch.eye(3).view(3, 1, 1, 3), (0, 0, 0))
    assert readout.labels.flatten().tolist() == [0, 7, 3]
    assert readout.labels.dtype == np.uint8


def test_values_above_255_need_uint16():
    readout = Readout((1, 1, 2), card_of([1, 300]))
    readout(torch.tensor([[0.0, 0], [1, 0], [0, 1]]).view(3, 1, 1, 2), (0, 0, 0))
    assert readout.labels.flatten().tolist() == [1, 300]
    assert readout.labels.dtype == np.uint16


def test_more_than_255_classes():
    readout = Readout((1, 1, 300), card_of(list(range(1, 301))))
    readout(torch.eye(301)[:, 1:].reshape(301, 1, 1, 300), (0, 0, 0))
    assert readout.labels.flatten().tolist() == list(range(1, 301))


def test_where_no_logits_come_is_background_for_sure():
    readout = Readout((1, 2, 2), card_of([1]), probabilities=True, uncertainty=True)
    readout(torch.tensor([[0.0], [2.0]]).view(2, 1, 1, 1), (0, 1, 1))
    assert readout.labels.tolist() == [[[0, 0], [0, 1]]]
    assert readout.probabilities[:, 0, 0, 0].tolist() == [1, 0]
    assert readout.uncertainty[0, 0, 0] == 0 < readout.uncertainty[0, 1, 1] < 1


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_uncertainty_is_0_when_sure_and_1_when_not_at_all(activation):
    sure = torch.tensor([1.0, 0, 0]).view(3, 1)
    unsure = torch.full((3, 1), 1 / 3 if activation == "softmax" else 0.5)
    torch.testing.assert_close(entropy(sure, activation), torch.zeros(1))
    torch.testing.assert_close(entropy(unsure, activation), torch.ones(1))
