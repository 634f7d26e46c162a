"""Recording changes nothing, leaves nothing behind, and stays within its memory."""

from __future__ import annotations

import copy
import gc
import threading

import pytest
import torch
from torch import nn

from napari_medseg.explain.capture import map_bytes, record
from napari_medseg.explain.layers import (
    as_maps,
    default_layer,
    find_layer,
    layers_of,
    named_layers,
)
from napari_medseg.networks import create_network


@pytest.fixture
def network(tiny):
    return tiny("gladnet").network.eval()


def hooks_in(network):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def test_recording_changes_no_bit_and_gives_what_the_layer_gave(network):
    x = torch.randn(2, 1, 16, 24)
    with torch.no_grad():
        before = network(x)
        with record(network, ["enc2", "dec1"]) as maps:
            during = network(x)
    assert torch.equal(before, during)
    assert maps["dec1"].shape == (2, 8, 16, 24)
    assert torch.equal(network.head(maps["dec1"]), before)
    assert hooks_in(network) == 0


@pytest.mark.parametrize(("name", "dims"), [("lgmsnet", 3), ("msd_kmamba", 3), ("msa2net", 2)])
def test_recording_every_layer_of_every_network_changes_no_bit(tiny, name, dims):
    network = tiny(name, dims).network.eval()
    x = torch.randn(1, 1, *(32,) * dims)
    layers = named_layers(network)
    with torch.no_grad():
        before = network(x)
        with record(network, list(layers), half=True) as maps:
            assert torch.equal(network(x), before)
    for layer_name, layer in layers.items():
        sides = tuple(32 // layer.stride for _ in range(dims))
        assert maps[layer_name].shape == (1, layer.channels, *sides), layer_name


def test_a_layer_in_whose_memory_the_next_one_works_is_recorded_as_it_was(network):
    x = torch.randn(1, 1, 8, 8)
    with torch.no_grad(), record(network, ["enc1.1"]) as maps:  # before a ReLU in place
        network(x)
    assert maps["enc1.1"].min() < 0


def test_fifty_recordings_leave_nothing_behind(known):
    network = known(2).network.eval()
    x = torch.randn(1, 1, 16, 16)

    def once():
        with torch.no_grad(), record(network, ["coarse", "fine"]) as maps:
            network(x)
        assert len(maps) == 2

    def alive():
        gc.collect()
        return sum(type(o) is torch.Tensor for o in gc.get_objects())

    once()
    before = alive()
    for _ in range(50):
        once()
    assert alive() <= before
    assert hooks_in(network) == 0


def test_an_error_during_the_pass_leaves_no_hook(network):
    with pytest.raises(ValueError, match="multiple of 8"), record(network, ["enc1"]):
        network(torch.randn(1, 1, 9, 9))
    assert hooks_in(network) == 0


def test_another_thread_is_not_recorded(network):
    x, other = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 16, 16)
    with torch.no_grad(), record(network, ["enc1"]) as maps:
        network(x)
        thread = threading.Thread(target=lambda: network(other))
        thread.start()
        thread.join()
    assert maps["enc1"].shape == (1, 8, 8, 8)


def test_a_part_of_the_map_is_what_touches_the_part_of_the_image(network):
    x = torch.randn(1, 1, 16, 32)
    crop = (slice(3, 9), slice(8, 16))
    with torch.no_grad():
        with record(network, ["enc1", "enc3"]) as whole:
            network(x)
        with record(network, ["enc1", "enc3"], crop=crop) as part:
            network(x)
    assert torch.equal(part["enc1"], whole["enc1"][..., 3:9, 8:16])
    assert torch.equal(part["enc3"], whole["enc3"][..., 0:3, 2:4])


def test_half_precision_holds_what_it_can(network):
    x = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        with record(network, ["dec1"]) as full:
            network(x)
        with record(network, ["dec1"], half=True) as half:
            network(x)
        big = copy.deepcopy(network)
        big.dec1[4].weight.mul_(1e9)
        with record(big, ["dec1"], half=True) as huge:
            big(x)
    assert half["dec1"].dtype == torch.float16
    torch.testing.assert_close(half["dec1"].float(), full["dec1"], rtol=1e-3, atol=1e-5)
    assert torch.isfinite(huge["dec1"]).all()


def test_maps_that_are_too_large_are_refused_before_anything_is_computed(network):
    limit = map_bytes(find_layer(network, "enc4"), (64, 64))
    ran = []
    hook = network.enc1.register_forward_hook(lambda *_: ran.append(1))
    try:
        with (
            pytest.raises(ValueError, match=r"dec1 take 0.1 MB.*coarser layer .*glam") as error,
            record(network, ["dec1"], limit=limit),
        ):
            network(torch.randn(1, 1, 64, 64))
    finally:
        hook.remove()
    assert "half precision" in str(error.value)
    assert not ran


def test_layers_that_do_not_exist_offer_near_ones(network):
    with (
        pytest.raises(ValueError, match=r"no layer 'dec11'.*did you mean dec1"),
        record(network, ["dec11"]),
    ):
        pass
    with pytest.raises(ValueError, match="no layer ''"):
        find_layer(network, "")


def test_the_tree_knows_channels_strides_and_words(network):
    root = layers_of(network)
    assert layers_of(network) is root
    assert [child.name for child in root.children][:4] == ["enc1", "enc2", "enc3", "enc4"]
    layers = named_layers(network)
    for feature in network.feature_info:
        layer = layers[feature.name]
        assert (layer.channels, layer.stride) == (feature.channels, feature.stride)
        assert layer.stage
    assert layers["enc1.0"].words == "convolution of 3 x 3"
    assert "weighs" not in layers["skip1"].words
    assert layers["skip1"].words.startswith("Weigh a skip connection's channels")
    assert layers["enc3"].title == "enc3: 32 channels at 1/4 of the size"
    assert "pool" not in layers  # runs three times
    assert default_layer(network).name == "dec1"
    assert "skip1.channel.1" not in layers  # a gate per channel lies nowhere


def test_channels_that_come_last_are_put_first(tiny):
    layers = named_layers(tiny("msd_kmamba", 3).network)
    layer = layers["enc2.1.mix"]
    assert (layer.channel_axis, layer.channels, layer.stride) == (-1, 16, 4)


def test_maps_of_the_raw_layout_that_lie_nowhere_say_so():
    raw = create_network(
        "msa2net", in_channels=1, num_classes=2, width=32, stem_width=16, depths=(1, 1, 1, 1),
        layout="raw",
    )  # fmt: skip
    layers = named_layers(raw)
    assert "dec16" not in layers
    assert "dec8.blocks.0" not in layers
    assert {"encoder.stages.2", "up32", "dec4", "dec16.linear"} <= set(layers)
    with pytest.raises(ValueError, match="another order"):
        find_layer(raw, "dec16.blocks.0")
    hidden = [layer for layer in layers_of(raw).walk() if layer.why_not]
    assert all(layer.name.startswith("dec") for layer in hidden)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 5, 8, 12), (16, 24), (1, 2)),
        ((1, 8, 12, 5), (16, 24), (-1, 2)),
        ((1, 5, 1, 1), (16, 24), None),
        ((1, 96, 5), (16, 24), None),
        ((2, 5, 32, 48), (16, 24), None),  # larger than the image
        ((1, 5, 4, 6, 8), (16, 24, 32), (1, 4)),
    ],
)
def test_what_lies_over_the_image_is_known_by_its_sides(shape, size, expected):
    assert as_maps(torch.zeros(shape), size) == expected
    assert as_maps("text", size) is None


def test_finding_layers_leaves_the_training_mode_as_it_was():
    network = create_network("gladnet", in_channels=1, num_classes=2, width=8, glam_split=2,
                             glam_heads=2)  # fmt: skip
    network.train()
    network.enc1.eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    layers_of(network)
    assert network.training
    assert not network.enc1.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert isinstance(network.pool, nn.MaxPool2d)
