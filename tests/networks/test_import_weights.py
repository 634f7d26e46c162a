"""A published checkpoint computes in our network what it computes in the published one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medseg.networks import architectures
from napari_medseg.networks.import_weights import import_weights, importable, tensors_of

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
        elif leaf in ("gamma", "layer_scale_1", "layer_scale_2"):
            value = rng.uniform(0.3, 0.8, shape)
        elif leaf == "temperature":
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            value = rng.uniform(0.8, 1.2, shape)
        else:
            value = rng.normal(0.0, math.sqrt(1.5 / math.prod(shape[1:])), shape)
        state[key] = torch.from_numpy(np.asarray(value, np.float32))
    return state


def published(name: str) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return a state of the published network, an image, and what it makes of it."""
    expected = np.load(PARITY / f"{name}_expected.npz")
    seed, shape = int(expected["seed"]), tuple(expected["input_shape"])
    image = np.random.default_rng(seed + 1000).standard_normal(shape, dtype=np.float32)
    state = make_state(PARITY / f"{name}_keys.json", seed)
    return state, torch.from_numpy(image), torch.from_numpy(expected["output"])


def network_from(state):
    """Build the network of a published state."""
    imported = import_weights(state)
    network = architectures()[imported.architecture].build(imported.config).eval()
    network.load_state_dict(imported.state)
    return network


def shapes_of(name: str) -> dict[str, torch.Tensor]:
    """Return a published state without its numbers."""
    shapes = json.loads((PARITY / f"{name}_keys.json").read_text())
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def published_2d():
    """The published 2-D network's state."""
    return published("lgmsnet2d")[0]


def test_an_image_gives_the_published_logits():
    state, image, expected = published("lgmsnet2d")
    with torch.no_grad():
        torch.testing.assert_close(network_from(state)(image), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("precision", "atol"),
    [(torch.float32, 2e-3), pytest.param(torch.float64, 1e-4, marks=pytest.mark.slow)],
)
def test_a_volume_gives_the_published_logits(precision, atol):
    # its instance norms amplify rounding to 5e-4 of logits up to 13; in double precision only the
    # rounding of the published numbers is left
    state, image, expected = published("lgmsnet3d")
    with torch.no_grad():
        logits = network_from(state).to(precision)(image.to(precision))[..., ::4, ::4, ::4]
    torch.testing.assert_close(logits.float(), expected, atol=atol, rtol=1e-4)


@pytest.mark.slow
def test_a_slice_gives_the_published_logits():
    state, image, expected = published("msa2net")
    with torch.no_grad():
        logits = network_from(state)(image)[..., ::8, ::8]
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_shape_of_lgmsnet_is_read_off_its_weights(dims):
    config = import_weights(shapes_of(f"lgmsnet{dims}d")).config
    assert config.variant == "reference"
    assert config.widths == (16, 32, 64, 128, 128)
    assert config.depths == (1, 1, 1)
    assert (config.spatial_dims, config.in_channels, config.num_classes) == (
        (2, 3, 1) if dims == 2 else (3, 1, 14)
    )


@pytest.mark.parametrize(
    ("name", "build", "dropped", "parameters"),
    [("msa2net", "paper", 124, 112_767_981), ("msa2net_head", "head", 153, 93_660_877)],
)
def test_both_builds_of_msa2net_are_read_and_what_never_runs_is_named(
    name, build, dropped, parameters
):
    theirs = shapes_of(name)
    imported = import_weights(theirs)
    config = imported.config
    assert (config.build, config.layout, config.deep_blocks) == (build, "raw", False)
    assert (config.width, config.stem_width, config.depths) == (96, 64, (2, 2, 5, 2))
    assert (config.in_channels, config.num_classes) == (3, 9)
    assert len(imported.dropped) == dropped
    assert {key.split(".")[0] for key in imported.dropped} == {
        "paper": {"backbone", "decoder_3"},
        "head": {"backbone", "decoder_3", "decoder_2"},
    }[build]
    assert len(theirs) == len(imported.state) + dropped
    counted = sum(t.numel() for key, t in theirs.items() if not _is_statistic(key))
    kept = sum(t.numel() for key, t in imported.state.items() if not _is_statistic(key))
    left_out = sum(theirs[key].numel() for key in imported.dropped if not _is_statistic(key))
    assert counted == parameters == kept + left_out


def _is_statistic(key: str) -> bool:
    return key.rsplit(".", 1)[-1] in ("running_mean", "running_var", "num_batches_tracked")


@pytest.mark.parametrize("keys", ["msa2net_keys", "msa2net_head_keys"])
def test_other_widths_depths_and_classes_of_msa2net_are_read_and_run(keys, published_state):
    build = "head" if "head" in keys else "paper"
    asked = {"in_channels": 3, "num_classes": 4, "width": 32, "stem_width": 8, "build": build}
    state = published_state(keys, "msa2net", depths=(1, 1, 2, 1), layout="raw", **asked)
    network = network_from(state)
    assert network.config.to_dict().items() >= asked.items()
    assert network.config.depths == (1, 1, 2, 1)
    with torch.no_grad():
        logits = network(torch.randn(1, 3, 224, 224))
    assert logits.shape == (1, 4, 224, 224)
    assert torch.isfinite(logits).all()


def test_other_widths_of_lgmsnet_are_read(published_state):
    asked = {"spatial_dims": 3, "in_channels": 2, "num_classes": 5, "widths": (8, 12, 16, 20, 24)}
    network = network_from(published_state("lgmsnet3d_keys", "lgmsnet", **asked))
    assert network.config == architectures()["lgmsnet"].config(**asked)


def test_repeated_local_blocks_are_found(published_2d):
    deeper = {
        key.replace("encoder3.1.", "encoder3.2."): tensor for key, tensor in published_2d.items()
    }
    deeper |= {
        key.replace("encoder3.0.", "encoder3.1."): tensor
        for key, tensor in published_2d.items()
        if key.startswith("encoder3.0.")
    }
    assert network_from(deeper).config.depths == (1, 1, 2)


def test_what_changed_its_shape_is_named(published_2d):
    imported = import_weights(published_2d)
    assert "Conv_1x1.weight" in imported.reshaped
    assert "stem.conv.0.weight" not in imported.reshaped
    torch.testing.assert_close(
        imported.state["head.weight"], published_2d["Conv_1x1.weight"].flatten(1)
    )


@pytest.mark.parametrize("nest", ["state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.model."])
def test_training_wrappers_are_taken_off(published_2d, nest, prefix):
    wrapped = {
        "epoch": 3,
        "best_acc": 0.5,
        nest: {f"{prefix}{key}": tensor for key, tensor in published_2d.items()},
    }
    plain, unwrapped = import_weights(published_2d), import_weights(wrapped)
    assert unwrapped.config == plain.config
    assert unwrapped.state.keys() == plain.state.keys()


def test_a_dict_that_holds_itself_comes_to_an_end():
    loop = {}
    loop["model"] = loop
    assert tensors_of(loop) == {}


def test_counters_may_be_missing_and_are_named(published_2d):
    old = {key: t for key, t in published_2d.items() if not key.endswith("num_batches_tracked")}
    imported = import_weights(old)
    assert len(imported.added) == len(published_2d) - len(old)
    assert imported.state[imported.added[0]] == 0


def test_half_precision_is_read_as_single(published_2d):
    halved = {key: t.half() if t.is_floating_point() else t for key, t in published_2d.items()}
    assert import_weights(halved).state["head.weight"].dtype == torch.float32


def test_an_architecture_that_cannot_be_imported_is_refused(published_2d):
    assert importable() == ("lgmsnet", "msa2net")
    with pytest.raises(ValueError, match="of lgmsnet and msa2net, not of 'gladnet'"):
        import_weights(published_2d, "gladnet")


def test_the_weights_of_the_other_architecture_are_refused_by_name(published_2d):
    with pytest.raises(ValueError, match="weights of LGMSNet, not of MSA²Net; import them as lgm"):
        import_weights(published_2d, "msa2net")


def test_another_network_is_refused_with_what_was_found():
    with pytest.raises(ValueError, match=r"known here .*the first tensors are conv\.weight"):
        import_weights({"conv.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="the first tensors are none"):
        import_weights({"epoch": 3})


def test_a_network_with_unknown_parts_is_refused_by_name(published_2d):
    with pytest.raises(ValueError, match=r"tensor 'extra\.weight'"):
        import_weights(published_2d | {"extra.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"no tensor 'encoder4\.0\.extra'"):
        import_weights(published_2d | {"encoder4.0.extra": torch.zeros(1)})


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("encoder4.0.conv4.0.weight", r"1 of the 372 tensors .* missing, the first is enc4\.fuse"),
        ("encoder5.0.conv1.0.weight", r"tensor encoder5\.0\.conv1\.0\.weight is missing"),
        ("Conv_1x1.weight", r"tensor Conv_1x1\.weight is missing"),
    ],
)
def test_a_missing_tensor_is_refused_by_name(published_2d, lost, message):
    with pytest.raises(ValueError, match=message):
        import_weights({key: t for key, t in published_2d.items() if key != lost})


def test_a_tensor_of_another_shape_is_refused_by_name(published_2d):
    wrong = published_2d | {"Up5.up.1.weight": torch.zeros(3, 3)}
    with pytest.raises(ValueError, match=r"Up5\.up\.1\.weight has the shape \(3, 3\), .* needs \("):
        import_weights(wrong)
    with pytest.raises(ValueError, match=r"stem\.conv\.0\.weight has 1 dimensions instead of 4 or"):
        import_weights(published_2d | {"stem.conv.0.weight": torch.zeros(3)})


def test_weights_that_are_not_finite_are_refused_by_name(published_2d):
    wrong = published_2d | {"Conv_1x1.bias": torch.tensor([float("nan")])}
    with pytest.raises(ValueError, match=r"Conv_1x1\.bias holds values that are not finite"):
        import_weights(wrong)
