"""Minutes of work: strokes count, pauses and answers of a model do not."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.effort import WorkClock
from napari_medseg.widgets.learn import effort_watch
from napari_medseg.widgets.painted import painted_of


def test_time_between_acts_counts_but_a_long_pause_does_not():
    clock = WorkClock()
    for now in (100.0, 110.0, 130.0, 1000.0, 1060.0):
        clock.note(now)
    assert clock.seconds == 30 + 60


def test_strokes_and_undo_are_work_and_answers_are_not(monkeypatch):
    times = iter(range(0, 1000, 30))
    monkeypatch.setattr(effort_watch.time, "monotonic", lambda: next(times))
    viewer = ViewerModel()
    first = viewer.add_labels(np.zeros((8, 8), np.uint8))
    effort_watch.follow(viewer)
    effort_watch.follow(viewer)
    later = viewer.add_labels(np.zeros((8, 8), np.uint8))
    assert effort_watch.minutes_of(first) == 0
    first.fill((0, 0), 1)
    painted_of(later).write_answer(np.ones((8, 8), np.uint8), "Segment: model")
    first.fill((0, 0), 2)
    first.undo()
    assert effort_watch.minutes_of(first) == pytest.approx(1.0)
    assert effort_watch.minutes_of(later) == 0
