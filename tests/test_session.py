"""What the panels of a viewer share."""

from __future__ import annotations

import os

import pytest

from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.session import ChosenModel, LoadedModel, Session, written_at


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"weights")
    card = ModelCard(
        name="m",
        architecture="lgmsnet",
        config={"num_classes": 2},
        classes=(LabelClass(value=1, name="lesion"),),
    )
    return ChosenModel(path, card)


def _loaded(model, device="auto"):
    return LoadedModel(model.path, device, object(), written_at(model.path))


def test_every_field_tells_of_its_changes(model):
    session, seen = Session(), []
    session.events.model.connect(lambda new: seen.append(new))
    session.model = model
    session.model = model
    assert seen == [model]


def test_a_model_in_memory_is_ready_for_its_device_only(model):
    session = Session(model=model, loaded=_loaded(model))
    assert session.ready_segmenter is session.loaded.segmenter
    session.device = "cpu"
    assert session.ready_segmenter is None
    session.device = "auto"
    session.model = None
    assert session.ready_segmenter is None


def test_a_file_that_was_replaced_is_read_again(model):
    session = Session(model=model, loaded=_loaded(model))
    os.utime(model.path, ns=(1, 1))
    assert session.ready_segmenter is None


def test_a_model_is_called_by_its_title_or_its_name(model):
    assert model.title == "m"
    titled = ChosenModel(model.path, model.card.replace(title="Lesions"))
    assert titled.title == "Lesions"
