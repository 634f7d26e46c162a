"""Larger answers as turns: what they may change, and how deep a drawn box reaches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_medseg.interact import propagate as carrying
from napari_medseg.interact import region
from napari_medseg.interact.prompts import Prompt
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact import regions
from napari_medseg.widgets.interact.question import Ground, Question
from napari_medseg.widgets.interact.regions import carry_on, segment_here

VOLUME = Volume(np.zeros((1, 20, 30, 30), np.float32), (2.0, 1.0, 1.0))


def question(labels, **what):
    ground = Ground("key", (VOLUME,))
    return Question(ground, None, labels, (), (), (), **what)


def model(values=(0, 1, 2), segmenter=True):
    return SimpleNamespace(volume=VOLUME, values=values, segmenter=object() if segmenter else None)


@pytest.fixture
def found(monkeypatch):
    """Let the model find class 1 everywhere it is asked; return where that was."""
    asked = []

    def box_of(_segmenter, _volume, box, report=None):
        asked.append(box)
        shape = [s.stop - s.start for s in box]
        return region.RegionAnswer(box, np.ones(shape, np.uint8), ("a note",))

    def at(_segmenter, _volume, index, report=None):
        asked.append(tuple(index))
        sides = zip(index, VOLUME.shape, strict=True)
        box = tuple(slice(max(i - 2, 0), min(i + 3, n)) for i, n in sides)
        labels = np.zeros([s.stop - s.start for s in box], np.uint8)
        labels[tuple(slice(1, n - 1) for n in labels.shape)] = 1
        return region.RegionAnswer(box, labels)

    monkeypatch.setattr(region, "segment_box", box_of)
    monkeypatch.setattr(region, "segment_at", at)
    return asked


def drawn(kind, *points, axis=0):
    return Prompt.drawn(VOLUME, points, 1, kind=kind, axis=axis)


def test_a_box_on_a_slice_reaches_as_far_across_as_it_is_wide(found):
    box = drawn("box", (10, 5, 5), (10, 14, 12))
    (turn,) = segment_here(box, question(np.zeros(VOLUME.shape, np.uint8)), model(), None)
    assert found == [np.s_[8:13, 5:15, 5:13]]  # 10 mm wide, slices of 2 mm: 2 or 3 to each side
    assert turn.notes == ("a note",)
    assert turn.box == found[0]
    edge = drawn("box", (0, 0, 0), (0, 29, 29))
    list(segment_here(edge, question(np.zeros(VOLUME.shape, np.uint8)), model(), None))
    assert found[-1][0] == slice(0, 9)


def test_in_a_box_the_model_s_classes_are_replaced_and_others_stay(found):
    labels = np.zeros(VOLUME.shape, np.uint8)
    labels[:, :, :8], labels[:, :, 8:10] = 7, 2
    painted = np.s_[9:10, 6:8, 11:12], np.ones((1, 2, 1), bool)
    asked = question(labels, locked=frozenset({2}), painted=painted)
    box = drawn("box", (10, 5, 5), (10, 14, 12))
    (turn,) = segment_here(box, asked, model(), None)
    after = labels.copy()
    turn.write(after, (0, 0, 0))
    assert (after[8:13, 5:15, 8:10] == 2).all()  # locked
    assert (after[9, 6:8, 11] == 0).all()  # a person's
    assert (after[10, 5:15, 12] == 1).all()
    assert (after[8:13, 5:15, 5:8] == 1).all()  # the model is sure of its class
    outside = np.ones(VOLUME.shape, bool)
    outside[found[0]] = False
    np.testing.assert_array_equal(after[outside], labels[outside])


def test_around_a_click_only_the_object_is_added(found):
    labels = np.full(VOLUME.shape, 2, np.uint8)
    (turn,) = segment_here(drawn("point", (10, 15, 15)), question(labels), model(), None)
    after = labels.copy()
    turn.write(after, (0, 0, 0))
    assert (after == 1).sum() == 27
    assert (after == 0).sum() == 0
    assert found == [(10, 15, 15)]
    list(segment_here(drawn("point", (25, 40, -9)), question(labels), model(), None))
    assert found[-1] == (19, 29, 0)


def test_without_a_model_it_is_said_in_words(found):
    with pytest.raises(ValueError, match="a model is needed"):
        list(
            segment_here(
                drawn("point", (1, 1, 1)),
                question(np.zeros(VOLUME.shape, np.uint8)),
                model(segmenter=False),
                None,
            )
        )


def test_a_slice_that_is_carried_on_says_how_far_and_why_it_ended(monkeypatch):
    seen = {}

    def stand_in(labels, volume, index, axis, **what):
        seen.update(what, index=index, axis=axis)
        box = np.s_[4:8, 0:30, 0:30]
        return carrying.Propagated(
            box, np.ones((4, 30, 30), np.uint8), 4, 7, ("the image ends there", "")
        )

    monkeypatch.setattr(carrying, "propagate", stand_in)
    painted = np.s_[5:6, 0:2, 0:2], np.ones((1, 2, 2), bool)
    labels = np.zeros(VOLUME.shape, np.uint8)
    asked = question(labels, painted=painted, locked=frozenset({3}))
    (turn,) = carry_on(5, 0, 1, asked, model(), None)
    assert turn.notes == ("Slices 4 to 7. The image ends there.",)
    assert (seen["index"], seen["axis"], seen["value"]) == (5, 0, 1)
    assert seen["locked"] == {3}
    assert not seen["may_change"][5, :2, :2].any()
    assert seen["may_change"].sum() == labels.size - 4
    assert turn.prompts == ()
    assert regions.overlaid(labels, [turn])[4:8].all()
