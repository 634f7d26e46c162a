"""Prompts in files: what was kept is read again, and what is none is said."""

from __future__ import annotations

import json

import pytest

from napari_medseg.interact.prompt_files import accepted_in, read_prompts, told
from napari_medseg.interact.prompts import Prompt

CLICK = Prompt(kind="point", value=2, points=((1.5, -2.0, 3.0),), radius=1.0, time=7.0)
LINE = Prompt(kind="scribble", value=1, points=((0.0, 0.0, 1.0), (4.0, 5.0, 1.0)), positive=False)


def written(path, content):
    path.write_text(json.dumps(content, allow_nan=False), "utf-8")
    return path


def entry(name, *accepted):
    return {"name": name, "carried": {"prompts": told(accepted)} if accepted else {}}


def test_prompts_are_read_from_a_project_and_from_beside_labels(tmp_path):
    accepted = [((0,), (CLICK,)), ((1,), (LINE, CLICK))]
    beside = written(tmp_path / "liver.json", {"program": "x", "prompts": told(accepted)})
    project = {"labels": [entry("other"), entry("liver", *accepted)]}
    assert read_prompts(beside) == [CLICK, LINE, CLICK]
    assert read_prompts(written(tmp_path / "a.medseg.json", project)) == [CLICK, LINE, CLICK]
    plain = written(tmp_path / "list.json", [CLICK.to_dict(), LINE.to_dict()])
    assert read_prompts(plain) == [CLICK, LINE]
    assert accepted_in(json.loads(json.dumps(told(accepted)))) == accepted


def test_of_several_labels_one_has_to_be_named(tmp_path):
    content = {"labels": [entry("liver", ((), (CLICK,))), entry("spleen", ((), (LINE,)))]}
    project = written(tmp_path / "a.medseg.json", content)
    assert read_prompts(project, "spleen") == [LINE]
    with pytest.raises(ValueError, match="prompts of liver, spleen; say which"):
        read_prompts(project)
    with pytest.raises(ValueError, match="no prompts of kidney in a"):
        read_prompts(project, "kidney")


@pytest.mark.parametrize("content", [3, {"labels": [3]}, {"labels": [{"carried": {}}]}, "x"])
def test_a_file_of_something_else_is_named(tmp_path, content):
    with pytest.raises(ValueError, match="no project, not the JSON file beside labels and no list"):
        read_prompts(written(tmp_path / "some.json", content))


def test_a_file_without_or_with_damaged_prompts_is_said(tmp_path):
    with pytest.raises(ValueError, match="there are no prompts in plain"):
        read_prompts(written(tmp_path / "plain.json", {"program": "x"}))
    with pytest.raises(ValueError, match="there are no prompts in empty"):
        read_prompts(written(tmp_path / "empty.json", []))
    with pytest.raises(ValueError, match="damaged"):
        read_prompts(written(tmp_path / "numbers.json", [3]))
    with pytest.raises(ValueError, match="damaged"):
        read_prompts(written(tmp_path / "odd.json", {"prompts": [{"at": [], "prompts": [{}]}]}))
    with pytest.raises(FileNotFoundError):
        read_prompts(tmp_path / "none.json")
