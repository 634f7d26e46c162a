"""The models that come with the package: small enough, described, and they find the phantoms."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine import zoo
from napari_medseg.engine.metrics import dice
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.samples import SAMPLES

FILES = sorted(zoo._BUNDLED.glob("*.safetensors"))
FOUND = {  # sample and the least Dice of its classes
    "breast-lesion-gladnet": ("ultrasound", 0.85),
    "hippocampus-lgmsnet": ("hippocampus", 0.7),
    "hippocampus-msd-kmamba": ("hippocampus", 0.7),
    "polyp-lgmsnet": ("colonoscopy", 0.8),
}


def test_together_they_stay_below_40_megabytes():
    assert sum(file.stat().st_size for file in FILES) < 40e6
    assert {file.stem for file in FILES} == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_card_says_what_a_person_must_know(name):
    card = zoo.models()[name].card
    assert card.name == name
    for said in ("title", "description", "data", "split", "licence", "reproduce", "created"):
        assert getattr(card, said), said
    assert any(score.startswith("test Dice") for score in card.scores)
    assert card.preprocessing.modality


@pytest.mark.parametrize("name", FOUND)
def test_it_finds_what_is_in_the_phantom(name):
    sample, least = FOUND[name]
    phantom = SAMPLES[sample].make()
    labels = Segmenter.load(zoo.find_model(name), device="cpu").segment(phantom.volume).labels
    for value, title, _ in phantom.classes:
        assert dice(labels == value, np.asarray(phantom.labels) == value) >= least, title
