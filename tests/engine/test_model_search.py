"""Search that forgives."""

from __future__ import annotations

import pytest

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.model_search import folded, matches, search_text

CARD = ModelCard(
    name="leber-läsion-2",
    architecture="lgmsnet",
    config={"spatial_dims": 3, "in_channels": 1, "num_classes": 2},
    classes=(LabelClass(value=1, name="Läsion"),),
    preprocessing=Preprocessing(modality="CT", channels=("portal venous",)),
    title="Leberläsionen",
    data="Universitätsklinikum Tübingen, École de médecine, X-ray as well",
    licence="CC BY 4.0",
)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "   ",
        "ct",
        "3d CT",
        "CT 3D",
        "laesion",
        "läsion",
        "LASION",
        "ecole medecine",
        "Tuebingen",
        "xray",
        "x-ray",
        "portal leber",
        "leberlas",
        "cc by",
    ],
)
def test_words_are_found_in_any_order_case_and_spelling(asked):
    assert matches(asked, search_text(CARD))


@pytest.mark.parametrize("asked", ["mri", "ct mri", "2d", "leber niere"])
def test_every_word_must_be_there(asked):
    assert not matches(asked, search_text(CARD))


def test_more_words_can_be_searched_for():
    assert not matches("yours", search_text(CARD))
    assert matches("yours", search_text(CARD, "yours"))


@pytest.mark.parametrize("text", ["Läsion", "LAESION", "lasion", "la-sion"])
def test_spellings_of_one_word_are_folded_to_one(text):
    assert folded(text) == "lasion"
