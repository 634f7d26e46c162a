"""Evidence on networks whose answer is known by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medseg.explain.evidence import (
    modality_importance,
    occlusion,
    probabilities,
    uncertainty,
)
from napari_medseg.explain.gradients import (
    deepest_layers,
    grad_cam,
    input_gradients,
    receptive_field,
)
from napari_medseg.explain.viewing import view_of
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.config import NetConfig
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume


class ByHand(SegmentationNetwork):
    """Class 1 is ``2 A_0 - A_1`` of the maps ``A``, which are the image's two channels."""

    def __init__(self, reach: int = 0) -> None:
        super().__init__(NetConfig(spatial_dims=2, in_channels=2, num_classes=2))
        self.maps = nn.Conv2d(2, 2, 1, bias=False)
        self.head = nn.Conv2d(2, 2, 2 * reach + 1, padding=reach, bias=False)
        with torch.no_grad():
            self.maps.weight.copy_(torch.eye(2)[..., None, None])
            self.head.weight.zero_()
            self.head.weight[1, 0], self.head.weight[1, 1] = 2.0, -1.0

    @property
    def divisor(self):
        return 2

    @property
    def feature_info(self):
        return [Feature("maps", 2, 1)]

    def forward(self, x):
        self.check_input(x)
        return self.head(self.maps(x))


@pytest.fixture
def hand(segmenter_of):
    return segmenter_of(ByHand())


def two_channels(size=(4, 4)):
    rng = np.random.default_rng(3)
    return Volume(rng.normal(size=(2, *size)).astype(np.float32), (1.0, 1.0))


def test_grad_cam_of_four_by_four_is_the_one_computed_by_hand(hand):
    volume = two_channels()
    region = np.zeros((4, 4), bool)
    region[1:3, 0:3] = True  # six pixels: alpha = 6 / 16 of the weights of the head
    cam = grad_cam(hand, view_of(hand, volume), 1, layer="maps", region=region)
    expected = np.maximum(6 / 16 * (2 * volume.array[0] - volume.array[1]), 0)
    np.testing.assert_allclose(cam.values[0], expected, rtol=1e-5)
    assert cam.channels == ("class 1",)


def test_grad_cam_without_a_region_asks_where_the_class_is_found(hand):
    volume = two_channels()
    cam = grad_cam(hand, view_of(hand, volume), 1)
    logit = 2 * volume.array[0] - volume.array[1]
    expected = np.maximum((logit > 0).sum() / 16 * logit, 0)
    np.testing.assert_allclose(cam.values[0], expected, rtol=1e-5)
    assert not cam.notes


def test_a_class_that_is_not_found_is_explained_over_all_and_it_is_said(hand):
    volume = two_channels().with_array(np.stack([-np.ones((4, 4)), np.eye(4)]).astype(np.float32))
    cam = grad_cam(hand, view_of(hand, volume), 1)
    assert any("finds no class 1" in note for note in cam.notes)


def test_where_nothing_speaks_for_a_class_it_is_said_why(hand):
    """All that this layer gives is against the class, or the class does not depend on it."""
    volume = two_channels().with_array(np.stack([-np.ones((4, 4)), np.eye(4)]).astype(np.float32))
    against = grad_cam(hand, view_of(hand, volume), 1, region="here")
    assert not against.values.any()
    assert "the sum of its channels is negative everywhere" in against.notes[-1]
    with torch.no_grad():
        hand.network.head.weight.zero_()
    silent = grad_cam(hand, view_of(hand, volume), 1, region="here")
    assert silent.notes[-1] == "class 1 does not depend on maps here: its gradient is 0 everywhere"


def test_the_next_stage_is_asked_where_the_coarsest_says_nothing_for_the_class(known, delta):
    segmenter = known(2)  # class 1 does not depend on the coarse stage
    shown = grad_cam(segmenter, view_of(segmenter, delta((8, 8), (3, 4))), 1)
    assert shown.name == "evidence for class 1 at fine"
    assert shown.notes == ("class 1 does not depend on coarse here: its gradient is 0 everywhere",)
    assert np.unravel_index(shown.values[0].argmax(), (8, 8)) == (3, 4)
    asked = grad_cam(segmenter, view_of(segmenter, delta((8, 8), (3, 4))), 1, layer="coarse")
    assert not asked.values.any()


def test_padding_is_no_evidence(segmenter_of):
    segmenter = segmenter_of(ByHand())
    values = np.stack([np.ones((3, 5)), np.zeros((3, 5))]).astype(np.float32)
    volume = Volume(values, (1.0, 1.0))
    cam = grad_cam(segmenter, view_of(segmenter, volume), 1)
    assert cam.values.shape == (1, 3, 5)
    np.testing.assert_allclose(cam.values, 2 * 15 / 24)  # 15 pixels of 4 x 6 with padding


def test_integrated_gradients_sum_to_the_difference_of_the_answers(tiny, image):
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((16, 16)), at=(4, 5))
    region = np.zeros((16, 16), bool)
    region[4:9, 5:9] = True
    evidence = input_gradients(segmenter, view, 1, region=region, steps=24)
    with torch.no_grad():
        network = segmenter.network.eval()
        answers = [network(x)[0, 1][torch.from_numpy(region)].sum() for x in
                   (view.image, torch.zeros_like(view.image))]  # fmt: skip
    assert evidence.values.sum() == pytest.approx(float(answers[0] - answers[1]), rel=0.05)
    assert evidence.kind == "signed"


def test_gradients_of_a_linear_network_are_its_weights(hand):
    volume = two_channels()
    region = np.ones((4, 4), bool)
    view = view_of(hand, volume)
    exact = input_gradients(hand, view, 1, region=region, steps=1)
    np.testing.assert_allclose(exact.values[0], 2 * volume.array[0], rtol=1e-5)
    np.testing.assert_allclose(exact.values[1], -volume.array[1], rtol=1e-5)
    smooth = input_gradients(hand, view, 1, region=region, how="smooth", steps=3)
    np.testing.assert_allclose(smooth.values[0], 2, rtol=1e-5)
    np.testing.assert_allclose(smooth.values[1], 1, rtol=1e-5)


@pytest.mark.parametrize(("how", "steps"), [("sideways", 4), ("smooth", 0)])
def test_ways_that_are_none_are_refused(hand, how, steps):
    with pytest.raises(ValueError, match=r"integrated or smooth|at least 1"):
        input_gradients(hand, view_of(hand, two_channels()), 1, how=how, steps=steps)


def test_the_receptive_field_is_the_kernel_around_the_voxel(segmenter_of):
    segmenter = segmenter_of(ByHand(reach=1))
    values = np.zeros((2, 9, 12), np.float32)
    values[0] = 1  # class 1 wins, whose logit has weights; those of the background are 0
    volume = Volume(values, (1.0, 1.0))
    field = receptive_field(segmenter, view_of(segmenter, volume, at=(2, 7)))
    expected = np.zeros((9, 12))
    expected[1:4, 6:9] = 1
    np.testing.assert_allclose(field.values[0], expected, atol=1e-6)
    assert "95 % within 1.4" in field.notes[-1]


def test_covering_the_bright_corner_makes_the_class_less_probable(known):
    values = np.full((1, 24, 24), -4, np.float32)
    values[0, :4, 20:] = 4
    segmenter = known(2)
    region = np.zeros((24, 24), bool)
    region[:4, 20:] = True
    view = view_of(segmenter, Volume(values, (1.0, 1.0)))
    shown = occlusion(segmenter, view, 1, region=region, cell=4.0)
    assert shown.values.shape == (1, 6, 6)
    # 0 gives one half; elsewhere nothing changes, as this network looks at one voxel only
    assert shown.values[0, 0, 5] == pytest.approx(1 / (1 + np.exp(-4)) - 0.5, abs=1e-5)
    assert np.abs(np.delete(shown.values.ravel(), 5)).max() == pytest.approx(0, abs=1e-6)
    assert shown.scale == (4, 4)
    inside = occlusion(segmenter, view, 1, region=region, box=(slice(8, 24), slice(0, 8)), cell=4.0)
    assert not inside.values.any()
    with pytest.raises(ValueError, match="region chosen is not"):
        occlusion(segmenter, view, 1, region=np.zeros((24, 24), bool))
    with pytest.raises(ValueError, match="larger than 0"):
        occlusion(segmenter, view, 1, region=region, cell=0.0)


def test_probabilities_sum_to_one_and_uncertainty_is_largest_at_one_half(known, delta):
    segmenter = known(2)
    view = view_of(segmenter, delta((9, 7), (3, 4)))
    shown = probabilities(segmenter, view)
    np.testing.assert_allclose(shown.values.sum(0), 1, rtol=1e-6)
    assert shown.channels == ("background", "class 1")
    unsure = uncertainty(segmenter, view)
    assert unsure.values[0, 3, 4] == unsure.values.min() < 1
    assert unsure.values[0, 0, 0] == pytest.approx(1)


def test_a_channel_the_network_ignores_is_of_no_importance(hand):
    with torch.no_grad():
        hand.network.head.weight[1, 1] = 0
    view = view_of(hand, two_channels())
    overlay, table = modality_importance(hand, view)
    assert np.abs(overlay.values[1]).max() == 0
    assert np.abs(overlay.values[0]).max() > 0.1
    assert table.column("share of voxels that change")[1] == 0
    assert table.column("probability lost where something is found")[0] > 0


def test_one_channel_cannot_be_left_out(known, image):
    with pytest.raises(ValueError, match="single channel"):
        modality_importance(known(2), view_of(known(2), image((8, 8))))


def test_evidence_is_for_classes_the_model_has(hand):
    with pytest.raises(ValueError, match=r"no class 7; it has 1 \(class 1\)"):
        grad_cam(hand, view_of(hand, two_channels()), 7)


def test_evidence_leaves_no_trace_in_the_network(tiny, image):
    segmenter = tiny("lgmsnet")
    view = view_of(segmenter, image((32, 32)))
    with torch.no_grad():
        before = segmenter.network.eval()(view.image)
    for _ in range(2):
        grad_cam(segmenter, view, 1)
    assert all(p.grad is None for p in segmenter.network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in segmenter.network.modules())
    with torch.no_grad():
        assert torch.equal(segmenter.network(view.image), before)
    assert [layer.name for layer in deepest_layers(segmenter.network)[:2]] == ["enc5", "dec5"]


@pytest.mark.parametrize(("name", "dims"), [("lgmsnet", 3), ("msd_kmamba", 3), ("msa2net", 2)])
def test_every_network_gives_evidence(tiny, image, name, dims):
    segmenter = tiny(name, dims)
    view = view_of(segmenter, image((32,) * dims))
    cam = grad_cam(segmenter, view, 1)
    assert np.isfinite(cam.values).all()
    assert cam.values.max() > 0


def test_evidence_can_be_cancelled_and_the_network_runs_again(hand):
    view = view_of(hand, two_channels())
    seen = []

    def stop(step):
        seen.append(step)
        if step.unit == "step" and step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        input_gradients(hand, view, 1, report=stop)
    assert seen[-1].total == 16
    assert grad_cam(hand, view, 1).values.shape == (1, 4, 4)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), MemoryError()])
def test_too_little_memory_is_said_in_a_sentence(hand, monkeypatch, error):
    def full(*_):
        raise error

    view = view_of(hand, two_channels())
    monkeypatch.setattr(hand.network.maps, "forward", full)
    with pytest.raises(OSError, match="not enough memory to look at so much"):
        probabilities(hand, view)
    monkeypatch.undo()
    assert probabilities(hand, view).values.shape == (2, 4, 4)


def test_other_errors_of_the_network_stay_what_they_are(hand, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    view = view_of(hand, two_channels())
    monkeypatch.setattr(hand.network.maps, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        grad_cam(hand, view, 1, region="here")


def test_slices_are_explained_one_by_one(known):
    values = np.random.default_rng(0).normal(size=(1, 4, 8, 8)).astype(np.float32)
    volume = Volume(values, (1.0, 1.0, 1.0))
    segmenter = known(2)
    stack = grad_cam(segmenter, view_of(segmenter, volume, slices=slice(1, 4)), 1, layer="fine")
    single = grad_cam(segmenter, view_of(segmenter, volume, at=(2, 0, 0)), 1, layer="fine")
    np.testing.assert_allclose(stack.values[:, 1], single.values[:, 0], rtol=1e-6)
