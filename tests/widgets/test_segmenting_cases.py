"""A model goes through a folder of cases: what it writes, what it leaves alone, how it stops."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.io import read_labels, read_volume, write_image
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume
from napari_medseg.widgets.segmenting_cases import (
    CaseJob,
    CasesOutcome,
    CasesRequest,
    in_order,
    segment_cases,
)
from napari_medseg.worklist import Worklist
from napari_medseg.worklist_file import State

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def segmenter(made_models):
    from napari_medseg.engine.segmenter import Segmenter

    return Segmenter.load(made_models / "tiny-grey.safetensors")


@pytest.fixture
def worklist(tmp_path):
    rng = np.random.default_rng(1)
    for name in NAMES:
        array = rng.integers(0, 255, (1, 24, 20)).astype(np.uint8)
        write_image(tmp_path / "study" / f"{name}.png", Volume(array, (1.0, 1.0)))
    return Worklist.open(tmp_path / "study")


def request_for(worklist, segmenter, names=NAMES, **job):
    jobs = tuple(
        CaseJob(worklist.case(n), worklist.labels_path(n), worklist.record(n), **job) for n in names
    )
    path = segmenter_path(segmenter)
    return CasesRequest(path, "cpu", jobs, worklist.labels_folder, segmenter=segmenter)


def segmenter_path(segmenter):
    from pathlib import Path

    return Path(f"{segmenter.card.name}.safetensors")


def run(request, report=lambda step: None):
    answers = []
    return answers, segment_cases(request, answers.append, report)


def contents(folder):
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def label_contents(worklist):
    return {k: v for k, v in contents(worklist.labels_folder).items() if k.endswith(".png")}


def test_every_case_gets_its_labels_and_its_state(worklist, segmenter):
    before = contents(worklist.folder)
    answers, outcome = run(request_for(worklist, segmenter))
    assert outcome == CasesOutcome(done=3)
    assert [a.name for a in answers] == list(NAMES)
    again = Worklist.open(worklist.folder)
    for answer in answers:
        expected = segmenter.segment(read_volume(worklist.case(answer.name).images)).labels
        np.testing.assert_array_equal(answer.labels, expected)
        saved = read_labels(again.labels_path(answer.name))
        np.testing.assert_array_equal(saved.array[0], expected)
        assert again.record(answer.name).state is State.SEGMENTED
        assert again.record(answer.name).written == answer.written
        beside = json.loads(again.labels_path(answer.name).with_suffix(".json").read_text())
        assert beside["model"] == "tiny-grey"
    assert contents(worklist.folder) == before


def test_the_way_is_told_in_cases_with_the_time_left(worklist, segmenter):
    steps = []
    run(request_for(worklist, segmenter), steps.append)
    notes = [step.note for step in steps]
    assert "case 1 of 3 · reading a" in notes
    assert "case 1 of 3 · window 1 of 1" in notes
    assert any(
        n.startswith("case 3 of 3 · window 1 of 1 · ") and n.endswith(" left") for n in notes
    )
    done = [step.done / step.total for step in steps]
    assert done == sorted(done)
    assert done[-1] <= 1


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_cancelled_run_goes_on_where_it_stopped(worklist, segmenter, at, tmp_path):
    def stop(step):
        if f"case {at + 1} of 3 · window" in step.note:
            raise Cancelled

    answers = []
    with pytest.raises(Cancelled):
        segment_cases(request_for(worklist, segmenter), answers.append, stop)
    assert [a.name for a in answers] == list(NAMES[:at])
    again = Worklist.open(worklist.folder)
    rest = [c.name for c in again.cases if again.state_of(c.name) is State.NEW]
    assert rest == list(NAMES[at:])
    run(request_for(again, segmenter, rest))
    resumed = label_contents(worklist)
    other = Worklist.open(worklist.folder, tmp_path / "uninterrupted")
    run(request_for(other, segmenter))
    assert resumed == label_contents(other)
    assert len(resumed) == 3


def test_a_case_that_cannot_be_read_does_not_stop_the_others(worklist, segmenter):
    (worklist.folder / "b.png").write_bytes(b"\x89PNG cut off")
    answers, outcome = run(request_for(worklist, segmenter))
    assert outcome == CasesOutcome(done=2, failed=1)
    assert "cut off or damaged" in answers[1].failure
    assert answers[1].labels is None
    again = Worklist.open(worklist.folder)
    assert [again.state_of(n) for n in NAMES] == ["segmented", "new", "segmented"]


@pytest.mark.parametrize("state", [State.IN_WORK, State.DONE, State.DOUBTFUL])
def test_a_case_somebody_took_meanwhile_is_left_alone(worklist, segmenter, state):
    request = request_for(worklist, segmenter)
    worklist.set_state("b", state)
    _, outcome = run(request)
    assert outcome == CasesOutcome(done=2, left_alone=1)
    assert worklist.saved_labels("b") is None
    assert Worklist.open(worklist.folder).state_of("b") is state


def test_a_case_somebody_took_while_it_was_computed_is_left_alone(worklist, segmenter):
    def take(step):
        if "case 2 of 3 · window" in step.note:
            worklist.set_state("b", State.IN_WORK)

    _, outcome = run(request_for(worklist, segmenter), take)
    assert outcome == CasesOutcome(done=2, left_alone=1)
    assert not worklist.labels_path("b").exists()


def test_labels_that_are_there_are_never_overwritten(worklist, segmenter):
    request = request_for(worklist, segmenter)
    worklist.labels_folder.mkdir()
    worklist.labels_path("b").write_bytes(b"somebody's")
    before = contents(worklist.labels_folder)
    _, outcome = run(request)
    assert outcome == CasesOutcome(done=2, left_alone=1)
    assert before.items() <= contents(worklist.labels_folder).items()


def test_what_is_replaced_on_demand_is_kept(worklist, segmenter):
    run(request_for(worklist, segmenter))
    worklist.labels_path("b").write_bytes(b"somebody's")
    worklist.set_state("b", State.DONE, note="fine")
    _, outcome = run(request_for(worklist, segmenter, ["b"], replace=True))
    assert outcome == CasesOutcome(done=1)
    worklist.refresh()
    record = worklist.record("b")
    assert (record.state, record.note) == (State.SEGMENTED, "fine")
    (kept,) = (worklist.labels_folder / "earlier").glob("*.png")
    assert kept.read_bytes() == b"somebody's"


def test_a_disk_that_takes_no_labels_ends_the_run(worklist, segmenter):
    request = request_for(worklist, segmenter)
    worklist.labels_folder.touch()  # a file where the folder should be
    with pytest.raises(OSError, match="choose another folder"):
        run(request)


def test_killed_between_two_cases_nothing_is_lost(worklist, segmenter):
    """The process ends without a chance to tidy up, as at a power cut."""

    class PowerCut(BaseException):
        pass

    def cut(step):
        if step.note.startswith("case 2 of 3 · window"):
            raise PowerCut

    with pytest.raises(PowerCut):
        run(request_for(worklist, segmenter), cut)
    again = Worklist.open(worklist.folder)
    assert [again.state_of(n) for n in NAMES] == ["segmented", "new", "new"]


def test_images_are_given_in_the_order_the_model_wants():
    card = ModelCard(
        name="brain",
        architecture="lgmsnet",
        config={"in_channels": 2, "num_classes": 2, "spatial_dims": 3},
        classes=(LabelClass(value=1, name="tumour"),),
        preprocessing=Preprocessing(channels=("T1", "FLAIR")),
    )
    array = np.stack([np.full((2, 2, 2), n) for n in range(3)])
    volume = Volume(array, (1.0, 1.0, 1.0), channels=("flair", "t1", "t2"))
    ordered = in_order(volume, card)
    assert ordered.channels == ("t1", "flair")
    assert [int(values.max()) for values in ordered.array] == [1, 0]
    unknown = Volume(array, (1.0, 1.0, 1.0), channels=("x", "y", "z"))
    assert in_order(unknown, card) is unknown
