"""Computing answers apart from any viewer: what they see, what may change, what goes wrong."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.interact.prompts import Prompt
from napari_medseg.progress import Cancelled, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.answering import answers, met, readied, run
from napari_medseg.widgets.interact.question import Ground, Known, Question
from napari_medseg.widgets.interact.turns import Turn, overlaid

VOLUME = Volume(np.zeros((1, 30, 40), np.float32), (1.0, 1.0))
GROUND = Ground("key", (VOLUME,))


def click(*place, **what):
    return Prompt.drawn(VOLUME, [place], 1, **what)


def ask(labels=None, new=(), **what):
    labels = np.zeros(VOLUME.shape, np.uint8) if labels is None else labels
    defaults = {"ground": GROUND, "known": None, "turns": (), "earlier": ()}
    return Question(labels=labels, new=tuple(new), **{**defaults, **what})


def test_each_answer_sees_what_came_of_those_before(balls):
    erased = Prompt.drawn(VOLUME, [(10, 12), (10, 12)], 1, kind="box", positive=False)
    reply = run(answers, ask(new=[click(10, 10), erased]))
    assert reply.reason == ""
    assert [turn.notes for turn in reply.turns] == [("1 prompts",), ("2 prompts",)]
    assert [len(turn.prompts) for turn in reply.turns] == [1, 1]
    shown = overlaid(np.zeros(VOLUME.shape, np.uint8), reply.turns)
    assert shown[10, 8] == 1
    assert shown[10, 10] == 0
    assert reply.turns[1].before.all()  # it takes back from the first


def test_clicks_side_by_side_have_one_answer_and_say_so_and_others_have_their_own(balls):
    near = [click(10, 10), click(10, 12, positive=False)]
    reply = run(answers, ask(new=[*near, click(10, 30)]))
    assert [turn.notes for turn in reply.turns] == [("2 prompts",), ("3 prompts",)]
    flags = [[prompt.with_next for prompt in turn.prompts] for turn in reply.turns]
    assert flags == [[True, False], [False]]
    assert balls.answers == 2
    shown = overlaid(np.zeros(VOLUME.shape, np.uint8), reply.turns)
    assert (shown[10, 8], shown[10, 10], shown[10, 30]) == (1, 0, 1)
    box = Prompt.drawn(VOLUME, [(9, 9), (11, 11)], 1, kind="box")
    locked = Prompt.drawn(VOLUME, [(10, 11)], 2)
    reply = run(answers, ask(new=[near[0], box, near[0], locked, near[0]], locked=frozenset([2])))
    assert [len(turn.prompts) for turn in reply.turns] == [1] * 5


def test_earlier_prompts_and_answers_that_are_not_accepted_count(balls):
    first = run(answers, ask(new=[click(10, 10)]))
    again = ask(
        new=[click(10, 12, positive=False)],
        known=first.known,
        turns=first.turns,
        earlier=[click(3, 3), *first.turns[0].prompts],
    )
    reply = run(answers, again)
    assert reply.known is first.known
    assert balls.made == 1
    (prompts, _, may_change) = reply.known.interaction.asked[-1]
    assert len(prompts) == 3
    assert may_change is None
    assert reply.turns[0].box == np.s_[7:14, 9:14]  # only what the first answer had filled


def test_another_image_or_model_is_met_anew(balls):
    first = run(answers, ask(new=[click(10, 10)]))
    other = Ground("another", (VOLUME,))
    assert run(answers, ask(ground=other, known=first.known, new=[click(1, 1)])).known.key == (
        "another"
    )
    assert balls.made == 2


def test_pieces_a_person_painted_are_open_only_where_the_prompt_touches_them(balls):
    mask = np.zeros((6, 20), bool)
    mask[1:3, 1:4] = mask[1:3, 10:13] = True  # two pieces
    reply = run(answers, ask(new=[click(9, 9)], painted=(np.s_[8:14, 6:26], mask)))
    _, _, free = reply.known.interaction.asked[-1]
    assert free[9:11, 7:10].all()  # the one under the click
    reply = run(answers, ask(new=[click(12, 9)], painted=(np.s_[8:14, 6:26], mask)))
    _, _, free = reply.known.interaction.asked[-1]
    assert not free[9:11, 7:10].any()
    assert free[12, 9]
    reply = run(answers, ask(new=[click(28, 38)], painted=(np.s_[8:14, 6:26], mask)))
    assert reply.known.interaction.asked[-1][2] is None  # too far away to matter


def test_what_goes_wrong_is_a_sentence_and_what_was_answered_stays(balls):
    outside = click(99, 99)
    reply = run(answers, ask(new=[click(10, 10), outside, click(20, 20)]))
    assert len(reply.turns) == 1
    assert "outside of the image" in reply.reason
    assert reply.reason[0].isupper()
    balls.error = KeyError("a bug is no sentence for people")
    with pytest.raises(KeyError):
        run(answers, ask(new=[click(10, 10)]))


def test_a_model_that_cannot_be_read_is_said_when_it_is_needed_not_before(balls, tmp_path):
    gone = Ground("gone", (VOLUME,), model=tmp_path / "gone.safetensors")
    assert met(gone).known is None
    reply = run(answers, ask(ground=gone, new=[click(10, 10)]))
    assert reply.known is None
    assert reply.turns == ()
    assert "gone.safetensors" in reply.reason


def test_making_ready_can_be_stopped_and_its_failures_keep_silent(balls):
    known = met(GROUND).known
    assert readied(known, (15.0, 20.0)).known is known
    assert balls.readied == np.s_[12:19, 17:24]

    def stop(_step):
        raise Cancelled

    with pytest.raises(Cancelled):
        readied(known, (), stop)

    class Broken:
        volume = VOLUME

        def prepare(self, report=silent):
            raise ValueError("no")

    broken = Known("key", Broken())
    assert readied(broken, (1.0, 1.0)).known is broken


def test_a_turn_holds_no_more_than_what_changes():
    before = np.zeros((10, 10), np.uint8)
    after = before.copy()
    after[4:6, 3:8] = 2
    turn = Turn.of((), np.s_[20:30, 30:40], before, after)
    assert turn.box == np.s_[24:26, 33:38]
    assert turn.changes
    assert not Turn.of((), np.s_[20:30, 30:40], before, before).changes
    packed = turn.packed()
    for one in (turn, packed):
        part = np.zeros((8, 8), np.uint8)
        one.write(part, (22, 32))
        assert (part == 2).sum() == 10
        far = np.zeros((4, 4), np.uint8)
        one.write(far, (0, 0))
        assert not far.any()
