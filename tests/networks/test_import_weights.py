"""A published checkpoint computes in our network what it computes in the published one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medseg.networks import architectures
from napari_medseg.networks.import_weights import import_lgmsnet

PARITY = Path(__file__).parent / "parity"


def make_state(keys_file: Path, seed: int) -> dict[str, torch.Tensor]:
    """Fill the published names and shapes with numbers that anyone can make again."""
    shapes = json.loads(keys_file.read_text())
    rng = np.random.default_rng(seed)
    state = {}
    for key in sorted(shapes):
        shape, leaf = tuple(shapes[key]), key.rsplit(".", 1)[-1]
        if leaf == "num_batches_tracked":
            state[key] = torch.tensor(1)
            continue
        if leaf == "running_var":
            value = rng.uniform(0.5, 1.5, shape)
        elif leaf == "running_mean":
            value = rng.normal(0.0, 0.1, shape)
        elif leaf == "bias":
            value = rng.normal(0.0, 0.05, shape)
        elif len(shape) == 1:
            value = rng.uniform(0.8, 1.2, shape)
        else:
            value = rng.normal(0.0, math.sqrt(1.5 / math.prod(shape[1:])), shape)
        state[key] = torch.from_numpy(np.asarray(value, np.float32))
    return state


def published(dims: int) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return a state of the published network, an image, and what it makes of it."""
    expected = np.load(PARITY / f"lgmsnet{dims}d_expected.npz")
    seed, shape = int(expected["seed"]), tuple(expected["input_shape"])
    image = np.random.default_rng(seed + 1000).standard_normal(shape, dtype=np.float32)
    state = make_state(PARITY / f"lgmsnet{dims}d_keys.json", seed)
    return state, torch.from_numpy(image), torch.from_numpy(expected["output"])


@pytest.fixture(scope="module")
def published_2d():
    """The published 2-D network's state."""
    return published(2)[0]


def test_an_image_gives_the_published_logits():
    state, image, expected = published(2)
    config, ours = import_lgmsnet(state)
    network = architectures()["lgmsnet"].build(config).eval()
    network.load_state_dict(ours)
    with torch.no_grad():
        torch.testing.assert_close(network(image), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("precision", "atol"),
    [(torch.float32, 2e-3), pytest.param(torch.float64, 1e-4, marks=pytest.mark.slow)],
)
def test_a_volume_gives_the_published_logits(precision, atol):
    # its instance norms amplify rounding to 5e-4 of logits up to 13; in double precision only the
    # rounding of the published numbers is left
    state, image, expected = published(3)
    config, ours = import_lgmsnet(state)
    network = architectures()["lgmsnet"].build(config).eval()
    network.load_state_dict(ours)
    with torch.no_grad():
        logits = network.to(precision)(image.to(precision))[..., ::4, ::4, ::4]
    torch.testing.assert_close(logits.float(), expected, atol=atol, rtol=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_shape_of_the_network_is_read_off_its_weights(dims):
    config, _ = import_lgmsnet(published(dims)[0])
    assert config.variant == "reference"
    assert config.widths == (16, 32, 64, 128, 128)
    assert config.depths == (1, 1, 1)
    assert (config.spatial_dims, config.in_channels, config.num_classes) == (
        (2, 3, 1) if dims == 2 else (3, 1, 14)
    )


def test_repeated_local_blocks_are_found(published_2d):
    deeper = {
        key.replace("encoder3.1.", "encoder3.2."): tensor for key, tensor in published_2d.items()
    }
    deeper |= {
        key.replace("encoder3.0.", "encoder3.1."): tensor
        for key, tensor in published_2d.items()
        if key.startswith("encoder3.0.")
    }
    config, ours = import_lgmsnet(deeper)
    assert config.depths == (1, 1, 2)
    architectures()["lgmsnet"].build(config).load_state_dict(ours)


def test_training_wrappers_are_taken_off(published_2d):
    wrapped = {
        "epoch": 3,
        "best_acc": 0.5,
        "state_dict": {f"module.{key}": tensor for key, tensor in published_2d.items()},
    }
    plain_config, plain = import_lgmsnet(published_2d)
    config, ours = import_lgmsnet(wrapped)
    assert config == plain_config
    assert ours.keys() == plain.keys()


def test_another_network_is_refused_with_what_was_found():
    with pytest.raises(ValueError, match=r"found conv\.weight; choose a checkpoint of SegmsNet"):
        import_lgmsnet({"conv.weight": torch.zeros(1)})


def test_a_network_with_unknown_parts_is_refused_by_name(published_2d):
    with pytest.raises(ValueError, match=r"no tensor 'extra\.weight'"):
        import_lgmsnet(published_2d | {"extra.weight": torch.zeros(1)})
