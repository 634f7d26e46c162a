"""What a person asks to be shown: words become keys, and what is too large is known before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.commands.explain import chosen_keys
from napari_medseg.explain.capture import cropped, map_bytes
from napari_medseg.explain.entries import GROUPS, Entry, catalogue, layer_choices
from napari_medseg.explain.layers import find_layer

ENTRIES = [
    Entry("energy", "Feature maps", "how strong"),
    Entry("first", "Feature maps", "the first direction"),
    Entry("redundancy", "Curves", "alike"),
    Entry("splines", "Curves", "learnt curves", why_not="there are none"),
    Entry("kernels", "Attention", "sizes", why_not="another network has them"),
]


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ([], []),
        (["energy"], ["energy"]),
        (["feature_maps"], ["energy", "first"]),
        (["curves"], ["redundancy"]),
        (["all"], ["energy", "first", "redundancy"]),
        (["first", "all"], ["first", "energy", "redundancy"]),
        (["energy", "feature_maps", "energy"], ["energy", "first"]),
        (["why", "energy"], ["why", "energy"]),
    ],
)
def test_keys_and_groups_are_meant_once_each_in_the_order_asked_for(words, keys):
    assert chosen_keys(words, ENTRIES) == keys


def test_what_the_model_lacks_is_still_a_word_so_that_the_reason_can_be_said():
    assert chosen_keys(["splines"], ENTRIES) == ["splines"]


@pytest.mark.parametrize("word", ["attention", "Energy maps", ""])
def test_words_that_mean_nothing_are_refused(word):
    with pytest.raises(ValueError, match=r"nothing called .* to show.*--list names all there is"):
        chosen_keys([word], ENTRIES)


def test_a_near_word_is_offered():
    with pytest.raises(ValueError, match="did you mean energy"):
        chosen_keys(["energy_"], ENTRIES)


@pytest.mark.parametrize(("name", "dims"), [("lgmsnet", 2), ("gladnet", 2), ("msd_kmamba", 3)])
def test_every_entry_belongs_to_a_group_has_one_key_and_says_what_it_is(tiny, name, dims):
    entries = catalogue(tiny(name, dims))
    assert {entry.group for entry in entries} == set(GROUPS)
    keys = [entry.key for entry in entries]
    assert len(set(keys)) == len(keys)
    order = [GROUPS.index(entry.group) for entry in entries]
    assert order == sorted(order)
    for entry in entries:
        assert entry.words
        assert entry.needs <= {"layer", "class", "place"}


@pytest.mark.parametrize("name", ["lgmsnet", "gladnet"])
def test_layers_to_choose_from_are_there_for_what_needs_a_layer_and_only_for_that(tiny, name):
    segmenter = tiny(name)
    for entry in catalogue(segmenter):
        if entry.why_not:
            continue
        choices = layer_choices(segmenter, entry.key)
        assert bool(choices) == ("layer" in entry.needs), entry.key
        assert len(set(choices)) == len(choices)


def test_channels_can_be_left_out_where_there_are_several(tiny):
    def reason(channels):
        entries = catalogue(tiny("gladnet", channels=channels))
        return next(entry.why_not for entry in entries if entry.key == "channels")

    assert reason(2) == ""
    assert reason(1) == "the model takes a single channel"


def test_the_size_of_maps_is_counted_by_hand(known):
    layer = find_layer(known(2, stride=4, channels=3).network, "coarse")
    assert map_bytes(layer, (16, 24)) == 3 * 4 * 6 * 4
    assert map_bytes(layer, (16, 24), batch=2, item=2) == 2 * 3 * 4 * 6 * 2


@settings(deadline=None, max_examples=50)
@given(
    stride=st.sampled_from([1, 2, 4, 8]),
    blocks=st.integers(1, 6),
    start=st.integers(-5, 40),
    length=st.integers(1, 50),
)
def test_a_part_of_a_map_is_what_touches_the_part_of_the_image(stride, blocks, start, length):
    side = stride * blocks
    start = min(start, side - 1)
    stop = max(start + length, 1)
    (part,) = cropped([slice(start, stop)], stride, [side])
    touching = [b for b in range(blocks) if b * stride < stop and (b + 1) * stride > start]
    assert list(range(blocks))[part] == touching
    assert cropped(None, stride, [side]) == (slice(0, blocks),)
