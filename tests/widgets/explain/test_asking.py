"""What is asked in the background: the newest of a kind, nothing stale, known things again."""

from __future__ import annotations

import threading
from typing import ClassVar

import pytest
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.progress import Step
from napari_medseg.widgets.explain.asking import Asking, Wish


@pytest.fixture
def asking(qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    asking = Asking(owner)
    asking.owner, asking.told = owner, []  # Qt keeps no widget alive
    asking.answered.connect(lambda wish, found: asking.told.append((wish.about, found)))
    return asking


def answers(value, gate=None):
    def work(known, report):
        while gate is not None and not gate.wait(0.01):
            report(Step(0, 0))
        return value, (known, value)

    return work


def test_a_newer_wish_takes_the_place_of_an_older_one(qtbot, asking):
    never, begun = threading.Event(), []
    asking.changed.connect(lambda: begun.append(asking.wants("show")))
    asking.ask(Wish("show", answers(1, never), "old"))
    asking.ask(Wish("show", answers(2, never), "newer"))
    asking.ask(Wish("show", answers(3), "newest"))
    asking.ask(Wish("why", answers(4), "why"))
    qtbot.waitUntil(lambda: not asking.busy)
    assert asking.told == [("newest", (None, 3)), ("why", (3, 4))]  # knows what came before
    assert asking.known == 4
    assert begun[0]
    assert not begun[-1]


def test_what_is_dropped_is_stopped_and_nothing_of_it_is_told(qtbot, asking):
    never = threading.Event()
    asking.ask(Wish("show", answers(1, never), "dropped"))
    asking.ask(Wish("why", answers(2), "stays"))
    asking.drop("show")
    qtbot.waitUntil(lambda: not asking.busy)
    assert [about for about, _ in asking.told] == ["stays"]
    asking.ask(Wish("show", answers(1, never)))
    asking.clear()
    qtbot.waitUntil(lambda: not asking.busy)
    assert asking.known is None
    assert len(asking.told) == 1


def test_an_error_is_told_in_words_and_the_next_is_computed(qtbot, asking, notices):
    def fails(known, report):
        raise ValueError("the layer is not there; choose another one")

    failed = []
    asking.failed.connect(lambda wish, error: failed.append((wish.kind, str(error))))
    asking.ask(Wish("show", fails, by_hand=True))
    asking.ask(Wish("why", answers(1), "why"))
    qtbot.waitUntil(lambda: not asking.busy)
    assert failed == [("show", "the layer is not there; choose another one")]
    assert [about for about, _ in asking.told] == ["why"]
    assert "choose another" in notices[-1].message


@pytest.mark.parametrize("ends", ["answered", "failed"])
def test_as_soon_as_one_is_told_nobody_waits_for_it_and_it_can_be_asked_again(
    qtbot, asking, ends, notices
):
    waited, work = [], (lambda known, report: 1 / 0) if ends == "failed" else answers(1)

    def again(wish, _found):
        waited.append(asking.wants(wish.kind))
        if len(waited) == 1:
            asking.ask(Wish("list", work))

    getattr(asking, ends).connect(again)
    asking.ask(Wish("list", work))
    qtbot.waitUntil(lambda: not asking.busy)
    assert waited == [False, False]


def saves(path):
    return Wish(f"save {path}", lambda known, report: (None, path), stays=True)


def test_what_is_saved_is_saved_whatever_else_is_forgotten_and_changes_nothing_that_is_known(
    qtbot, asking
):
    asking.ask(Wish("show", answers(1), "shown"))
    qtbot.waitUntil(lambda: not asking.busy)
    asking.ask(saves("before.csv"))
    qtbot.waitUntil(lambda: not asking.busy)
    assert asking.known == 1
    never = threading.Event()
    asking.ask(Wish("show", answers(2, never), "dropped"))
    asking.ask(saves("map.tif"))
    asking.ask(saves("map.csv"))
    asking.ask(Wish("why", answers(3), "dropped, too"))
    asking.clear()  # another model
    qtbot.waitUntil(lambda: not asking.busy)
    told = [found for _, found in asking.told]
    assert told == [(None, 1), "before.csv", "map.tif", "map.csv"]
    assert asking.known is None


def test_what_nobody_pressed_a_button_for_fails_without_a_notice(qtbot, asking, notices):
    def fails(known, report):
        raise ValueError("the class is nowhere here")

    failed = []
    asking.failed.connect(lambda wish, error: failed.append((str(error), len(notices))))
    asking.known = 7
    for by_hand in (False, True):
        asking.ask(Wish("show", fails, by_hand=by_hand))
        qtbot.waitUntil(lambda: not asking.busy)
    assert [said for said, _ in failed] == ["the class is nowhere here"] * 2
    assert failed[0][1] == 0
    assert len(notices) == 1
    assert asking.known == 7
    assert asking.told == []


class ByHand(QObject):
    """Stands in for a task: a test says when it gives something back, and when it has ended."""

    progressed, returned, errored = Signal(object), Signal(object), Signal(object)
    finished = Signal()
    made: ClassVar[list[ByHand]] = []

    def __init__(self, work):
        super().__init__()
        self.work, self.stopped = work, False

    def start(self):
        self.made.append(self)

    def quit(self):
        self.stopped = True

    def give(self):
        self.returned.emit(self.work(report=lambda step: None))


@pytest.fixture
def tasks(monkeypatch):
    """The tasks that were started, oldest first, each driven by hand."""
    monkeypatch.setattr(ByHand, "made", [])
    monkeypatch.setattr("napari_medseg.widgets.explain.asking.Task", ByHand)
    return ByHand.made


def test_between_an_answer_and_the_end_of_its_task_nothing_else_is_begun(asking, tasks):
    asking.ask(Wish("show", answers(1), "first"))
    tasks[0].give()
    asking.ask(Wish("show", answers(2), "second"))
    assert asking.wants("show")
    assert len(tasks) == 1
    assert not tasks[0].stopped  # it has answered: there is nothing to stop
    tasks[0].finished.emit()
    assert len(tasks) == 2
    tasks[1].give()
    tasks[1].finished.emit()
    assert asking.told == [("first", (None, 1)), ("second", (1, 2))]
    assert not asking.busy


def test_an_answer_on_its_way_when_it_is_dropped_is_told_to_nobody(asking, tasks):
    asking.ask(Wish("show", answers(1), "old"))
    asking.ask(Wish("show", answers(2), "new"))
    assert tasks[0].stopped
    tasks[0].progressed.emit(Step(0, 3))
    tasks[0].give()  # it had answered before it heard of it
    assert asking.told == []
    assert asking.known is None
    tasks[0].finished.emit()
    asking.clear()  # another model, while the new one answers
    tasks[1].give()
    tasks[1].finished.emit()
    assert asking.told == []
    assert asking.known is None
    assert not asking.busy


def test_how_far_it_is_is_told_of_what_is_waited_for_only(asking, tasks):
    told = []
    asking.progressed.connect(told.append)
    asking.ask(Wish("show", answers(1)))
    tasks[0].progressed.emit(Step(0, 3))
    asking.drop("show")
    tasks[0].progressed.emit(Step(1, 3))
    assert told == [Step(0, 3)]


def test_an_error_on_its_way_when_it_is_dropped_is_told_to_nobody(asking, tasks):
    failed = []
    asking.failed.connect(lambda wish, error: failed.append(wish.about))
    asking.ask(Wish("show", answers(1), "old", by_hand=True))
    asking.drop("show")
    tasks[0].errored.emit(ValueError("the layer is not there"))
    tasks[0].finished.emit()
    assert failed == []


def test_once_the_panel_is_gone_nothing_more_is_begun(qtbot, tasks):
    owner = QWidget()
    asking = Asking(owner)
    asking.ask(Wish("show", answers(1)))
    asking.ask(Wish("why", answers(2)))
    asking.ask(saves("map.tif"))
    owner.deleteLater()
    with qtbot.waitSignal(owner.destroyed):
        pass
    assert tasks[0].stopped
    tasks[0].finished.emit()
    assert len(tasks) == 1
