"""What the thread that learns tells, and the previews it is asked for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_medseg.engine.card import LabelClass
from napari_medseg.progress import Cancelled, Step, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.learn import points
from napari_medseg.widgets.learn.points import Feed, Look

CLASSES = (LabelClass(value=1, name="blob"),)


def progress(done, **values):
    told = dict.fromkeys(("supervised", "distilled", "validation", "guard", "seconds_left"))
    return SimpleNamespace(stage="learning", done=done, total=9, **{**told, **values})


@pytest.fixture
def feed(qapp, monkeypatch):
    monkeypatch.setattr(points, "_BETWEEN_LOOKS", 0.0)
    made = Feed()
    made._pause = 0.0
    return made


@pytest.fixture
def told(feed):
    seen = []
    feed.points.connect(seen.extend)
    return seen


def test_points_come_in_order_and_none_is_lost(feed, told):
    for step in range(5):
        feed.note(progress(step, supervised=0.5 - step / 10))
    assert len(told) < 5  # not a message for every step
    feed.flush()
    feed.flush()
    assert [point.step for point in told] == [0, 1, 2, 3, 4]
    assert told[4].values == {"corrections": pytest.approx(0.1)}
    assert told[4].steps == 9


def test_each_number_has_its_curve(feed, told):
    feed.note(progress(3, supervised=0.3, distilled=0.2, validation=0.8, guard=0.9))
    [point] = told
    assert list(point.values.values()) == [0.3, 0.2, 0.8, 0.9]
    assert sum(name.startswith("Dice") for name in point.values) == 2


def test_the_line_of_a_training_is_read(feed, told):
    feed.note_line(Step(4, 20, "step", "round 2 of 10 · loss 0.412 · Dice 0.713 (best 0.720)"))
    [point] = told
    assert point.stage == "round 2 of 10"
    assert point.values == {"corrections": 0.412, "Dice, held out": 0.713}


class Candidate:
    card = SimpleNamespace(classes=CLASSES)

    def __init__(self, failure=None):
        self.failure, self.boxes = failure, []

    def segment(self, volume, *, report, box):
        report(Step(0, 1, "window"))
        self.boxes.append(box)
        if self.failure is not None:
            raise self.failure
        return SimpleNamespace(labels=np.ones(volume.shape, np.uint8))


def look(key="here"):
    return Look(key, (Volume(np.zeros((1, 4, 5), np.float32), (1, 1)),), None)


def test_the_slice_one_looks_at_is_previewed_when_it_is_time(feed, monkeypatch):
    seen, candidate = [], Candidate()
    feed.glimpsed.connect(seen.append)
    feed.preview(lambda: candidate, silent)
    assert not candidate.boxes  # nobody asked
    feed.wanted = look()
    feed.preview(lambda: candidate, silent)
    assert (seen[0].key, seen[0].classes, seen[0].labels.sum()) == ("here", CLASSES, 20)
    feed._pause = 1000.0
    feed.preview(lambda: candidate, silent)
    assert len(candidate.boxes) == 1


def test_a_preview_that_fails_is_given_up_and_one_that_is_cancelled_ends_the_run(feed):
    feed.wanted = look()
    feed.preview(lambda: Candidate(ValueError("2D only")), silent)
    assert feed.wanted is None

    def stop(_step):
        raise Cancelled

    feed.wanted = look()
    with pytest.raises(Cancelled):
        feed.preview(Candidate, stop)
