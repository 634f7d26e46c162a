"""What is asked in the background: the newest of a kind, nothing stale, known things again."""

from __future__ import annotations

import threading

import pytest
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
