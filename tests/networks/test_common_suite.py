"""What every network promises, whichever it is; one is tested by being registered.

As small as it can be always, the larger presets with ``-m slow``.
"""

from __future__ import annotations

import copy
import functools
import itertools
import json

import pytest
import torch

from napari_medseg.engine.metrics import dice
from napari_medseg.engine.objective import objective_of
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_recipes import paper_recipe
from napari_medseg.networks import architectures, create_network
from napari_medseg.networks.nd import nd
from napari_medseg.networks.registry import PRESETS as PRESETS_BY_SIZE

TINY = "tiny"  # no preset: the small one with the fields of `smallest_networks`


def _case(name: str, preset: str, dims: int, *, quick: tuple[str, ...] = PRESETS_BY_SIZE):
    marks = [] if preset in (TINY, *quick) else [pytest.mark.slow]
    return pytest.param(name, preset, dims, id=f"{name}-{preset}-{dims}D", marks=marks)


PRESETS = [(name, *preset) for name, a in architectures().items() for preset in a.presets]

every_preset = pytest.mark.parametrize(
    ("name", "preset", "dims"), [_case(*preset) for preset in PRESETS]
)
SMALL = [preset for preset in PRESETS if preset[1] == "small"]
NETWORKS = [(name, TINY, dims) for name, _, dims in SMALL]
every_preset_that_runs = pytest.mark.parametrize(
    ("name", "preset", "dims"), [_case(*one, quick=("small",)) for one in (*NETWORKS, *PRESETS)]
)
every_network = pytest.mark.parametrize(
    ("name", "preset", "dims"), [_case(*one, quick=()) for one in (*NETWORKS, *SMALL)]
)
every_small_preset = pytest.mark.parametrize(
    ("name", "preset", "dims"), [_case(*one) for one in SMALL]
)


@pytest.fixture(scope="module")
def network_of(smallest_networks):
    """Return a network that all tests share: whoever changes it takes a copy."""

    @functools.cache
    def built(name: str, preset: str, dims: int):
        torch.manual_seed(0)
        fields = smallest_networks[name] if preset == TINY else {}
        preset = "small" if preset == TINY else preset
        sizes = {"spatial_dims": dims, "in_channels": 2, "num_classes": 3}
        return create_network(name, preset=preset, **sizes, **fields).eval()

    return built


def image_for(network, times: tuple[int, ...] | None = None):
    """Return two small images, their sides `times` the divisor: ``(2, C, *S)``.

    Two take less time than one: torch has no quick convolution of a single small volume.
    """
    config = network.config
    times = times or {2: (1, 2), 3: (1, 1, 1)}[config.spatial_dims]
    return torch.randn(2, config.in_channels, *(network.divisor * t for t in times))


@every_preset_that_runs
def test_logits_and_features_are_where_the_contract_says(network_of, name, preset, dims):
    network = copy.deepcopy(network_of(name, preset, dims))
    image = image_for(network, times=(1, 2, 1)[:dims])
    seen = {}

    def note(stage):
        return lambda module, inputs, output: seen.update({stage: tuple(output.shape)})

    for feature in network.feature_info:
        network.get_submodule(feature.name).register_forward_hook(note(feature.name))
    with torch.no_grad():
        logits = network(image)

    assert logits.shape == (2, 3, *image.shape[2:])
    assert torch.isfinite(logits).all()
    for feature in network.feature_info:
        size = tuple(side // feature.stride for side in image.shape[2:])
        assert seen[feature.name] == (2, feature.channels, *size), feature


@every_network
def test_the_last_feature_is_what_the_last_layer_gets(network_of, name, preset, dims):
    network = copy.deepcopy(network_of(name, preset, dims))
    last = network.feature_info[-1]
    # without it every voxel is the same, so nothing goes past it
    network.get_submodule(last.name).register_forward_hook(
        lambda module, inputs, output: output * 0
    )
    with torch.no_grad():
        logits = network(image_for(network)).flatten(2)
    assert last.stride == 1
    torch.testing.assert_close(logits, logits[..., :1].expand_as(logits))


@every_network
def test_images_of_a_batch_do_not_see_each_other(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    batch = image_for(network)
    with torch.no_grad():
        beside_another = network(torch.stack([batch[0], 3 * batch[1].flip(-1) + 1]))
        together = network(batch)
    assert torch.equal(beside_another[0], together[0])
    assert not torch.equal(beside_another[1], together[1])


@every_network
def test_every_weight_learns(network_of, name, preset, dims):
    network = copy.deepcopy(network_of(name, preset, dims)).train()
    logits = network(image_for(network))
    (logits * torch.randn_like(logits)).sum().backward()
    for weight_name, weight in network.named_parameters():
        assert weight.grad is not None, weight_name
        assert torch.isfinite(weight.grad).all(), weight_name
        if not weight_name.endswith("bias"):  # before a norm a bias has none but by rounding
            assert weight.grad.abs().max() > 0, weight_name


@every_network
def test_a_few_steps_of_training_lower_the_loss(network_of, name, preset, dims):
    network = copy.deepcopy(network_of(name, preset, dims)).train()
    image = torch.randn(2, 2, *[network.divisor] * dims)
    labels = (image[:, 0] > 0).long()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(network(image), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[1:]) < 0.95 * losses[0]


@every_network
def test_a_state_dict_carries_all_that_matters(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    torch.manual_seed(1)
    other = architectures()[name].build(network.config).eval()
    image = image_for(network)
    with torch.no_grad():
        before = other(image)
        other.load_state_dict(network.state_dict())
        assert not torch.equal(before, network(image))
        assert torch.equal(other(image), network(image))


@every_network
def test_a_seed_repeats_the_weights_and_the_weights_the_logits(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    torch.manual_seed(0)
    again = architectures()[name].build(network.config).eval()
    image = image_for(network)
    with torch.no_grad():
        first, second, other = network(image), network(image), again(image)
    assert torch.equal(first, second)
    assert torch.equal(first, other)


@every_network
def test_a_side_that_does_not_fit_is_refused_with_the_next_that_does(
    network_of, name, preset, dims
):
    network = network_of(name, preset, dims)
    side = network.divisor
    wrong = torch.zeros(1, 2, *[side] * (dims - 1), side + 1)
    with pytest.raises(ValueError, match=rf"multiple of {side}; pad to \(.*{2 * side}\)"):
        network(wrong)


@every_network
def test_other_channels_or_dimensions_are_refused(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    size = [network.divisor] * dims
    for wrong in (torch.zeros(1, 3, *size), torch.zeros(2, *size), torch.zeros(1, 2, *size, 1)):
        with pytest.raises(ValueError, match="with C = 2, got"):
            network(wrong)


@every_small_preset
@pytest.mark.parametrize(("channels", "classes"), [(1, 1), (5, 7)])
def test_any_number_of_channels_and_classes_works(
    smallest_networks, name, preset, dims, channels, classes
):
    sizes = {"spatial_dims": dims, "in_channels": channels, "num_classes": classes}
    network = create_network(name, preset=preset, **sizes, **smallest_networks[name]).eval()
    image = image_for(network)
    with torch.no_grad():
        assert network(image).shape == (2, classes, *image.shape[2:])


@functools.cache
def size_of(name: str, preset: str, dims: int) -> int:
    with torch.device("meta"):
        return create_network(name, preset=preset, spatial_dims=dims).count_parameters()


@every_preset
def test_a_preset_is_as_large_as_its_name_says(name, preset, dims):
    at = PRESETS_BY_SIZE.index(preset)
    for smaller, larger in itertools.pairwise(PRESETS_BY_SIZE[max(at - 1, 0) : at + 2]):
        assert size_of(name, smaller, dims) < size_of(name, larger, dims)


@every_preset
def test_a_config_survives_json(name, preset, dims):
    architecture = architectures()[name]
    config = architecture.preset(preset, spatial_dims=dims, in_channels=4, num_classes=5)
    again = architecture.config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config


@every_small_preset
def test_half_precision_runs_and_is_near(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    image = image_for(network)
    with torch.no_grad():
        exact = network(image)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(image)
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).norm() < 0.25 * exact.norm()


@every_network
def test_the_memory_format_does_not_change_the_logits(network_of, name, preset, dims):
    network = copy.deepcopy(network_of(name, preset, dims))
    image = image_for(network)
    layout = nd(dims).channels_last
    with torch.no_grad():
        plain = network(image)
        last = network.to(memory_format=layout)(image.contiguous(memory_format=layout))
    torch.testing.assert_close(plain, last, atol=1e-3, rtol=1e-3)


@every_network
def test_every_supervised_level_has_the_classes_and_the_first_is_the_answer(
    network_of, name, preset, dims
):
    network = network_of(name, preset, dims)
    image = image_for(network)
    with torch.no_grad():
        levels = network.forward_levels(image)
        assert torch.equal(levels[0], network(image))
    for level, logits in enumerate(levels):
        size = tuple(side // 2**level for side in image.shape[2:])
        assert logits.shape == (2, 3, *size)


@every_network
def test_what_can_be_shown_is_shown_and_changes_nothing(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    image = image_for(network)
    with torch.no_grad():
        before = network(image)
    shown = network.inspect(image, list(network.overlays))
    assert set(shown) == set(network.overlays)
    for overlay, values in shown.items():
        assert network.overlays[overlay], overlay
        assert values.ndim in (2, dims + 2), overlay  # numbers or maps
        assert len(values) == 2, overlay
        assert torch.isfinite(values).all(), overlay
    with torch.no_grad():
        assert torch.equal(network(image), before)


@every_network
def test_what_cannot_be_shown_is_refused(network_of, name, preset, dims):
    network = network_of(name, preset, dims)
    with pytest.raises(ValueError, match="no overlay nonsense"):
        network.inspect(image_for(network), ["nonsense"])
    with pytest.raises(ValueError, match="is not in an image of"):
        network.inspect(image_for(network), [], at=(10_000,) * dims)


@every_network
def test_the_network_has_a_recipe_of_its_own_and_trains_by_its_objective(
    network_of, name, preset, dims
):
    recipe = TrainingConfig.recipe(paper_recipe(name, dims))
    assert recipe.architecture == name
    network = copy.deepcopy(network_of(name, preset, dims)).train()
    objective = objective_of(name, recipe.loss, "sigmoid")
    images = image_for(network)
    value = objective(network, images, (images[:, :1].repeat_interleave(3, 1) > 0).float())
    value.backward()
    assert torch.isfinite(value.detach())
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.slow
@every_small_preset
def test_the_smallest_preset_learns_its_training_images_by_heart(name, preset, dims):
    count = 8 if dims == 2 else 2
    torch.manual_seed(0)
    network = create_network(name, preset=preset, spatial_dims=dims, num_classes=1).train()
    side = max(48 // network.divisor, 1) * network.divisor
    images, targets = _blobs(count, (side,) * dims)
    recipe = TrainingConfig.recipe(paper_recipe(name, dims))
    objective = objective_of(name, recipe.loss, "sigmoid")
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    steps = 250
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for step in range(steps):
        optimizer.zero_grad()
        objective(network, images, targets, progress=step / steps).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = network(images) > 0  # as trained: the statistics of these very images
    scores = [dice(f.numpy(), t.numpy()) for f, t in zip(found, targets > 0, strict=True)]
    assert sum(scores) / count >= 0.98


def _blobs(count: int, size: tuple[int, ...]):
    """Return noisy images ``(B, 1, *S)`` of one ellipse each, and the ellipses."""
    axes = torch.meshgrid(*(torch.linspace(-1, 1, s) for s in size), indexing="ij")
    targets = []
    for _ in range(count):
        centre, radius = torch.rand(len(size)) - 0.5, 0.2 + 0.3 * torch.rand(len(size))
        away = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radius, strict=True))
        targets.append((away < 1)[None].float())
    stacked = torch.stack(targets)
    return stacked + 0.7 * torch.randn_like(stacked), stacked


@every_network
def test_the_encoder_alone_decides_what_is_at_the_coarsest_level(network_of, name, preset, dims):
    network = copy.deepcopy(network_of(name, preset, dims)).train()
    coarsest = max(network.feature_info, key=lambda feature: feature.stride).stride
    last = [f.name for f in network.feature_info if f.stride == coarsest][-1]
    found = []
    network.get_submodule(last).register_forward_hook(lambda m, i, output: found.append(output))
    network(image_for(network))
    found[0].square().sum().backward()
    for parameter, value in network.named_parameters():
        encodes = network.part_of(parameter) == "encoder"
        if value.ndim > 1 or not encodes:  # the norm of the last map comes after it
            assert (value.grad is not None) == encodes, parameter
    heads = [p for p, _ in network.named_parameters() if network.part_of(p) == "head"]
    assert sorted(heads) == ["head.bias", "head.weight"]
    assert network.head.weight.shape[0] == network.config.num_classes
