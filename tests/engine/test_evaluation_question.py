"""What is asked of a case, what is answered, and how answers are put together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_files import row
from napari_medseg.engine.evaluation_question import OtherGrid, Question
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.io import write_labels
from napari_medseg.volume import Volume

SHAPE = (3, 6, 8)
FILES = ("out/a.nii", "labelsTr/a.nii")


def labels(value=1, shape=SHAPE, spacing=(2.0, 1.0, 1.0), known=True, shift=0) -> Volume:
    array = np.zeros((1, *shape), np.uint8)
    array[0, 1, 1:4, 2:5] = value
    volume = Volume(array, spacing, spacing_known=known)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * shift
    return Volume(array, spacing, affine, spacing_known=known)


def question(classes=None, resample=False, lesions=None) -> Question:
    return Question(classes, 1.0, lesions, resample)


def ask(asked, prediction=None, truth=None, name="a"):
    return asked.ask(name, prediction or labels(), truth or labels(), FILES)


def gathered(asked, *answers) -> Evaluation:
    return asked.gathered(list(answers), {}, "", ("out", "labelsTr"))


def test_a_case_is_answered_with_its_unit_and_its_classes():
    answer = ask(question())
    assert (answer.unit, answer.dims, answer.voxels) == ("mm", 3, int(np.prod(SHAPE)))
    assert answer.scores[1].dice == 1
    assert answer.values == {1}
    assert ask(question(), truth=labels(known=False)).unit == "px"


def test_another_grid_is_an_error_that_tells_a_window_what_and_a_terminal_what_to_do():
    with pytest.raises(OtherGrid) as caught:
        ask(question(), labels(shift=2))
    assert "out/a.nii does not lie on the grid of its truth labelsTr/a.nii" in caught.value.words
    assert str(caught.value).endswith("put it onto that grid (--resample, or resample=True)")
    assert "--resample" not in caught.value.words


def test_another_grid_is_taken_when_it_is_asked_for_and_said():
    moved = labels(shift=2)
    answer = ask(question(resample=True), moved)
    assert answer.resampled
    assert answer.scores[1].dice == pytest.approx(1 / 3)  # two of three columns away
    assert gathered(question(), answer).resampled == ("a",)
    assert not ask(question(resample=True)).resampled


def test_a_class_that_one_case_lacks_is_empty_there():
    first, second = ask(question()), ask(question(), labels(4), labels(4), "b")
    found = gathered(question(), first, second)
    assert [(c.case, c.value) for c in found.cases] == [("a", 1), ("a", 4), ("b", 1), ("b", 4)]
    assert found.cases[1].scores.counts.empty == "both"
    assert found.cases[1].scores.counts.tn == first.voxels
    assert found.classes == {1: "class 1", 4: "class 4"}


def test_only_the_classes_asked_for_are_scored_and_the_others_are_named():
    asked = question({1: "liver", 9: "cyst"})
    found = gathered(asked, ask(asked, labels(1), labels(4)))
    assert found.classes == {1: "liver", 9: "cyst"}
    assert found.unscored == (4,)
    assert found.empty(9) == {"both": 1, "prediction": 0, "truth": 0}


def test_names_given_win_over_those_found():
    asked = question({1: "liver"})
    answer = ask(asked)
    found = asked.gathered([answer], {1: "hepar", 2: "x"}, "dataset.json", ("a", "b"))
    assert found.classes == {1: "liver"}
    assert found.unknown == ()
    found = question().gathered([answer], {2: "x"}, "dataset.json", ("a", "b"))
    assert (found.unknown, found.named_by) == ((1,), "dataset.json")


def test_background_alone_is_nothing_to_score_unless_classes_are_named():
    empty = labels(0)
    with pytest.raises(ValueError, match="neither out nor labelsTr has anything but background"):
        gathered(question(), ask(question(), empty, empty))
    asked = question([3])
    assert gathered(asked, ask(asked, empty, empty)).mean("dice") == 1


def test_a_question_that_makes_no_sense_is_refused_before_anything_is_read():
    with pytest.raises(ValueError, match="0 is the background"):
        Question([0, 1], 1.0, None, False)
    with pytest.raises(ValueError, match="at least 0 mm"):
        Question(None, float("nan"), None, False)


def test_files_are_kept_with_their_case_and_not_in_what_is_written(tmp_path):
    paths = [tmp_path / "secret" / name for name in ("p.nii.gz", "t.nii.gz")]
    for path in paths:
        write_labels(path, labels().array[0], like=labels())
    asked = question(lesions=LesionRule())
    found = gathered(asked, asked.ask_files("a", *paths))
    assert (found.cases[0].prediction, found.cases[0].truth) == tuple(paths)
    bare = found.without_paths()
    assert (bare.cases[0].prediction, bare.cases[0].truth) == (Path("p.nii.gz"), Path("t.nii.gz"))
    bare.write_json(tmp_path / "e.json")
    assert "secret" not in (tmp_path / "e.json").read_text()
    assert Evaluation.from_json(tmp_path / "e.json") == bare


@pytest.mark.parametrize("lesions", [None, LesionRule(iou=0.5)])
def test_what_was_written_as_json_is_read_to_the_last_bit(tmp_path, lesions):
    asked = question(lesions=lesions)
    answers = [
        ask(asked),
        ask(asked, labels(0), name="b"),
        ask(asked, labels(2), labels(7, known=False), name="c é\n,"),
    ]
    found = gathered(asked, *answers)
    found.write_json(tmp_path / "e.json")
    json.loads((tmp_path / "e.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert repr(Evaluation.from_json(tmp_path / "e.json")) == repr(found)  # NaN is not itself


def test_a_row_is_flat_and_leaves_out_what_has_no_value():
    asked = question(lesions=LesionRule())
    found = gathered(asked, ask(asked, labels(0), labels(1)))
    flat = row(found.cases[0], found.metrics)
    assert flat["empty"] == "prediction"
    assert (flat["lesion_dice"], flat["lesions_missed"], flat["dice"]) == (None, 1, 0.0)
    assert isinstance(flat["lesions_missed"], int)
    assert flat["fn"] == 9
    assert not any(isinstance(value, dict | list | tuple) for value in flat.values())
