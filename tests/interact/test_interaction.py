"""The laws of an answer: local, faithful to every prompt, the same whichever way the axes lie."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.editing.scope import union
from napari_medseg.interact.interaction import InteractConfig, Interaction
from napari_medseg.interact.prompts import Prompt
from napari_medseg.interact.seeds import seeds_of
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume


def two_balls(shape=(40, 56), channels=1, spacing=None):
    """Two bright balls on a dark ground, and their labels 1 and 2."""
    sides = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    labels = np.zeros(shape, np.uint8)
    for value, share in ((1, 0.28), (2, 0.72)):
        middle = [n / 2 for n in shape[:-1]] + [share * shape[-1]]
        far = sum((s - m) ** 2 for s, m in zip(sides, middle, strict=True))
        labels[far < (0.2 * shape[-2]) ** 2] = value
    noise = np.random.default_rng(0).normal(size=(channels, *shape))
    array = (noise + 5 * (labels > 0)).astype(np.float32)
    return Volume(array, spacing or (1.0,) * len(shape)), labels


def click(volume, at, value, *, positive=True, **given):
    return Prompt.drawn(volume, [at], value, positive=positive, **given)


def after(interaction, labels, prompts, **given):
    answer = interaction.answer(labels, prompts, **given)
    result = labels.copy()
    result[answer.box] = answer.labels
    return result


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize(("shape", "channels"), [((40, 56), 1), ((40, 56), 3), ((14, 24, 40), 2)])
def test_one_click_on_an_empty_mask_finds_some_of_the_object_and_no_other(shape, channels):
    volume, truth = two_balls(shape, channels)
    at = tuple(int(c.mean()) for c in np.nonzero(truth == 1))
    found = after(Interaction(volume), np.zeros_like(truth), [click(volume, at, 1)])
    assert found[at] == 1
    assert dice(found == 1, truth == 1) > 0.5
    assert not (found[truth == 2] == 1).any()
    assert not (found == 2).any()


def test_a_click_against_a_blob_that_is_not_there_takes_it_away():
    volume, truth = two_balls()
    labels = truth.copy()
    labels[2:9, 2:9] = 1
    found = after(Interaction(volume), labels, [click(volume, (5, 5), 1, positive=False)])
    assert not found[2:9, 2:9].any()
    assert dice(found == 1, truth == 1) > 0.9
    np.testing.assert_array_equal(found == 2, truth == 2)


@pytest.mark.parametrize("lane", ["refine", "adapt", "auto"])
@pytest.mark.parametrize("dims", [2, 3])
def test_nothing_outside_of_the_region_changes_and_every_prompt_holds(model, lane, dims):
    volume, labels = two_balls((24, 40) if dims == 2 else (10, 16, 24))
    config = InteractConfig(lane=lane, region_2d=8, region_3d=4)
    interaction = Interaction(volume, model(dims=dims), config)
    rng, prompts = np.random.default_rng(1), []
    labels[labels == 2] = 4
    for number in range(4):
        at = tuple(int(rng.integers(0, n)) for n in volume.shape)
        value, positive = int(rng.choice([1, 4])), number % 2 == 0
        prompts.append(click(volume, at, value, positive=positive, radius=1.0))
        answer = interaction.answer(labels, prompts)
        outside = np.ones(labels.shape, bool)
        outside[answer.box] = False
        assert answer.box == interaction.region(labels, prompts)
        assert answer.labels.dtype == labels.dtype
        assert outside.any()
        labels[answer.box] = answer.labels
        whole = tuple(slice(0, n) for n in labels.shape)
        seeds = seeds_of(prompts, volume, whole, interaction.values)
        assert not seeds.broken(labels).any()
        assert set(answer.seconds) == {"network", "adapt", "refine", "all"}


def test_a_prompt_for_a_class_takes_none_of_it_away_and_one_against_it_adds_none():
    volume, truth = two_balls()
    labels = np.roll(truth, 3, axis=1)
    interaction = Interaction(volume)
    more = after(interaction, labels, [click(volume, (20, 12), 1, radius=2)])
    assert (more[labels == 1] == 1).all()
    less = after(interaction, labels, [click(volume, (20, 20), 1, positive=False)])
    assert (labels[less == 1] == 1).all()
    np.testing.assert_array_equal(less == 2, labels == 2)


@pytest.mark.parametrize("turn", ["swap", "mirror", "both"])
def test_the_answer_does_not_depend_on_how_the_axes_lie(turn):
    volume, _ = two_balls((30, 42))
    labels = np.zeros(volume.shape, np.uint8)
    labels[10:20, 5:9] = 1

    def turned(array):
        array = array.swapaxes(-1, -2) if turn != "mirror" else array
        return np.ascontiguousarray(array[..., ::-1] if turn != "swap" else array)

    def at(h, w):
        h, w = (w, h) if turn != "mirror" else (h, w)
        return h, (volume.shape[0] if turn == "both" else volume.shape[1]) - 1 - w if (
            turn != "swap"
        ) else w

    other = Volume(turned(volume.array), (1.0, 1.0))
    places = [((15, 13), 1, True), ((4, 30), 1, False), ((15, 29), 2, True)]
    mine, theirs = labels, turned(labels)
    for count in range(1, 4):
        prompts = [click(volume, p, v, positive=s) for p, v, s in places[:count]]
        mine = after(Interaction(volume), mine, prompts)
        prompts = [click(other, at(*p), v, positive=s) for p, v, s in places[:count]]
        theirs = after(Interaction(other), theirs, prompts)
        np.testing.assert_array_equal(theirs, turned(mine))
    assert (mine == 2).any()


def test_the_answer_is_the_same_for_every_unit_of_length_and_the_same_twice():
    volume, truth = two_balls((10, 20, 30))
    half = Volume(volume.array, (0.5, 0.5, 0.5))
    at = (5, 10, 8)
    empty = np.zeros_like(truth)
    first = after(Interaction(volume), empty, [click(volume, at, 1)])
    np.testing.assert_array_equal(after(Interaction(half), empty, [click(half, at, 1)]), first)
    np.testing.assert_array_equal(after(Interaction(volume), empty, [click(volume, at, 1)]), first)


def test_thick_slices_are_not_taken_for_near_ones():
    volume = Volume(np.zeros((1, 9, 31, 31), np.float32), (6.0, 1.0, 1.0))
    empty = np.zeros(volume.shape, np.uint8)
    found = np.argwhere(after(Interaction(volume), empty, [click(volume, (4, 15, 15), 1)]))
    reach = (found.max(axis=0) - found.min(axis=0)) * volume.spacing
    assert reach[1] == reach[2] >= 6
    assert reach[0] <= reach[1] + 6


def test_a_locked_class_never_changes_and_that_is_said():
    volume, truth = two_balls()
    labels = np.where(truth == 2, 2, 0).astype(np.uint8)
    line = [[20, 10], [20, 45]]
    scribble = Prompt.drawn(volume, line, 1, kind="scribble", radius=2)
    answer = Interaction(volume).answer(labels, [scribble], locked=[2])
    found = labels.copy()
    found[answer.box] = answer.labels
    np.testing.assert_array_equal(found == 2, labels == 2)
    assert (found == 1).any()
    assert "locked or protected" in answer.notes[-1]
    earlier = [click(volume, (5, 5), 2), click(volume, (20, 15), 1)]
    later = after(Interaction(volume), labels, earlier, locked=[2])
    np.testing.assert_array_equal(later == 2, labels == 2)


def test_only_what_may_change_does():
    volume, truth = two_balls()
    may = np.zeros(truth.shape, bool)
    may[:20] = True
    labels = np.zeros_like(truth)
    found = after(
        Interaction(volume), labels, [click(volume, (19, 15), 1, radius=3)], may_change=may
    )
    assert found[:20].any()
    assert not found[20:].any()


def test_a_contradiction_is_said():
    volume, truth = two_balls()
    prompts = [click(volume, (20, 15), 1), click(volume, (20, 15), 2)]
    answer = Interaction(volume).answer(truth, prompts)
    assert "contradicts an earlier one on 1 voxel" in answer.notes[0]


@pytest.mark.parametrize("dims", [2, 3])
def test_a_box_finds_the_object_in_it_and_cuts_what_spills_out(dims):
    volume, truth = two_balls((40, 56) if dims == 2 else (16, 24, 40))
    inside = np.argwhere(truth == 1)
    corners = [inside.min(axis=0), inside.max(axis=0)]
    labels = np.zeros_like(truth)
    middle = tuple(inside.mean(axis=0).astype(int))
    labels[(*middle[:-1], slice(0, middle[-1]))] = 1  # spills out to the left
    box = Prompt.drawn(volume, corners, 1, kind="box")
    found = after(Interaction(volume), labels, [box])
    assert dice(found == 1, truth == 1) > 0.85
    assert not found[..., 0].any()


def test_a_box_leaves_other_objects_of_the_class_alone():
    volume, truth = two_balls()
    labels = (truth > 0).astype(np.uint8)
    inside = np.argwhere(truth == 1)
    box = Prompt.drawn(volume, [inside.min(axis=0), inside.max(axis=0)], 1, kind="box")
    found = after(Interaction(volume), labels, [box])
    assert (found[truth == 2] == 1).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_lasso_or_box_on_a_slice_changes_that_slice_only(axis):
    volume, truth = two_balls((20, 20, 20))
    labels = np.zeros_like(truth)
    square = np.insert(np.array([[4, 4], [4, 14], [14, 14], [14, 4]], float), axis, 9, axis=1)
    lasso = Prompt.drawn(volume, square, 1, kind="lasso", axis=axis)
    found = after(Interaction(volume), labels, [lasso])
    assert set(np.nonzero(found)[axis].tolist()) == {9}
    assert np.count_nonzero(found) > 60
    box = Prompt.drawn(volume, square[[0, 2]], 1, kind="box", axis=axis, positive=False)
    place, _ = box.voxels(volume)
    assert found[place].any()
    assert not after(Interaction(volume), found, [lasso, box])[place].any()


def test_the_line_of_a_lasso_goes_to_the_edge_in_the_image():
    array = np.zeros((1, 40, 40), np.float32)
    array[0, 10:30, 10:30] = 1
    volume = Volume(array, (1.0, 1.0))
    rough = [[8, 11], [11, 31], [31, 28], [28, 9]]
    drawn = Prompt.drawn(volume, rough, 1, kind="lasso")
    found = after(Interaction(volume), np.zeros((40, 40), np.uint8), [drawn])
    as_drawn = np.zeros((40, 40), bool)
    box, mask = drawn.voxels(volume)
    as_drawn[box] = mask
    assert dice(found == 1, array[0] == 1) > dice(as_drawn, array[0] == 1)


def test_what_cannot_be_answered_is_said_in_a_sentence(model):
    volume, labels = two_balls()
    interaction = Interaction(volume)
    inside = click(volume, (20, 15), 1)
    with pytest.raises(ValueError, match="no prompt to answer"):
        interaction.answer(labels, [])
    with pytest.raises(ValueError, match="class 1 is locked"):
        interaction.answer(labels, [inside], locked=[1])
    with pytest.raises(ValueError, match="1 to all are new; got 2"):
        interaction.answer(labels, [inside], together=2)
    with pytest.raises(ValueError, match="outside of the image"):
        interaction.answer(labels, [click(volume, (20, 900), 1)])
    with pytest.raises(ValueError, match="choose the labels that belong"):
        interaction.answer(labels[:-1], [inside])
    with pytest.raises(ValueError, match="class 300 does not fit"):
        interaction.answer(labels, [click(volume, (20, 15), 300)])
    with pytest.raises(ValueError, match="whole numbers"):
        interaction.answer(labels.astype(float), [inside])
    with pytest.raises(ValueError, match="lane is one of"):
        InteractConfig(lane="magic")


def test_an_answer_can_be_cancelled_and_leaves_the_labels_alone():
    volume, labels = two_balls()
    before = labels.copy()

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        Interaction(volume).answer(labels, [click(volume, (20, 15), 2)], report=stop)
    np.testing.assert_array_equal(labels, before)


def test_classes_nobody_taught_the_model_can_be_pointed_at(model):
    volume, truth = two_balls()
    interaction = Interaction(volume, model(), InteractConfig(lane="refine"))
    assert interaction.values == (0, 1, 4)
    found = after(interaction, np.zeros_like(truth), [click(volume, (20, 15), 9)])
    assert found[20, 15] == 9
    assert set(np.unique(found)) == {0, 9}


def test_the_model_is_run_once_for_prompts_at_one_place_and_again_when_forgotten(model):
    volume, truth = two_balls()
    interaction = Interaction(volume, model(), InteractConfig(lane="refine"))
    windows = []

    def count(step):
        windows.append(step.unit == "window" and step.total > 0)

    interaction.prepare(count)
    first = sum(windows)
    interaction.answer(truth, [click(volume, (20, 15), 1)], report=count)
    assert first > 0
    assert sum(windows) == first
    interaction.forget()
    whole = tuple(slice(0, n) for n in volume.shape)
    np.testing.assert_allclose(interaction.probabilities(whole, count).sum(axis=0), 1, rtol=1e-5)
    assert sum(windows) > first


def test_pieces_away_from_a_click_change_only_where_the_model_is_wrong_as_a_whole(
    model, monkeypatch
):
    volume, truth = two_balls()
    empty = np.zeros_like(truth)

    def two_places(region, *, prior=None):
        found = region.labels.copy()
        found[18:23, 14:19] = found[5:9, 40:44] = 1
        return found

    monkeypatch.setattr("napari_medseg.interact.interaction.polish", two_places)

    def asked(doubt, prompt):
        monkeypatch.setattr("napari_medseg.interact.interaction._LOST", doubt)
        interaction = Interaction(volume, model(), InteractConfig(lane="adapt"))
        return interaction.answer(empty, [prompt])

    beside = click(volume, (20, 20), 1)  # two voxels from what changes
    answer = asked(2.0, beside)
    assert answer.labels[20, 16] == 1
    assert not answer.labels[5:9, 40:44].any()
    assert answer.notes == ()
    answer = asked(-1.0, beside)
    assert answer.labels[6, 41] == 1
    assert "places away from this prompt change" in answer.notes[0]
    box = Prompt.drawn(volume, [(14, 10), (26, 22)], 1, kind="box")
    answer = asked(2.0, box)
    assert answer.labels[20, 16] == 1


@pytest.mark.parametrize("lane", ["refine", "adapt", "auto"])
def test_several_new_prompts_hold_together_and_nothing_else_changes(model, lane):
    volume, labels = two_balls()
    labels[labels == 2] = 4
    config = InteractConfig(lane=lane, region_2d=6)
    interaction = Interaction(volume, model(), config)
    places = [((20, 12), 1, True), ((24, 18), 4, True), ((16, 14), 1, False)]
    prompts = [click(volume, at, value, positive=sign, radius=1) for at, value, sign in places]
    answer = interaction.answer(labels, prompts, together=3)
    assert answer.box == union([interaction.region(labels, [prompt]) for prompt in prompts])
    found = labels.copy()
    found[answer.box] = answer.labels
    whole = tuple(slice(0, n) for n in labels.shape)
    assert not seeds_of(prompts, volume, whole, interaction.values).broken(found).any()
