"""A class is added to a model without touching what it knew."""

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
