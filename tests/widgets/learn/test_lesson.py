"""A run of learning on disk: what it learns from."""

from __future__ import annotations

from napari_medseg.widgets.learn.lesson import files_learnt_from, run_folder


def test_without_a_run_nothing_is_learnt_from(tmp_path):
    project = tmp_path / "study.medseg.json"
    assert files_learnt_from(project) is None
    folder = run_folder(project) / "cases.medseg-cases"
    folder.mkdir(parents=True)
    assert files_learnt_from(project) == frozenset()
    (folder / "cases.json").write_text("{ torn", "utf-8")
    assert not files_learnt_from(project)
