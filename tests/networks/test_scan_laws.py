"""Laws of both scans and of the splines that no wrong shortcut keeps."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks.base import Feature, Inspectable, SegmentationNetwork
from napari_medseg.networks.blocks.kan import ChannelSpline, KANLinear, spline_bases
from napari_medseg.networks.blocks.scan import bidirectional_scan
from napari_medseg.networks.blocks.selective_scan import bidirectional_selective_scan
from napari_medseg.networks.config import NetConfig


def heads(length):
    """Return x, dt, A, B, C of `bidirectional_scan` in float64: 2 groups of 2 heads."""
    x = torch.randn(2, length, 4, 3).double()
    dt = torch.rand(2, length, 4).double()
    b, c = torch.randn(2, 2, length, 2, 5).double()
    return x, dt, -torch.rand(4).double(), b, c


def channels(length):
    """Return x, dt, A, B, C of `bidirectional_selective_scan` in float64."""
    x, b, c = (torch.randn(2, length, n).double() for n in (6, 5, 5))
    return x, torch.rand(2, length, 6).double(), -torch.rand(6, 5).double(), b, c


def few_chunks(*given):
    return bidirectional_scan(*given, chunk=4)


both = pytest.mark.parametrize(
    ("scan", "draw"), [(few_chunks, heads), (bidirectional_selective_scan, channels)]
)


def like(dt, x):
    return dt[..., None] if x.ndim == 4 else dt


@both
def test_the_answer_to_a_sum_is_the_sum_of_the_answers(scan, draw):
    x, dt, decay, b, c = draw(13)
    other = torch.randn_like(x)
    together = scan(2 * x - 3 * other, dt, decay, b, c)
    apart = 2 * scan(x, dt, decay, b, c) - 3 * scan(other, dt, decay, b, c)
    torch.testing.assert_close(together, apart)


@both
def test_what_a_token_writes_and_reads_counts_as_a_product(scan, draw):
    x, dt, decay, b, c = draw(9)
    torch.testing.assert_close(scan(x, dt, decay, 5 * b, c / 5), scan(x, dt, decay, b, c))


@both
def test_longer_steps_with_slower_decay_are_the_same_steps(scan, draw):
    x, dt, decay, b, c = draw(11)
    torch.testing.assert_close(scan(x / 4, 4 * dt, decay / 4, b, c), scan(x, dt, decay, b, c))


@both
def test_without_decay_everything_written_is_read_by_all(scan, draw):
    x, dt, decay, b, c = draw(9)
    found = scan(x, dt, 0 * decay, b, c)
    if x.ndim == 4:
        b, c = (t.repeat_interleave(2, 2) for t in (b, c))
        written = torch.einsum("blhp,blh,blhn->bhpn", x, dt, b)
        expected = torch.einsum("bhpn,blhn->blhp", written, c)
    else:
        written = torch.einsum("bld,bld,bln->bdn", x, dt, b)
        expected = torch.einsum("bdn,bln->bld", written, c)
    torch.testing.assert_close(found, expected)


@both
@pytest.mark.parametrize("at", [1, 4, 6])
def test_what_forgets_everything_parts_the_sequence(scan, draw, at):
    x, dt, decay, b, c = draw(13)
    dt[:, at] = 1e4  # the state is gone on the way across
    decay -= 1.0
    x[:, at] = 0
    found = scan(x, dt, decay, b, c)
    for part in (slice(0, at), slice(at + 1, None)):
        alone = scan(x[:, part], dt[:, part], decay, b[:, part], c[:, part])
        torch.testing.assert_close(found[:, part], alone)


@both
def test_a_sequence_does_not_hear_the_others_of_its_batch(scan, draw):
    given = draw(10)
    x, dt, decay, b, c = given
    alone = torch.cat(
        [scan(x[i : i + 1], dt[i : i + 1], decay, b[i : i + 1], c[i : i + 1]) for i in (0, 1)]
    )
    torch.testing.assert_close(scan(*given), alone)


@both
def test_a_token_that_reads_nothing_answers_nothing_and_is_still_heard(scan, draw):
    x, dt, decay, b, c = draw(9)
    deaf = c.clone()
    deaf[:, 4] = 0
    found, whole = scan(x, dt, decay, b, deaf), scan(x, dt, decay, b, c)
    assert not found[:, 4].any()
    others = [i for i in range(9) if i != 4]
    torch.testing.assert_close(found[:, others], whole[:, others])


@both
def test_two_tokens_are_what_one_writes_by_hand(scan, draw):
    x, dt, decay, b, c = draw(2)
    if x.ndim == 4:
        b, c = (t.repeat_interleave(2, 2) for t in (b, c))
        rate = decay.view(1, 1, 4, 1).expand(2, 2, 4, 5)
        found = few_chunks(x, dt, decay, b[:, :, ::2], c[:, :, ::2])
        values, steps = x, dt[..., None]
        own = (c * b).sum(-1, keepdim=True) * steps * values
        cross = [
            (c[:, i] * b[:, 1 - i] * (dt[:, i, :, None] * rate[:, i]).exp()).sum(-1) for i in (0, 1)
        ]
        heard = [cross[i][..., None] * (steps * values)[:, 1 - i] for i in (0, 1)]
    else:
        found = scan(x, dt, decay, b, c)
        own = (c * b).sum(-1, keepdim=True) * dt * x
        kept = (dt[..., None] * decay).exp()
        cross = [(c[:, i, None] * b[:, 1 - i, None] * kept[:, i]).sum(-1) for i in (0, 1)]
        heard = [cross[i] * (dt * x)[:, 1 - i] for i in (0, 1)]
    torch.testing.assert_close(found, own + torch.stack(heard, 1))


@both
def test_memory_that_is_not_in_order_is_read_in_order(scan, draw):
    given = draw(7)
    strided = [t.mT.contiguous().mT if t.ndim > 1 else t for t in given]
    torch.testing.assert_close(scan(*strided), scan(*given))


@both
def test_half_precision_is_answered_in_single(scan, draw):
    given = draw(9)
    rough = scan(*(t.half() for t in given))
    assert rough.dtype == torch.float32
    assert (rough - scan(*given)).norm() < 1e-2 * scan(*given).norm()


@pytest.mark.parametrize("layer", [KANLinear(6, 6), ChannelSpline(6)], ids=["linear", "channel"])
def test_what_is_no_number_stays_none_and_harms_no_other(layer):
    torch.nn.init.normal_(layer.coefficients)
    x = torch.randn(4, 6)
    clean = layer(x)
    broken = x.clone()
    broken[1, 2] = float("nan")
    found = layer(broken)
    assert found[1].isnan().any()
    for row in (0, 2, 3):
        torch.testing.assert_close(found[row], clean[row])


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1e30])
def test_the_splines_take_anything_beyond_the_grid_for_its_border(value):
    border = torch.tensor([2.0 if value > 0 else -2.0])
    assert torch.equal(spline_bases(torch.tensor([value])), spline_bases(border))
    layer = ChannelSpline(1)
    assert torch.equal(layer(torch.tensor([[value]])), layer(border[None]))


@pytest.mark.parametrize("intervals", [2, 5])
def test_the_splines_are_the_same_in_the_mirror(intervals):
    x = torch.linspace(-3, 3, 41, dtype=torch.double)
    torch.testing.assert_close(
        spline_bases(-x, intervals).flip(-1), spline_bases(x, intervals), atol=1e-12, rtol=1e-12
    )


def test_the_splines_are_smooth_across_their_knots():
    knots = torch.tensor([-1.2, -0.4, 0.4, 1.2], dtype=torch.double)
    step = 1e-4
    left, at, right = (spline_bases(knots + d) for d in (-step, 0, step))
    slopes = (at - left) / step, (right - at) / step
    torch.testing.assert_close(*slopes, atol=1e-3, rtol=0)  # no kink
    assert (slopes[0] - slopes[1]).abs().max() < 20 * step  # and no jump of the curvature


def test_straight_coefficients_make_a_straight_line():
    layer = ChannelSpline(1, intervals=4, bounds=(0.0, 4.0)).double()
    with torch.no_grad():
        layer.coefficients.copy_(torch.arange(-1.0, 6.0))  # where each spline has its middle
        x = torch.linspace(0, 4, 33, dtype=torch.double)[:, None]
        torch.testing.assert_close(layer(x), x)


class Noting(Inspectable):
    """Remembers which of its voxels it was asked about."""

    def __init__(self):
        super().__init__()
        self.overlays = {"voxel": "which"}

    def forward(self, x):
        return x

    def overlay(self, name, inputs, at):
        (x,) = inputs
        rows = [min(int(a * s), s - 1) for a, s in zip(at, x.shape[2:], strict=True)]
        return torch.tensor([rows])


class Halving(SegmentationNetwork):
    """Looks at an image at a quarter of its size."""

    def __init__(self):
        super().__init__(NetConfig())
        self.block = Noting()

    divisor = 4
    feature_info = (Feature("block", 1, 4),)

    def forward(self, x):
        return F.interpolate(self.block(F.avg_pool2d(x, 4)), scale_factor=4)


@pytest.mark.parametrize("side", [7, 49, 98, 103, 107])
def test_the_place_asked_about_is_the_voxel_that_holds_it(side):
    network, image = Halving(), torch.zeros(1, 1, 4 * side, 4)
    for row in range(4 * side):
        found = network.inspect(image, ["block:voxel"], at=(row, 3))["block:voxel"]
        assert found.tolist() == [[row // 4, 0]]
