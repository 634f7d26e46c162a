"""A class is added to a model without touching what it knew."""

from dataclasses import replace

import pytest
import torch

from napari_medseg.engine.new_classes import classes_to_add, copy_of, with_classes
from napari_medseg.networks import architectures

every_network = pytest.mark.parametrize(
    ("name", "dims"), [(n, d) for n, a in architectures().items() for d in a.spatial_dims]
)


@every_network
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_old_classes_are_answered_as_before(name, dims, activation, small_model):
    model = small_model(name, dims, activation=activation)
    added = classes_to_add(("5=cyst", "7=clip"), model.card)
    grown, card = with_classes(model.network, model.card, added)
    image, known = torch.randn(1, 1, *[32] * dims), model.card.out_channels
    with torch.no_grad():
        before, after = model.network(image), grown(image)
    for key in ("head.weight", "head.bias"):
        rows = model.network.state_dict()[key]
        assert torch.equal(grown.state_dict()[key][: len(rows)], rows)
    torch.testing.assert_close(after[:, :known], before)
    if activation == "softmax":
        assert (after.softmax(1)[:, :known] - before.softmax(1)).abs().max() < 1e-4
    else:
        assert after[:, known:].sigmoid().max() < 0.011
    assert [c.value for c in card.classes] == [1, 4, 5, 7]
    assert card.out_channels == grown.config.num_classes == known + 2
    assert len({c.colour for c in (*model.card.classes[:1], *added)}) == 3


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (("cyst",), "value=name"),
        (("=cyst",), "value=name"),
        (("4=cyst",), "has a class of value 4 already"),
        (("5=a", "5=b"), "has a class of value 5 already"),
        (("5= ",), "value=name"),
        (("-5=cyst",), "value=name"),
        (("²=cyst",), "value=name"),
        (("0=cyst",), r"1\.\.65535"),
        (("70000=cyst",), r"1\.\.65535"),
    ],
)
def test_what_is_no_new_class_is_refused(small_model, named, words):
    with pytest.raises(ValueError, match=words):
        classes_to_add(named, small_model().card)


def test_a_copy_has_its_own_weights_and_none_of_the_hooks(small_model):
    model = small_model()
    model.network.head.register_forward_hook(lambda *a: pytest.fail("a hook was copied"))
    copied = copy_of(model.network, model.card)
    copied(torch.randn(1, 1, 32, 32))
    with torch.no_grad():
        copied.head.weight.zero_()
    assert model.network.head.weight.abs().max() > 0


def test_spaces_around_value_and_name_do_not_matter(small_model):
    (added,) = classes_to_add((" 5 = renal cyst ",), small_model().card)
    assert (added.value, added.name) == (5, "renal cyst")


def test_a_value_that_a_region_unites_is_taken(small_model):
    model = small_model(activation="sigmoid")
    first, second = model.card.classes
    card = model.card.replace(classes=(replace(first, unites=(1, 6)), second))
    with pytest.raises(ValueError, match="class of value 6 already; choose a value other than 1"):
        classes_to_add(("6=cyst",), card)


def test_new_regions_are_written_over_the_old_ones(small_model):
    card = small_model().card
    added = classes_to_add([f"{value}=class {value}" for value in range(5, 20)], card)
    assert min(c.order for c in added) > max(c.order for c in card.classes)
    known = {c.colour for c in card.classes}
    assert not known & {c.colour for c in added[:6]}


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_classes_can_be_added_one_after_the_other(activation, small_model):
    model = small_model(activation=activation)
    image = torch.randn(1, 1, 32, 32)
    network, card = model.network, model.card
    for text in ("5=cyst", "7=clip"):
        network, card = with_classes(network, card, classes_to_add((text,), card))
    together, other = with_classes(
        model.network, model.card, classes_to_add(("5=cyst", "7=clip"), model.card)
    )
    assert [c.value for c in card.classes] == [c.value for c in other.classes]
    assert card.config == other.config
    with torch.no_grad():
        known = model.card.out_channels
        torch.testing.assert_close(network(image)[:, :known], together(image)[:, :known])
    with torch.no_grad():
        assert (network(image).argmax(1) < known).all()  # nothing is found before it is learnt


def test_without_new_classes_the_model_stays_and_is_a_copy(small_model):
    model = small_model()
    network, card = with_classes(model.network, model.card, ())
    assert card == model.card
    assert network is not model.network
    for key, value in model.network.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)
    assert not network.training
