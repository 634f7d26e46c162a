"""What a look takes in memory is known before it is taken, and what to choose instead is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.explain import memory, room
from napari_medseg.explain.capture import map_bytes, record
from napari_medseg.explain.evidence import occlusion, probabilities
from napari_medseg.explain.feature_maps import features, summary
from napari_medseg.explain.gradients import grad_cam, input_gradients, receptive_field
from napari_medseg.explain.layers import find_layer
from napari_medseg.explain.memory import check_pass, working_bytes
from napari_medseg.explain.room import TooLarge
from napari_medseg.explain.viewing import view_of


@pytest.fixture
def free(monkeypatch):
    """Set how many bytes every device has left: ``free(4000)``."""

    def be(count):
        monkeypatch.setattr(room, "free_memory", lambda device: count)

    return be


def test_what_may_be_taken_is_said_or_a_part_of_what_is_free(free):
    assert room.room(5) == 5
    assert room.room(0) == 0
    free(4000)
    assert room.room() == 1000
    assert room.working_room(torch.device("cpu")) == 3200
    free(None)
    assert room.room() == 1 << 31


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0.1 MB"), (2_340_000, "2.3 MB"), (7_600_000_000, "7.6 GB")]
)
def test_bytes_are_said_in_words(count, said):
    assert room.amount(count) == said


def test_what_is_too_large_says_how_large_and_what_else_there_is():
    error = TooLarge("the maps of enc1", 3_000_000_000, 1_000_000, ["enc4", "half precision"],
                     layers=("enc4",), window=(8, 8))  # fmt: skip
    assert str(error) == (
        "the maps of enc1 take 3.0 GB, 1.0 MB may be used; choose enc4 or half precision"
    )
    assert (error.needed, error.allowed) == (3_000_000_000, 1_000_000)
    assert (error.layers, error.window) == (("enc4",), (8, 8))


def held(network, size, by):
    """The most bytes of a pass, counted at that very size."""
    return int(memory.held_bytes(network, size, by).max())


@pytest.mark.parametrize(
    ("name", "size", "by"),
    [
        ("gladnet", (256, 192), None),
        ("gladnet", (256, 192), ()),
        ("gladnet", (256, 192), ("enc3",)),
        ("lgmsnet", (256, 192), ()),
    ],
)
def test_small_passes_tell_what_a_large_one_takes(tiny, name, size, by):
    network = tiny(name).network.eval()
    expected = held(network, size, by)
    assert working_bytes(network, size, by) == pytest.approx(expected, rel=0.25)


def test_gradients_hold_what_a_pass_does_not_and_less_from_a_later_layer_on(tiny):
    network = tiny("gladnet").network.eval()
    alone, by_image, by_last = (
        working_bytes(network, (128, 128), by) for by in (None, (), ("dec1",))
    )
    assert alone <= by_last < by_image


def test_what_is_counted_is_the_tensors_that_are_there(known):
    """This network holds its input, one copy of it and two logits, each 4 bytes a pixel."""
    network = known(2).network.eval()
    pixels = 64 * 64
    assert 2 * 4 * pixels <= held(network, (64, 64), None) <= 4 * 4 * pixels + 64  # and numbers
    grown = held(network, (128, 128), None)
    assert grown == pytest.approx(4 * held(network, (64, 64), None), rel=0.01)


def test_counting_follows_tensors_as_they_come_and_go():
    with memory._Living() as living:
        held = torch.ones(1000)
        torch.ones(500)  # gone at once
        held += 1
        del held
        torch.ones(1)
    assert living.course == [4000, 6000, 4000, 4]


def test_counting_does_not_bring_in_the_compiler():
    """Torch wraps the modes of others so that their first use imports it, which takes seconds."""
    assert not hasattr(memory._Living.__torch_dispatch__, "__wrapped__")


def test_a_pass_that_fits_is_let_through_and_one_that_does_not_names_what_does(tiny):
    segmenter = tiny("gladnet")
    needed = working_bytes(segmenter.network.eval(), (128, 192), ())
    check_pass(segmenter, (128, 192), by=(), limit=needed)
    with pytest.raises(TooLarge, match="gradients over 128x192 voxels take") as error:
        check_pass(segmenter, (128, 192), by=(), limit=needed // 3)
    assert error.value.window == (64, 96)
    assert "choose a window of 64x96" in str(error.value)
    assert not error.value.layers
    with pytest.raises(TooLarge, match=r"a later layer \(dec1") as error:
        check_pass(segmenter, (128, 192), by=("enc1",), limit=needed // 2)
    assert error.value.layers[0] == "dec1"
    with pytest.raises(TooLarge, match=r"passes over .* a machine with more memory"):
        check_pass(segmenter, (128, 192), batch=50, limit=10)


@pytest.mark.parametrize(
    "verb",
    [
        lambda s, v: grad_cam(s, v, 1, region="here"),
        lambda s, v: input_gradients(s, v, 1, region="here", steps=1),
        receptive_field,
        lambda s, v: occlusion(s, v, 1, region="here"),
        probabilities,
    ],
)
def test_every_verb_asks_before_it_computes(known, image, free, verb):
    segmenter = known(2)
    view = view_of(segmenter, image((200, 200)))
    working_bytes(segmenter.network.eval(), (200, 200), None)
    free(10_000)
    ran = []
    hook = segmenter.network.fine.register_forward_pre_hook(
        lambda module, inputs: ran.append(inputs[0].shape[2:])
    )
    try:
        with pytest.raises(TooLarge, match=r"take .* MB, 0\.1 MB may be used; choose"):
            verb(segmenter, view)
    finally:
        hook.remove()
    assert (200, 200) not in ran
    free(None)
    assert np.isfinite(verb(segmenter, view).values).all()


def test_gradients_of_a_layer_are_those_of_the_whole_graph(tiny, image):
    """What comes before the layer is not differentiated, and nothing changes by that."""
    segmenter = tiny("lgmsnet")
    view = view_of(segmenter, image((32, 32)))
    network = segmenter.network.eval()
    x = view.image.clone().requires_grad_()
    kept = {}
    hook = network.enc5.register_forward_hook(lambda m, i, o: kept.update(enc5=o))
    try:
        score = network(x)[0, 1].sum()
    finally:
        hook.remove()
    (expected,) = torch.autograd.grad(score, kept["enc5"])
    with torch.no_grad():
        with record(network, ["enc5"], live=True) as found:
            score = network(view.image)[0, 1].sum()
        assert not torch.is_grad_enabled()  # as it was before
    (gradient,) = torch.autograd.grad(score, found["enc5"])
    torch.testing.assert_close(gradient, expected)
    assert found["enc5"].grad_fn is None  # nothing before it is held


def test_a_layer_before_one_that_works_in_place_is_recorded_with_its_own_gradient(tiny):
    network = tiny("gladnet").network.eval()
    x = torch.randn(1, 1, 8, 8)
    with torch.no_grad(), record(network, ["enc1.1", "enc1.2"], live=True) as found:
        score = network(x).sum()  # a normalisation, then a ReLU in its memory
    before, after = torch.autograd.grad(score, [found["enc1.1"], found["enc1.2"]])
    assert found["enc1.1"].min() < 0
    torch.testing.assert_close(before, after * (found["enc1.1"] > 0))


def test_the_blended_answer_of_a_large_image_is_counted_too(known, image, free):
    segmenter = known(2, window=(16, 16))
    view = view_of(segmenter, image((80, 80)), blend=True)
    working_bytes(segmenter.network.eval(), (16, 16), None)
    free(4 * 2 * 4 * 80 * 80 - 4)
    with pytest.raises(
        TooLarge, match=r"maps of the answer take 0.1 MB.*choose a part of the image"
    ) as e:
        probabilities(segmenter, view)
    assert e.value.needed == 2 * 4 * 80 * 80
    with pytest.raises(TooLarge, match=r"choose a smaller part of the image$"):
        probabilities(segmenter, view.within((slice(0, 79), slice(0, 79))))
    part = view.within((slice(0, 30), slice(0, 30)))
    assert probabilities(segmenter, part).values.shape == (2, 30, 30)


def test_as_many_channels_are_shown_as_fit_the_strongest_first(known, image, free):
    segmenter, volume = known(2, channels=8), image((64, 64), channels=8)
    view = view_of(segmenter, volume)
    everything = features(segmenter, view, "fine")
    one, answer = 4 * 64 * 64, 2 * 4 * 64 * 64
    free(4 * (8 * one // 2 + answer))
    shown = features(segmenter, view, "fine", half=True)
    assert len(shown.values) == 6
    assert shown.notes[-1].startswith("6 of 8 channels: each takes 0.1 MB")
    np.testing.assert_allclose(shown.values, everything.values[:6], rtol=1e-2, atol=1e-3)
    with pytest.raises(TooLarge, match="half precision") as error:
        summary(segmenter, view, "fine", half=False)
    assert error.value.needed == map_bytes(find_layer(segmenter.network, "fine"), (64, 64)) + answer
    assert error.value.layers == ("coarse",)


def test_maps_that_fit_only_in_half_precision_are_recorded_so_unless_full_is_asked_for(
    known, image, free
):
    segmenter, volume = known(2, channels=8), image((64, 64), channels=8)
    view = view_of(segmenter, volume)
    full = summary(segmenter, view, "fine")
    one, answer = 4 * 64 * 64, 2 * 4 * 64 * 64
    free(4 * (8 * one // 2 + answer))
    half = summary(segmenter, view, "fine")
    np.testing.assert_allclose(half.values, full.values, rtol=1e-2)
    assert not np.array_equal(half.values, full.values)
    free(4 * (8 * one // 2 + answer - 1))
    with pytest.raises(TooLarge) as error:
        summary(segmenter, view, "fine")
    assert "half precision" not in str(error.value)  # that is what did not fit
    assert "slices" not in str(error.value)  # there is one


def test_fewer_slices_are_offered_where_there_are_several(known, image, free):
    segmenter, volume = known(2, channels=2), image((6, 32, 32), channels=2)
    view = view_of(segmenter, volume, at=(2, 5, 5), slices=slice(0, 6))
    free(4 * 2 * 4 * 32 * 32)
    with pytest.raises(TooLarge, match="choose fewer slices or a part of the image"):
        probabilities(segmenter, view)
