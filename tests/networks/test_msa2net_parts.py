"""The blocks of MSA²Net beside their formulas, written out step by step."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from napari_medseg.networks import create_network
from napari_medseg.networks.msa2net.attention import RelativeAttention, Tiles
from napari_medseg.networks.msa2net.decoder import DecoderLevel
from napari_medseg.networks.msa2net.dual_attention import (
    ChannelAttention,
    DualAttentionBlock,
    MixFeedForward,
)
from napari_medseg.networks.msa2net.gate import MultiScaleGate
from napari_medseg.networks.msa2net.large_kernel import LargeKernelBlock, LargeKernelGate
from napari_medseg.networks.msa2net.maps import ChannelNorm, Expand
from napari_medseg.networks.msa2net.maxvit import Block, MaxViT, MBConv, SqueezeExcite, Stem


def settled(module):
    """Return the module in float64 with every weight drawn anew, running statistics too."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.normal_(std=0.3)
                if name.endswith("running_var"):
                    tensor.abs_().add_(0.5)
    return module.double().eval()


def bn(x, layer):
    shape = (1, -1, 1, 1)
    scale = layer.weight / (layer.running_var + 1e-5).sqrt()
    return (x - layer.running_mean.view(shape)) * scale.view(shape) + layer.bias.view(shape)


def pointwise(x, layer):
    y = torch.einsum("oc,bchw->bohw", layer.weight.flatten(1), x)
    return y if layer.bias is None else y + layer.bias.view(1, -1, 1, 1)


def layer_norm(x, layer):
    """Normalise over the second axis."""
    apart = x - x.mean(1, keepdim=True)
    y = apart / (apart.square().mean(1, keepdim=True) + layer.eps).sqrt()
    shape = (1, -1, *[1] * (x.ndim - 2))
    return y * layer.weight.view(shape) + layer.bias.view(shape)


def depthwise(x, layer, dilation=1):
    side = layer.weight.shape[-1]
    padding = dilation * (side // 2)
    return F.conv2d(
        x, layer.weight, layer.bias, padding=padding, dilation=dilation, groups=x.shape[1]
    )


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def assert_equal(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


def maps(count, channels=8, size=(6, 5)):
    return torch.randn(count, 2, channels, *size).double()


def test_the_gate_is_the_five_steps_of_the_facts():
    gate = settled(MultiScaleGate(8))
    x, g = maps(2)
    l0, n1, _, l3, n4, _, l6, n7 = gate.local
    local = F.relu(bn(depthwise(x, l0), n1))
    local = F.relu(bn(F.conv2d(local, l3.weight, l3.bias, padding=2, dilation=2), n4))
    local = bn(pointwise(local, l6), n7)
    pooled = torch.stack([g.mean(1), g.max(1).values], dim=1)  # mean first
    fused = bn(
        local + bn(pointwise(pooled, gate.everywhere[0]), gate.everywhere[1]), gate.fuse_norm
    )
    scores = pointwise(fused, gate.selection).exp()
    of_x, of_g = (scores / scores.sum(1, keepdim=True)).chunk(2, dim=1)
    x1, g1 = x * (1 + of_x), g * (1 + of_g)
    both = (x1 * g1.sigmoid()) * (g1 * x1.sigmoid())
    kept = bn(pointwise(both, gate.recalibrate[0]), gate.recalibrate[1]).sigmoid()
    assert_equal(gate(x, g), bn(pointwise(kept * x, gate.project[0]), gate.project[1]))


def test_the_large_kernel_block_is_its_two_steps():
    block = settled(LargeKernelBlock(8))
    (x,) = maps(1, size=(9, 12))
    y = layer_norm(x, block.norm1)
    z = F.gelu(pointwise(y, block.enter))
    weights = pointwise(depthwise(depthwise(z, block.gate.near), block.gate.far, 3), block.gate.mix)
    step = pointwise(z * weights, block.leave) + y  # the shortcut is the normalised one
    x1 = x + block.scale1.view(1, -1, 1, 1) * step
    wide = depthwise(pointwise(layer_norm(x1, block.norm2), block.widen), block.depthwise)
    expected = x1 + block.scale2.view(1, -1, 1, 1) * pointwise(F.gelu(wide), block.narrow)
    assert_equal(block(x), expected)
    assert_equal(block.gate_weights(x), weights)


def test_a_large_kernel_gate_multiplies_by_what_it_shows():
    gate = settled(LargeKernelGate(4))
    (x,) = maps(1, 4, (7, 7))
    assert_equal(gate(x), x * gate.weights(x))


def test_the_dual_block_is_its_four_steps():
    block = settled(DualAttentionBlock(16))
    (x,) = maps(1, 16, (3, 4))
    y = x + _places(layer_norm(x, block.norm1), block.places)
    y = y + _feed_forward(layer_norm(y, block.norm2), block.feed_forward1)
    y = y + _channels(layer_norm(y, block.norm3), block.channels)
    y = y + _feed_forward(layer_norm(y, block.norm4), block.feed_forward2)
    assert_equal(block(x), y)


def _places(x, layer):
    key = pointwise(x, layer.key).flatten(2).softmax(2)  # over the places
    query = pointwise(x, layer.query).flatten(2).softmax(1)  # over the channels
    value = pointwise(x, layer.value).flatten(2)
    context = torch.einsum("bkn,bvn->bkv", key, value)
    return pointwise(torch.einsum("bkv,bkn->bvn", context, query).view_as(x), layer.project)


def _channels(x, layer):
    per_head = x.shape[1] // 8
    query, key, value = pointwise(x, layer.qkv).flatten(2).chunk(3, dim=1)
    heads = []
    for h in range(8):
        q, k, v = (t[:, h * per_head : (h + 1) * per_head] for t in (query, key, value))
        q, k = (t / t.norm(dim=2, keepdim=True) for t in (q, k))
        heads.append((q @ k.mT * layer.temperature[h]).softmax(-1) @ v)
    return pointwise(torch.cat(heads, 1).view_as(x), layer.project)


def _feed_forward(x, layer):
    return pointwise(F.gelu(depthwise(pointwise(x, layer.widen), layer.depthwise)), layer.narrow)


def test_the_parts_of_the_dual_block_are_the_same_on_tokens():
    (x,) = maps(1, 16, (3, 4))
    tokens = x.flatten(2).mT
    attention, forward = settled(ChannelAttention(16)), settled(MixFeedForward(16))
    assert_equal(attention(tokens).mT.view_as(x), _channels(x, attention))
    assert_equal(forward(x.movedim(1, -1)).movedim(-1, 1), _feed_forward(x, forward))


@pytest.mark.parametrize(
    ("blocks", "gated"), [("dual", True), ("large_kernel", True), ("large_kernel", False)]
)
def test_a_level_merges_normalises_refines_and_enlarges(blocks, gated):
    level = settled(DecoderLevel(16, blocks=blocks, gated=gated))
    x, skip = maps(2, 16, (3, 4))
    g = pointwise(x, level.linear)
    merged = layer_norm(g + (level.gate(skip, g) if gated else skip), level.norm)
    first, second = level.blocks
    assert_equal(level(x, skip), level.expand(second(first(merged))))


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging_puts_rows_before_columns_before_channels(factor):
    expand = settled(Expand(6, 3, factor))
    (x,) = maps(1, 6, (2, 3))
    found = expand(x)
    assert found.shape == (2, 3, 2 * factor, 3 * factor)
    for row in range(factor):
        for column in range(factor):
            at = (row * factor + column) * 3
            part = torch.einsum("oc,bchw->bohw", expand.linear.weight[at : at + 3], x)
            assert_equal(found[..., row::factor, column::factor], layer_norm(part, expand.norm))


@pytest.mark.parametrize("stride", [1, 2])
def test_the_inverted_bottleneck_widens_what_comes_in_by_four(stride):
    block = settled(MBConv(8, 8 * stride, stride))
    (x,) = maps(1, 8, (6, 4))
    y = F.silu(bn(pointwise(bn(x, block.pre_norm), block.conv1_1x1), block.norm1))
    assert y.shape[1] == 32
    y = F.conv2d(y, block.conv2_kxk.weight, stride=stride, padding=1, groups=32)
    y = F.silu(bn(y, block.norm2))
    gate = pointwise(F.silu(pointwise(y.mean((2, 3), keepdim=True), block.se.fc1)), block.se.fc2)
    y = pointwise(y * gate.sigmoid(), block.conv3_1x1)
    way_round = x
    if stride == 2:
        quarters = x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
        way_round = pointwise(quarters / 4, block.shortcut.expand)
    assert_equal(block(x), y + way_round)


def test_a_gate_of_channels_is_a_share_and_is_what_is_shown():
    gate = settled(SqueezeExcite(8, 2))
    (x,) = maps(1)
    shown = gate.overlay("channels", (x,), (0, 0))
    assert shown.shape == (2, 8)
    assert ((shown > 0) & (shown < 1)).all()
    assert_equal(gate(x), x * shown[..., None, None])


def test_the_stem_activates_between_its_convolutions_alone():
    stem = settled(Stem(3, 8))
    (x,) = maps(1, 3, (6, 8))
    y = F.silu(bn(F.conv2d(x, stem.conv1.weight, stride=2, padding=1), stem.norm1))
    assert_equal(stem(x), F.conv2d(y, stem.conv2.weight, padding=1))


def test_attention_is_softmax_of_queries_keys_and_the_bias_head_by_head():
    attention = settled(RelativeAttention(64))
    tokens = torch.randn(3, 6, 64).double()
    qkv = tokens @ attention.qkv.weight.T + attention.qkv.bias
    mlp = attention.rel_pos.mlp
    heads = []
    for h in range(2):
        query, key, value = qkv[..., 96 * h : 96 * (h + 1)].split(32, dim=-1)
        bias = torch.empty(6, 6).double()
        for q in range(6):
            for k in range(6):
                apart = torch.tensor([q // 3 - k // 3, q % 3 - k % 3]).double()
                apart = apart.sign() * (1 + apart.abs()).log()
                hidden = (mlp.fc1.weight @ apart + mlp.fc1.bias).relu()
                bias[q, k] = mlp.fc2.weight[h] @ hidden + mlp.fc2.bias[h]
        heads.append((query @ key.mT / math.sqrt(32) + bias).softmax(-1) @ value)
    expected = torch.cat(heads, -1) @ attention.proj.weight.T + attention.proj.bias
    assert_equal(attention(tokens, (2, 3)), expected)


def test_windows_do_not_see_each_other_and_grids_do_not_see_their_neighbours():
    block = settled(Block(32, 32, stride=1))
    x = torch.randn(1, 32, 14, 14).double()
    y = block.conv(x).movedim(1, -1)
    other = y.clone()
    other[:, 0, 0] = torch.randn(32).double()
    tiles = Tiles((7, 7), (14, 14))

    def changed(cut, join, layer):
        before, after = (join(layer(cut(t), (7, 7))) for t in (y, other))
        return (before - after).abs().sum(-1)[0] > 1e-12

    near = torch.zeros(14, 14, dtype=torch.bool)
    near[:7, :7] = True
    assert torch.equal(changed(tiles.windows, tiles.join_windows, block.attn_block), near)
    far = torch.zeros(14, 14, dtype=torch.bool)
    far[::2, ::2] = True
    assert torch.equal(changed(tiles.grid, tiles.join_grid, block.attn_grid), far)


def test_the_network_is_wired_as_the_facts_say():
    network = (
        create_network(
            "msa2net", width=32, stem_width=8, depths=(1, 1, 1, 1), in_channels=2, deep_blocks=True
        )
        .double()
        .eval()
    )
    image = torch.randn(1, 2, 32, 64).double()
    e0, e1, e2, e3 = network.encoder(image)
    assert [tuple(e.shape[1:]) for e in (e0, e1, e2, e3)] == [
        (32, 8, 16), (64, 4, 8), (128, 2, 4), (256, 1, 2)
    ]  # fmt: skip
    t = network.up32(network.deep(e3))
    t = network.dec4(network.dec8(network.dec16(t, e2), e1), e0)
    assert_equal(network(image), pointwise(t, network.head))


def test_only_the_last_map_of_the_encoder_is_normalised():
    encoder = settled(MaxViT(1, 8, (32, 32, 32, 32), (1, 1, 1, 1)))
    image = torch.randn(1, 1, 32, 32).double()
    y, found = encoder.stem(image), encoder(image)
    for stage, got in zip(encoder.stages[:3], found, strict=False):
        y = stage(y)
        assert_equal(got, y)
    assert_equal(found[3], layer_norm(encoder.stages[3](y), encoder.norm))


def test_the_norm_of_a_map_is_over_its_channels():
    norm = settled(ChannelNorm(8))
    (x,) = maps(1)
    assert_equal(norm(x), layer_norm(x, norm))
