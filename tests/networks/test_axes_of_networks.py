"""A network knows its axes by its weights alone: turn both and the answer turns with them.

These laws hold exactly and fail for any step that takes rows for columns or reads them in another
order: patches, windows, grids, skips, upsampling, orders of reading.
"""

from __future__ import annotations

import copy
import functools

import pytest
import torch

from napari_medseg.networks import create_network

TINY = {
    "lgmsnet": {"widths": (8, 8, 8, 8, 8)},
    "gladnet": {"width": 8},
    "msa2net": {"width": 32, "stem_width": 8, "depths": (1, 1, 1, 1)},
    "msd_kmamba": {"widths": (8, 8, 8, 8, 8), "depths": (0, 0, 0, 1, 1), "states": 4},
}


def network_of(name, dims, **fields):
    return copy.deepcopy(_built(name, dims, tuple(fields.items())))


@functools.cache
def _built(name, dims, fields):
    torch.manual_seed(0)
    network = create_network(
        name, preset="small", spatial_dims=dims, in_channels=2, **{**TINY[name], **dict(fields)}
    ).eval()
    with torch.no_grad():
        for key, weight in network.named_parameters():
            if key.endswith("gamma"):  # so that attention says something
                weight.fill_(0.5)
    return network.double()


def is_kernel(tensor, dims):
    return tensor.ndim == 2 + dims and max(tensor.shape[2:]) > 1


def with_kernels(network, change):
    """Return the network's state with `change` applied to every convolution kernel."""
    dims = network.config.spatial_dims
    return {k: change(t) if is_kernel(t, dims) else t for k, t in network.state_dict().items()}


def assert_alike(found, expected, within=1e-9):
    torch.testing.assert_close(found, expected, atol=within, rtol=within)
    assert expected.std() > 1e-3  # the law would hold for a network that says nothing


IMAGES = [
    ("lgmsnet", {}),
    ("lgmsnet", {"variant": "paper"}),
    ("gladnet", {}),
    ("gladnet", {"glam_fuse": "direct", "cmsf": "sum", "norm": "group"}),
    ("msa2net", {}),
    ("msa2net", {"deep_blocks": True}),
]


@pytest.mark.parametrize(("name", "fields"), IMAGES)
def test_an_image_on_its_side_is_answered_on_its_side(name, fields):
    network = network_of(name, 2, **fields)
    image = torch.randn(1, 2, 32, 64).double()
    state = with_kernels(network, lambda kernel: kernel.mT)
    for key in state:
        if key.endswith("rel_pos.mlp.fc1.weight"):  # down and right change places
            state[key] = state[key].flip(1)
        elif key.endswith(("expand.linear.weight", "up32.linear.weight")):  # row by row
            side = 4 if key.startswith("dec4") else 2
            parts = state[key].unflatten(0, (side, side, -1))
            state[key] = parts.transpose(0, 1).flatten(0, 2)
    turned = network_of(name, 2, **fields)
    turned.load_state_dict(state)
    with torch.no_grad():
        assert_alike(turned(image.mT).mT, network(image))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("name", "fields"), IMAGES[:4])  # MSA²Net halves by steps that start left
def test_an_image_in_the_mirror_is_answered_in_the_mirror(name, fields, axis):
    network = network_of(name, 2, **fields)
    image = torch.randn(1, 2, 32, 64).double()
    mirrored = network_of(name, 2, **fields)
    mirrored.load_state_dict(with_kernels(network, lambda kernel: kernel.flip(2 + axis)))
    with torch.no_grad():
        assert_alike(mirrored(image.flip(2 + axis)).flip(2 + axis), network(image))


def test_lgmsnet_treats_the_three_axes_alike():
    # two volumes in single precision: torch takes 20 times longer for one in double
    network = network_of("lgmsnet", 3, widths=(4,) * 5).float()
    volume = torch.randn(2, 2, 32, 32, 32)
    axes = (0, 1, 3, 4, 2)
    back = [axes.index(a) for a in range(5)]
    turned = network_of("lgmsnet", 3, widths=(4,) * 5).float()
    turned.load_state_dict(with_kernels(network, lambda kernel: kernel.permute(axes)))
    with torch.no_grad():
        expected = network(volume)
        assert_alike(turned(volume.permute(axes)).permute(back), expected, within=5e-3)
        assert (network(volume.permute(axes)).permute(back) - expected).abs().max() > 0.1


@pytest.mark.parametrize("ssm", ["ssd", "s6"])
def test_msd_kmamba_reads_the_three_axes_alike(ssm):
    network = network_of("msd_kmamba", 3, ssm=ssm)
    volume = torch.randn(1, 2, 32, 32, 32).double()
    axes = (0, 1, 3, 4, 2)
    back = [axes.index(a) for a in range(5)]
    state = with_kernels(network, lambda kernel: kernel.permute(axes))
    for key, tensor in state.items():
        if key.endswith(("log_rate", "dt_bias", "shares", "step")):  # one row per order of reading
            state[key] = tensor.roll(-1, 0)
        elif key.endswith("select.weight"):
            state[key] = tensor.unflatten(0, (3, -1)).roll(-1, 0).flatten(0, 1)
    turned = network_of("msd_kmamba", 3, ssm=ssm)
    turned.load_state_dict(state)
    with torch.no_grad():
        assert_alike(turned(volume.permute(axes)).permute(back), network(volume))


@pytest.mark.parametrize("name", ["lgmsnet", "gladnet", "msa2net"])
def test_classes_are_told_apart_by_the_last_layer_alone(name):
    network = network_of(name, 2, num_classes=3)
    image = torch.randn(1, 2, 32, 32).double()
    with torch.no_grad():
        before = network(image)
        for parameter in network.head.parameters():
            parameter.copy_(parameter[[2, 0, 1]])
        assert_alike(network(image), before[:, [2, 0, 1]])


@pytest.mark.parametrize("name", ["lgmsnet", "gladnet", "msa2net"])
def test_channels_and_the_first_weights_may_change_places_together(name):
    network = network_of(name, 2)
    image = torch.randn(1, 2, 32, 32).double()
    with torch.no_grad():
        before = network(image)
        first = next(p for p in network.parameters() if is_kernel(p, 2) and p.shape[1] == 2)
        first.copy_(first.flip(1))
        assert_alike(network(image.flip(1)), before)
