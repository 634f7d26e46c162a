"""The report of a fine-tuning: everything in it, nothing of where files lie, whole or not there."""

import csv
import json
import math
from dataclasses import replace

import pytest

from napari_medseg.effort import Effort
from napari_medseg.engine import finetune_report
from napari_medseg.engine.finetune_report import page, save_report
from napari_medseg.engine.segmenter import Segmenter

ROUNDS = [Effort(0, 2, 3000, 0, 0.0), Effort(1, 4, 1000, 8, 6.0)]


@pytest.fixture
def tuned(tuned_from, tiny_2d):
    return tuned_from(Segmenter.load(tiny_2d, "cpu"))


def test_the_page_holds_verdict_cases_sweep_effort_and_recipe_but_no_path(tuned, tiny_2d):
    hostile = replace(tuned.cases[0], name="<img src=x>")
    text = page(replace(tuned, cases=(hostile, *tuned.cases[1:])), 0.5, ROUNDS)
    assert "Better on 3 cases" in text
    assert "expect somewhat less on new images" in text
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text
    for words in ("patient 1", "guard 0", "A note for people.", "1,500", "learning_rate"):
        assert words in text
    assert str(tiny_2d.parent) not in text
    assert "was not measured" not in text
    assert "was not measured" in page(tuned, 0.55)
    assert "Work for a case" not in page(tuned, 0.5)


def test_table_and_everything_say_the_same_numbers(tuned, tmp_path):
    table = save_report(tuned, tmp_path / "a.csv", alpha=1.0)
    whole = save_report(tuned, tmp_path / "a.json", alpha=1.0, effort=ROUNDS)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    content = json.loads(whole.read_text("utf-8"))
    assert [float(r["dice_after"]) for r in rows] == [c["dice_after"] for c in content["cases"]]
    assert [r["kind"] for r in rows] == ["not learnt from"] * 3 + ["knew before"]
    assert [c["hd95_unit"] for c in content["cases"]] == ["mm"] * 3 + ["px"]
    assert content["verdict"]["outcome"] == "better"
    assert content["effort"][1]["prompts"] == 8
    assert [row["alpha"] for row in content["sweep"]] == list(tuned.config.alphas)
    assert content["parent"]["sha256"] == tuned.teacher.sha256


def test_what_is_not_a_number_stays_out_of_json(tuned, tmp_path):
    odd = replace(tuned, curves=(("final", [{"step": 0, "supervised": math.nan}]),))
    content = json.loads(save_report(odd, tmp_path / "a.json").read_text("utf-8"))
    assert content["curves"][0]["steps"] == [{"step": 0, "supervised": None}]


def test_another_ending_is_refused_and_a_failure_leaves_the_old_file(tuned, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="choose one of these endings"):
        save_report(tuned, tmp_path / "a.pdf")
    path = tmp_path / "a.html"
    path.write_text("before", "utf-8")

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(finetune_report, "page", full)
    with pytest.raises(OSError, match="no space"):
        save_report(tuned, path)
    assert path.read_text("utf-8") == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]


def test_effort_is_told_for_a_case():
    assert ROUNDS[1].per_case() == (250, 2, 1.5)
    assert ROUNDS[0].cells() == ("0", "2", "1,500", "–", "–")
    assert Effort(0, 0, 0, 0, 0.0).per_case() == (0, 0, 0)
