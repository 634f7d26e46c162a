from __future__ import annotations

import json
from dataclasses import replace

import pytest

from napari_medseg.cli import main
from napari_medseg.engine import zoo
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.zoo import ZooEntry

CARD = ModelCard(
    name="liver",
    architecture="lgmsnet",
    config={"spatial_dims": 3, "in_channels": 2, "num_classes": 3},
    classes=(LabelClass(value=1, name="liver"), LabelClass(value=4, name="tumour")),
    preprocessing=Preprocessing(
        modality="CT",
        channels=("arterial", "venous"),
        spacing=(3.0, 0.75, 0.75),
        window=(32, 64, 64),
    ),
    description="Liver and what grows in it.",
    data="a set of scans",
    scores={"Dice, liver": 0.9512, "cases": 40},
    licence="CC BY 4.0",
)


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Two models: one at hand, one to be downloaded."""
    entry = ZooEntry("liver", tmp_path / "liver.safetensors", CARD, "download")
    flat = CARD.replace(name="polyp", title="Polyps", config={"num_classes": 3}, scores={})
    entries = {"liver": entry, "polyp": replace(entry, name="polyp", card=flat, origin="bundled")}
    monkeypatch.setattr(zoo, "models", lambda: entries)
    return entries


def test_the_columns_line_up_and_a_missing_score_is_a_blank(known, capsys):
    assert main(["models"]) == 0
    liver, polyp = capsys.readouterr().out.splitlines()
    expected = "liver 3D liver, tumour Dice 0.95 download"
    assert " ".join(liver.split()) == expected
    assert polyp.split() == ["polyp", "2D", "Polyps", "bundled"]
    assert liver.index("download") == polyp.index("bundled")


def test_no_models_at_all_is_said(monkeypatch, capsys):
    monkeypatch.setattr(zoo, "models", dict)
    assert main(["models"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "napari-medseg train" in printed.err


def test_the_card_of_a_model_to_be_downloaded_is_shown_without_fetching_it(
    known, capsys, monkeypatch
):
    def fetch(name):
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr(zoo, "_fetch", fetch)
    assert main(["info", "liver"]) == 0
    assert "not downloaded yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "fact",
    [
        "1 = liver, 4 = tumour",
        "volumes (3D), 2 channels (arterial, venous), CT",
        "3 × 0.75 × 0.75 mm",
        "32 × 64 × 64 voxels",
        "Liver and what grows in it.",
        "Dice, liver 0.951, cases 40",
        "CC BY 4.0",
        "research use only",
    ],
)
def test_info_says_what_a_person_must_know(known, capsys, fact):
    main(["info", "liver"])
    assert fact in capsys.readouterr().out


def test_facts_nobody_wrote_down_are_left_out(known, capsys):
    main(["info", "liver"])
    words = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert "parent" not in words
    assert "split" not in words


def test_as_json_it_can_be_read_back(known, capsys):
    main(["info", "liver", "--json"])
    assert ModelCard.from_dict(json.loads(capsys.readouterr().out)) == CARD
