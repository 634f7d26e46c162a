"""Metrics: equal to MONAI's, and what they say of edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg.engine import surfaces
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metric_table import METRICS
from napari_medseg.engine.metrics import (
    Counts,
    Scores,
    counts,
    dice,
    empty_scores,
    score,
    score_classes,
)

GRIDS = [
    ((40, 48), (1.0, 1.0)),
    ((37, 52), (0.3, 1.7)),
    ((18, 30, 26), (1.0, 1.0, 1.0)),
    ((12, 33, 28), (3.5, 0.8, 0.6)),
]


def blobs(shape: tuple[int, ...], seed: int, smooth: float = 3.0, part: float = 0.15):
    """Two masks that overlap in part: thresholded smooth noise and the same, disturbed."""
    random = np.random.default_rng(seed)
    a, b = (ndimage.gaussian_filter(random.standard_normal(shape), smooth) for _ in range(2))
    level = np.quantile(a, 1 - part)
    return a + 0.5 * b > level, a > level


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("smooth", [0.6, 3.0])
@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_distances_equal_monai(shape, spacing, smooth, seed):
    monai = pytest.importorskip("monai.metrics")
    import torch

    prediction, truth = blobs(shape, seed, smooth)
    pair = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    ours = score(prediction, truth, True, spacing=spacing, tolerance=1.5)
    hd95 = monai.compute_hausdorff_distance(*pair, True, percentile=95, spacing=spacing)
    assd = monai.compute_average_surface_distance(*pair, True, symmetric=True, spacing=spacing)
    nsd = monai.compute_surface_dice(*pair, [1.5], True, spacing=spacing)
    assert ours.hd95 == pytest.approx(hd95.item(), abs=1e-4)
    assert ours.assd == pytest.approx(assd.item(), abs=1e-4)
    assert ours.nsd == pytest.approx(nsd.item(), abs=1e-4)
    assert ours.dice == pytest.approx(monai.compute_dice(*pair).item(), abs=1e-6)
    assert ours.iou == pytest.approx(monai.compute_iou(*pair).item(), abs=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rate", ["sensitivity", "specificity", "precision", "accuracy"])
def test_rates_equal_monai(rate):
    monai = pytest.importorskip("monai.metrics")
    import torch

    prediction, truth = blobs((20, 30, 25), 5)
    pair = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    matrix = monai.get_confusion_matrix(*pair)
    expected = monai.compute_confusion_matrix_metric(rate, matrix).item()
    assert getattr(score(prediction, truth), rate) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_tree_and_transform_agree(shape, spacing):
    pair = [surfaces.surface_points(mask)[1] for mask in blobs(shape, 1)]
    by_tree = surfaces._by_tree(*pair, spacing)
    by_transform = surfaces._by_transform(*pair, spacing)
    for tree, transform in zip(by_tree, by_transform, strict=True):
        np.testing.assert_allclose(tree, transform, rtol=1e-5, atol=1e-5)


@given(seed=st.integers(0, 10_000), part=st.floats(0.02, 0.9))
@settings(max_examples=25, deadline=None)
def test_the_surface_is_what_an_erosion_removes(seed, part):
    random = np.random.default_rng(seed)
    for shape in ((4, 7, 6), (9, 8)):
        labels = np.where(random.random(shape) < part, random.integers(1, 4, shape), 0)
        found = surfaces.surface_points(labels)
        for value in (1, 2, 3):
            mask = labels == value
            expected = np.argwhere(mask & ~ndimage.binary_erosion(mask))
            np.testing.assert_array_equal(found.get(value, expected[:0]), expected)
        assert list(surfaces.surface_points(labels, (2, 9))) == sorted({2} & found.keys())


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_swapping_the_two_swaps_only_what_is_directed(seed):
    a, b = blobs((14, 17), seed, smooth=1.5)
    there, back = score(a, b), score(b, a)
    for name in ("dice", "iou", "hd95", "assd", "nsd", "accuracy"):
        assert getattr(there, name) == pytest.approx(getattr(back, name), rel=1e-6)
    assert there.sensitivity == back.precision
    assert there.volume_difference == -back.volume_difference


def test_a_shift_by_one_voxel_is_one_spacing_away():
    truth = np.zeros((10, 20, 20), np.uint8)
    truth[3, 5:12, 5:12] = 4
    prediction = np.roll(truth, 1, axis=0)
    result = score(prediction, truth, 4, spacing=(2.5, 1.0, 1.0), tolerance=2.0)
    assert (result.hd95, result.assd, result.nsd) == (2.5, 2.5, 0.0)
    assert score(prediction, truth, 4, spacing=(2.5, 1.0, 1.0), tolerance=2.5).nsd == 1.0
    assert result.dice == result.sensitivity == 0.0
    assert result.volume_difference == 0.0


def test_scores_counted_by_hand():
    truth = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 2]])
    prediction = np.array([[0, 1, 1, 1, 1], [0, 0, 0, 0, 2]])
    result = score(prediction, truth, 1, spacing=(2, 0.5))
    assert result.counts == Counts(tp=2, fp=2, fn=1, tn=5)
    assert result.dice == dice(prediction, truth, 1) == pytest.approx(4 / 7)
    assert result.iou == pytest.approx(2 / 5)
    assert result.sensitivity == pytest.approx(2 / 3)
    assert result.specificity == pytest.approx(5 / 7)
    assert result.precision == pytest.approx(1 / 2)
    assert result.accuracy == pytest.approx(7 / 10)
    assert result.volume_difference == pytest.approx(1.0)  # one pixel more, 2 x 0.5 mm
    assert dice(prediction, truth, 2) == 1.0


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_many_classes_at_once_equal_one_by_one(shape, spacing):
    random = np.random.default_rng(0)
    truth = np.digitize(ndimage.gaussian_filter(random.random(shape), 2), [0.47, 0.5, 0.53])
    prediction = np.roll(truth, 1, axis=-1).astype(np.uint8)
    truth[truth == 3] = 0
    together = score_classes(prediction, truth, (1, 2, 3, 7), spacing=spacing)
    for value, result in together.items():
        assert result == score(prediction, truth, value, spacing=spacing)
    assert together[3].counts.empty == "truth"
    assert together[7] == empty_scores(truth.size)


def test_two_empty_masks_agree_fully():
    empty = np.zeros((4, 5, 6), np.uint8)
    result = score(empty, empty)
    assert result.counts.empty == "both"
    assert (result.dice, result.iou, result.nsd, result.hd95, result.assd) == (1, 1, 1, 0, 0)
    assert (result.sensitivity, result.specificity, result.precision) == (1, 1, 1)


def test_one_empty_mask_is_a_diagonal_away():
    empty = np.zeros((4, 5, 6), np.uint8)
    full = empty.copy()
    full[1, 2, 3] = 1
    for pair, side in (((empty, full), "prediction"), ((full, empty), "truth")):
        result = score(*pair, spacing=(3, 2, 1))
        assert result.counts.empty == side
        assert result.hd95 == result.assd == pytest.approx((12**2 + 10**2 + 6**2) ** 0.5)
        assert (result.dice, result.iou, result.nsd) == (0, 0, 0)
        assert (result.sensitivity, result.precision) == (0, 0)


def test_a_mask_that_fills_the_image_has_its_border_as_surface():
    full = np.ones((5, 6), bool)
    assert len(surfaces.surface_points(full)[1]) == 18
    assert score(full, full).hd95 == 0
    assert score(full, full).specificity == 1


def test_pooling_adds_voxels():
    a, b = blobs((20, 20), 1), blobs((20, 20), 2)
    together = [np.concatenate(pair) for pair in zip(a, b, strict=True)]
    assert counts(*a) + counts(*b) == counts(*together)


def test_any_dtype_counts_alike():
    prediction, truth = blobs((20, 20), 3)
    expected = dice(prediction, truth)
    assert dice(prediction.astype(np.uint16), truth.astype(np.int64)) == expected


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="same grid"):
        dice(np.zeros((3, 4)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="same grid"):
        score(np.zeros((3, 4)), np.zeros((3, 4, 5)))
    with pytest.raises(ValueError, match="one per axis"):
        score(np.zeros((3, 4)), np.zeros((3, 4)), spacing=(1, 1, 1))
    with pytest.raises(ValueError, match="tolerance"):
        score(np.zeros((3, 4)), np.zeros((3, 4)), tolerance=-1)


def test_every_score_is_a_metric_and_every_metric_a_score():
    masks = blobs((20, 20), 1)
    scores = score(*masks, lesions=LesionRule())
    assert set(Scores.__dataclass_fields__) - {"counts", "lesions"} == {
        name for name, metric in METRICS.items() if not metric.lesion
    }
    assert not any(np.isnan(scores.number(name)) for name in METRICS)
    assert np.isnan(score(*masks).number("lesion_f1"))
