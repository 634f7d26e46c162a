"""A run of learning on disk: what it says while it scores, and what it learns from."""

from __future__ import annotations

from napari_medseg.progress import Step
from napari_medseg.widgets.learn.lesson import _in_place, files_learnt_from, run_folder


def test_scoring_is_told_by_cases_where_the_run_is_and_not_by_windows():
    said = []
    tell = _in_place(said.append)
    tell(Step(0, 2, "case", "preparing"))
    tell(Step(40, 120, "step", "without case 1 of 3 · loss 0.3"))
    for case in range(2):
        tell(Step(case, 2, "case"))
        tell(Step(11, 25, "window"))
    tell(Step(41, 120, "step", "learning"))
    assert said[0] == Step(0, 2, "case", "preparing")
    assert {(s.done, s.total, s.unit) for s in said[1:6]} == {(40, 120, "step")}
    assert said[2].note == said[3].note == "without case 1 of 3 · scoring case 1 of 2"
    assert said[5].note == "without case 1 of 3 · scoring case 2 of 2"
    assert said[6].note == "learning"


def test_without_a_run_nothing_is_learnt_from(tmp_path):
    project = tmp_path / "study.medseg.json"
    assert files_learnt_from(project) is None
    folder = run_folder(project) / "cases.medseg-cases"
    folder.mkdir(parents=True)
    assert files_learnt_from(project) == frozenset()
    (folder / "cases.json").write_text("{ torn", "utf-8")
    assert not files_learnt_from(project)
