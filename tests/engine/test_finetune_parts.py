"""Which weights of which network learn, and how fast."""

import pytest
import torch
from torch import nn

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_parts import (
    norm_parameters,
    parameter_groups,
    rehearses,
    set_mode,
    spare_group_norms,
)
from napari_medseg.engine.interpolation import between
from napari_medseg.engine.new_classes import copy_of
from napari_medseg.engine.replay import UNSEEN, Replay
from napari_medseg.networks import architectures

every_network = pytest.mark.parametrize(
    ("name", "dims"), [(n, d) for n, a in architectures().items() for d in a.spatial_dims]
)
CONFIG = FineTuneConfig(learning_rate=0.1, decoder_rate=0.5, encoder_rate=0.2)
PARTS = ("head", "decoder", "all")


def learning(network):
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


@every_network
def test_the_parts_contain_each_other_and_all_is_all(name, dims, small_model):
    network = small_model(name, dims).network
    norms, learnt = norm_parameters(network), []
    for trained in PARTS:
        groups = parameter_groups(network, trained, CONFIG)
        given = [id(p) for group in groups for p in group["params"]]
        assert len(given) == len(set(given))  # none moves twice in a step
        assert {id(p) for p in network.parameters() if p.requires_grad} == set(given)
        learnt.append(learning(network))
    head, decoder, everything = learnt
    assert head < decoder < everything == {name for name, _ in network.named_parameters()}
    assert {"head.weight", "head.bias"} | norms <= head
    assert {network.part_of(name) for name in head - norms} == {"head"}


@every_network
def test_each_part_has_its_rate(name, dims, small_model):
    network = small_model(name, dims).network
    rates = {g["name"]: g["lr"] for g in parameter_groups(network, "all", CONFIG)}
    assert rates == pytest.approx({"head": 0.1, "decoder": 0.05, "encoder": 0.02})
    (only,) = parameter_groups(network, "head", CONFIG)
    assert (only["name"], only["lr"]) == ("head", 0.1)


@every_network
def test_a_network_that_learns_answers_as_it_does_alone(name, dims, small_model):
    network = small_model(name, dims).network
    image = torch.randn(1, 1, *[32] * dims)
    with torch.no_grad():
        before = network(image)
        network.train()
        set_mode(network, freeze_statistics=True)
        torch.testing.assert_close(network(image), before)
    assert not any(module.training for module in network.modules())


@every_network
def test_a_mix_of_weights_fits_its_network(name, dims, small_model):
    model = small_model(name, dims)
    old = {key: value.clone() for key, value in model.network.state_dict().items()}
    new = {k: v + 0.01 if v.is_floating_point() else v + 1 for k, v in old.items()}
    network, image = copy_of(model.network, model.card), torch.randn(1, 1, *[32] * dims)
    with torch.no_grad():
        network.load_state_dict(between(old, new, 0.5))
        answer = network(image)
    assert answer.isfinite().all()
    half = network.state_dict()
    assert all(
        torch.allclose(half[k], old[k] + 0.005, atol=1e-6)
        for k in old
        if old[k].is_floating_point()
    )


def test_a_group_norm_before_which_nothing_learns_is_gone_back_through():
    norm, plain = nn.GroupNorm(2, 6), torch.randn(2, 6, 16, 16)
    norm(plain).square().mean().backward()
    expected, norm.weight.grad = norm.weight.grad, None
    spare_group_norms(norm)
    last = plain.contiguous(memory_format=torch.channels_last)
    norm(last).square().mean().backward()  # without its care the program ends here
    torch.testing.assert_close(norm.weight.grad, expected)
    learns = norm(last.requires_grad_())
    assert learns.is_contiguous(memory_format=torch.channels_last)  # where it can be fast, it is


@pytest.mark.parametrize(
    ("label", "changes", "known"),
    [
        (0, {}, True),
        (UNSEEN, {}, False),
        (0, {"new_classes": ("5=cyst",)}, False),  # what was background then may be one now
        (4, {"new_classes": ("5=cyst",)}, True),
        (4, {"rehearsal": 0.0}, False),
        (4, {"supervised": 0.0}, False),
        (4, {"replay": 0.0}, False),
    ],
)
def test_labels_are_rehearsed_where_there_are_any(label, changes, known):
    labels = torch.full((2, 8, 8), label, dtype=torch.int32)
    replay = Replay(torch.zeros(2, 1, 8, 8), labels, (), "")
    assert rehearses(FineTuneConfig(**changes), replay) == known
    assert not rehearses(FineTuneConfig(**changes), None)
