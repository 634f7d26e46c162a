"""Prompts that were kept give again what they gave."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_medseg import interact
from napari_medseg.interact.interaction import Interaction
from napari_medseg.interact.prompts import Prompt
from napari_medseg.interact.replaying import replay
from napari_medseg.interact.robot import next_prompt
from napari_medseg.volume import Volume


@pytest.fixture
def disc():
    """A bright disc on a dark ground, and where it is."""
    rows, columns = np.mgrid[:48, :56]
    truth = (np.hypot(rows - 22, columns - 30) < 11).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 4, truth.shape)
    return Volume((100 + 60 * truth + noise).astype(np.float32)[None], (1.0, 1.0)), truth


def test_prompts_read_from_a_file_give_what_they_gave_one_by_one(disc):
    volume, truth = disc
    labels, prompts = np.zeros_like(truth), []
    interaction = Interaction(volume)
    for _ in range(3):
        prompt = next_prompt(truth, labels, volume)
        if prompt is None:
            break
        prompts.append(prompt)
        answer = interaction.answer(labels, prompts)
        labels[answer.box] = answer.labels
    text = json.dumps([prompt.to_dict() for prompt in prompts])
    again = replay(volume, [Prompt.from_dict(told) for told in json.loads(text)])
    np.testing.assert_array_equal(again, labels)
    assert again.any()


def test_prompts_that_were_answered_together_are_so_again(disc):
    volume, truth = disc
    empty = np.zeros_like(truth)
    first = Prompt.drawn(volume, [(22, 26)], 1).replace(with_next=True)
    against = Prompt.drawn(volume, [(22, 33)], 1, positive=False)
    answer = Interaction(volume).answer(empty, [first, against], together=2)
    labels = empty.copy()
    labels[answer.box] = answer.labels
    np.testing.assert_array_equal(replay(volume, [first, against]), labels)
    assert labels[22, 26] == 1
    assert labels[22, 33] == 0
    alone = replay(volume, [first.replace(with_next=False), against])
    assert (alone != labels).any()
    last = replay(volume, [first])  # the next one was taken out
    np.testing.assert_array_equal(last, replay(volume, [first.replace(with_next=False)]))


def test_labels_to_start_from_stay_as_they_are_and_so_do_locked_classes(disc):
    volume, truth = disc
    labels = np.zeros(truth.shape, np.int32)
    labels[:, 30:] = 7
    before = labels.copy()
    prompt = Prompt.drawn(volume, [(22, 30)], 1)
    answer = replay(volume, [prompt], labels=labels, locked=(7,))
    np.testing.assert_array_equal(labels, before)
    assert answer.dtype == labels.dtype
    np.testing.assert_array_equal(answer[labels == 7], 7)


def test_the_names_of_interact_are_there_when_they_are_used():
    assert interact.replay is replay
    assert interact.Prompt is Prompt
    assert set(interact.__all__) <= set(dir(interact))
    with pytest.raises(AttributeError, match="no attribute 'click'"):
        interact.click  # noqa: B018
