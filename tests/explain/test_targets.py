"""What is asked about, and how a view is run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.explain.classes import class_name, class_names
from napari_medseg.explain.passing import (
    classes_of,
    differentiating,
    looking,
    probabilities_of,
    run,
)
from napari_medseg.explain.targets import target_of
from napari_medseg.explain.viewing import view_of
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume


@pytest.fixture
def half():
    """An image whose right half is bright."""
    values = np.full((1, 6, 10), -2, np.float32)
    values[..., 5:] = 2
    return Volume(values, (1.0, 1.0))


def test_a_class_is_asked_about_where_it_is_found(known, half):
    segmenter = known(2)
    view = view_of(segmenter, half)  # padded to 8 x 12
    logits = run(segmenter, view).logits
    found = target_of(segmenter, view, logits, 1)
    assert found.channel == 1
    assert found.name == "class 1"
    assert int(found.region.sum()) == 30
    background = target_of(segmenter, view, logits, 0)
    assert background.name == "background"
    assert int(background.region.sum()) == 30  # padding is nobody's
    assert not (found.region & background.region).any()


def test_a_region_is_carried_to_the_view(known, half):
    segmenter = known(2)
    view = view_of(segmenter, half, at=(1, 8))
    region = np.zeros((6, 10), bool)
    region[0, :3] = True
    chosen = target_of(segmenter, view, None, 1, region)
    assert int(chosen.region.sum()) == 3
    here = target_of(segmenter, view, None, 1, "here")
    index, voxel = view.voxel()
    assert int(here.region.sum()) == 1
    assert here.region[(index, *voxel)]


def test_the_score_is_the_sum_of_the_logits_there(known, half):
    segmenter = known(2)
    view = view_of(segmenter, half)
    logits = run(segmenter, view).logits
    assert float(target_of(segmenter, view, logits, 1).score(logits, 0)) == pytest.approx(60)


def test_classes_have_the_names_of_the_card(known):
    segmenter = known(2, classes=3)
    assert class_names(segmenter) == ("background", "class 1", "class 2")
    assert class_name(segmenter, 2) == "class 2"
    assert class_name(segmenter, 0) == "background"
    overlapping = known(2, classes=3, activation="sigmoid")
    assert class_names(overlapping) == ("class 1", "class 2", "class 3")


def test_probabilities_and_classes_are_those_of_the_activation():
    logits = torch.tensor([[[[2.0, -1.0]], [[0.0, 3.0]], [[1.0, 1.0]]]])
    soft = probabilities_of(logits, "softmax")
    torch.testing.assert_close(soft.sum(1), torch.ones(1, 1, 2))
    assert classes_of(soft, "softmax")[0, :, 0].tolist() == [
        [True, False],
        [False, True],
        [False, False],
    ]
    many = probabilities_of(logits, "sigmoid")
    torch.testing.assert_close(many, logits.sigmoid())
    assert classes_of(many, "sigmoid")[0, :, 0].tolist() == [
        [True, False],
        [False, True],
        [True, True],
    ]


def test_a_pass_is_what_the_network_computes_and_reports_its_slices(known, image):
    segmenter, volume = known(2), image((4, 8, 8))
    view = view_of(segmenter, volume, at=(1, 0, 0), slices=slice(0, 4))
    steps = []
    passed = run(segmenter, view, ["coarse"], report=steps.append)
    with torch.no_grad():
        torch.testing.assert_close(passed.logits, segmenter.network(view.image))
    assert [(s.done, s.total, s.unit) for s in steps if s.unit == "slice"][:4] == [
        (i, 4, "slice") for i in range(4)
    ]


def test_a_limit_holds_for_all_slices_together(known, image):
    segmenter, volume = known(2), image((4, 8, 8))
    view = view_of(segmenter, volume, at=(1, 0, 0), slices=slice(0, 4))
    needed = (1 + 2) * 4 * 8 * 8 * 4  # the map and the logits of two classes
    assert run(segmenter, view, ["fine"], limit=needed).maps["fine"].shape == (4, 1, 8, 8)
    with pytest.raises(ValueError, match="fewer slices"):
        run(segmenter, view, ["fine"], half=False, limit=needed - 4)
    assert run(segmenter, view, ["fine"], limit=needed - 4).maps["fine"].dtype == torch.float16


def test_after_a_cancelled_pass_the_network_is_free_and_in_its_mode(known, image):
    segmenter = known(2)
    segmenter.network.train()
    view = view_of(segmenter, image((8, 8)))

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        run(segmenter, view, report=stop)
    assert segmenter.network.training
    assert run(segmenter, view).logits.shape == (1, 2, 8, 8)


def test_gradients_are_there_only_where_they_are_asked_for(known, image):
    segmenter = known(2)
    view = view_of(segmenter, image((4, 4)))
    with looking(segmenter, view):
        assert torch.is_inference_mode_enabled()
    with differentiating(segmenter, view, ["fine"]):  # from that layer on, when it has run
        assert not torch.is_grad_enabled()
    with differentiating(segmenter, view):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        x = torch.randn(1, 1, 4, 4, requires_grad=True)
        (gradient,) = torch.autograd.grad(segmenter.network(x)[0, 1].sum(), x)
    torch.testing.assert_close(gradient, torch.ones(1, 1, 4, 4))
