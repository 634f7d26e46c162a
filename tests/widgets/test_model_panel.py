"""The Model panel: list, search, card, files that are no models, devices."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.headline import headline_score
from napari_medseg.widgets.model_words import card_page, one_line, what_it_finds


def _card(**fields):
    return ModelCard(
        **{
            "name": "liver-3d",
            "architecture": "lgmsnet",
            "config": {"spatial_dims": 3, "in_channels": 1, "num_classes": 2},
            "classes": (LabelClass(value=1, name="liver"),),
            "preprocessing": Preprocessing(modality="CT", spacing=(2.0, 1.0, 1.0)),
            **fields,
        }
    )


def _names(panel):
    items = [panel.list.item(row) for row in range(panel.list.count())]
    return [item.text().split("\n")[0] for item in items if not item.isHidden()]


def test_a_model_is_one_line_of_what_it_finds_and_needs():
    assert one_line(_card(scores={"Dice, liver": 0.934})) == "liver · 3D · CT · Dice 0.93"


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, ""),
        ({"HD95, liver": 3.0}, ""),
        ({"Dice, a": 0.8, "Dice, b": 0.9}, "Dice 0.85"),
        ({"Dice, a": 0.8, "Dice, b": 0.9, "Dice, mean": 0.86}, "Dice 0.86"),
        ({"validation Dice, a": 0.7}, "validation Dice 0.70"),
        ({"validation Dice, a": 0.7, "test Dice": {"mean": 0.6}}, "Dice 0.60"),
    ],
)
def test_a_held_out_score_comes_before_a_validation_score(scores, words):
    assert headline_score(_card(scores=scores)) == words


def test_many_classes_are_counted():
    classes = tuple(LabelClass(value=v, name=f"organ {v}") for v in range(1, 7))
    card = _card(classes=classes, config={"spatial_dims": 3, "num_classes": 7})
    assert what_it_finds(card) == "organ 1, organ 2, organ 3, organ 4 and 2 more"


def test_the_card_shows_what_a_person_must_know_and_no_markup_of_strangers(tmp_path):
    page = card_page(_card(description="<img src=x> finds livers", data="a & b"), tmp_path / "m")
    assert "research use" in page
    assert "2×1×1 mm" in page
    assert "<img" not in page
    assert "a &amp; b" in page


def test_search_finds_by_any_word_of_the_line(workbench):
    workbench.models.search.setText("3d posterior")
    assert _names(workbench.models) == ["tiny-volume"]
    workbench.models.search.setText("")
    assert {"tiny-volume", "tiny-grey"} <= set(_names(workbench.models))


def test_a_chosen_model_shows_its_card(workbench, choose_model):
    choose_model(workbench, "tiny-brain")
    assert workbench.session.model.card.name == "tiny-brain"
    text = workbench.models.card.text()
    assert "FLAIR, T1" in text
    assert "tiny-brain.safetensors" in text
    assert "tiny brain" in workbench.strip.model.whole()


def test_a_new_model_in_the_folder_is_listed_and_the_choice_stays(workbench, models, choose_model):
    choose_model(workbench, "tiny-grey")
    (models / "copy.safetensors").write_bytes((models / "tiny-grey.safetensors").read_bytes())
    workbench.models.refresh()
    assert "copy" in _names(workbench.models)
    assert workbench.models.list.currentItem().text().startswith("tiny-grey")


def test_open_takes_a_file_from_anywhere(workbench, made_models, monkeypatch, tmp_path):
    elsewhere = tmp_path / "from a colleague.safetensors"
    elsewhere.write_bytes((made_models / "tiny-grey.safetensors").read_bytes())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(elsewhere), ""))
    workbench.models.open_button.click()
    assert workbench.session.model.path == elsewhere
    assert "from a colleague" in _names(workbench.models)
    workbench.models.refresh()
    assert "from a colleague" in _names(workbench.models)


@pytest.mark.parametrize("content", [b"", b"not a model at all", None])
def test_a_file_that_is_no_model_is_said_and_the_choice_stays(
    workbench, models, notices, monkeypatch, tmp_path, choose_model, content
):
    choose_model(workbench, "tiny-grey")
    bad = tmp_path / "bad.safetensors"
    whole = (models / "tiny-grey.safetensors").read_bytes()
    bad.write_bytes(whole[: len(whole) // 2] if content is None else content)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(bad), ""))
    workbench.models.open_button.click()
    assert "bad.safetensors" in notices[-1].message
    assert workbench.session.model.card.name == "tiny-grey"


def test_the_device_is_the_session_s(workbench):
    device = workbench.models.device
    device.setCurrentIndex(device.findData("cpu"))
    device.activated.emit(device.currentIndex())
    assert workbench.session.device == "cpu"
    assert "CPU" in workbench.strip.model.whole()
