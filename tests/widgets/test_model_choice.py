"""Which model a viewer starts with, follows its image, and what happens when files change."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.checkpoint import read_card, save_checkpoint
from napari_medseg.session import ChosenModel
from napari_medseg.widgets import model_choice
from napari_medseg.widgets.image_kind import chosen_image, kind_of
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.model_rows import rows_of, sections
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.settings import Preferences


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def colourful():
    return np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)


def _model(viewer):
    model = session_of(viewer).model
    return None if model is None else model.card.name


def _ct():
    return np.full((8, 20, 20), -1000, np.int16)


def test_without_an_image_nothing_is_proposed(viewer, models):
    assert model_choice_of(viewer).hint() == ""
    assert _model(viewer) is None


def test_a_model_that_fits_is_proposed_and_follows_the_image(viewer, models, colourful):
    model_choice_of(viewer)
    viewer.add_image(colourful, rgb=True)
    assert _model(viewer) == "tiny-colour"
    viewer.add_image(np.zeros((5, 6, 7)), name="volume")
    assert _model(viewer) == "tiny-volume"
    viewer.layers.selection.active = viewer.layers[0]
    assert _model(viewer) == "tiny-colour"


def test_the_image_of_the_session_comes_before_the_selected_one(viewer, models, colourful):
    viewer.add_image(np.zeros((5, 6, 7)), name="volume")
    viewer.add_image(colourful, rgb=True, name="photo")
    model_choice_of(viewer)
    assert _model(viewer) == "tiny-colour"
    session_of(viewer).images = ("volume",)
    assert _model(viewer) == "tiny-volume"
    session_of(viewer).images = ("gone",)
    assert _model(viewer) == "tiny-colour"


def test_a_ct_is_not_offered_a_model_of_the_brain(viewer, models):
    for path in models.iterdir():
        path.unlink()
    _put(models, "head", "MRI T1, cropped")
    choice = model_choice_of(viewer)
    viewer.add_image(_ct(), name="case_017")
    assert _model(viewer) is None
    assert "No model here was made for images like case_017" in choice.hint()
    assert "this looks like CT" in choice.rows[0].tip
    _put(models, "liver", "CT")
    choice.refresh()
    assert _model(viewer) == "liver"
    assert choice.hint() == ""


def _put(folder, name, modality):
    import torch

    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.networks import create_network

    torch.manual_seed(0)
    network = create_network(
        "lgmsnet", spatial_dims=3, in_channels=1, num_classes=2, widths=(4, 4, 4, 4, 4)
    )
    card = ModelCard(
        name=name,
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="it"),),
        preprocessing=Preprocessing(modality=modality),
    )
    save_checkpoint(folder / f"{name}.safetensors", network, card)


def test_a_persons_choice_stays_whatever_image_comes(viewer, models, colourful):
    choice = model_choice_of(viewer)
    choice.open(models / "tiny-volume.safetensors")
    viewer.add_image(colourful, rgb=True, name="photo")
    assert _model(viewer) == "tiny-volume"
    assert "may not suit photo" in choice.hint()


def test_a_choice_made_elsewhere_counts_as_a_persons(viewer, models, colourful):
    model_choice_of(viewer)
    path = models / "tiny-grey.safetensors"
    session_of(viewer).model = ChosenModel(path, read_card(path))
    viewer.add_image(colourful, rgb=True)
    assert _model(viewer) == "tiny-grey"


def test_confirming_the_proposal_makes_it_a_persons_choice(viewer, models, colourful):
    choice = model_choice_of(viewer)
    viewer.add_image(np.zeros((5, 6, 7)))
    choice.choose(session_of(viewer).model)
    viewer.add_image(colourful, rgb=True)
    assert _model(viewer) == "tiny-volume"


def test_the_model_of_the_settings_is_proposed_even_without_an_image(
    viewer, models, monkeypatch, colourful
):
    wished = Preferences(default_model="tiny-brain")
    monkeypatch.setattr(model_choice, "preferences", lambda: wished)
    model_choice_of(viewer)
    assert _model(viewer) == "tiny-brain"
    viewer.add_image(colourful, rgb=True)  # it cannot be used on this one
    assert _model(viewer) == "tiny-colour"


def test_a_wish_for_a_model_that_is_not_there_is_said(viewer, models, monkeypatch, notices):
    wished = Preferences(default_model="not here at all")
    monkeypatch.setattr(model_choice, "preferences", lambda: wished)
    model_choice_of(viewer)
    assert "no model 'not here at all'" in notices[-1].message
    assert _model(viewer) is None


def test_models_in_the_data_folder_are_listed(viewer, models, monkeypatch, tmp_path):
    folder = tmp_path / "Daten"
    folder.mkdir()
    (models / "tiny-grey.safetensors").rename(folder / "dort.safetensors")
    settings = Preferences(data_directory=str(folder))
    monkeypatch.setattr(model_choice, "preferences", lambda: settings)
    rows = {row.name: row.origin_words for row in model_choice_of(viewer).rows}
    assert rows["dort"] == "data folder"
    assert rows["tiny-volume"] == "yours"


def test_an_opened_file_that_is_deleted_is_said_and_let_go_of(viewer, models, tmp_path):
    path = tmp_path / "opened.safetensors"
    (models / "tiny-grey.safetensors").rename(path)
    choice = model_choice_of(viewer)
    choice.open(path)
    path.unlink()
    choice.refresh()
    assert _model(viewer) is None
    assert "opened.safetensors is gone" in choice.hint()
    assert next(row for row in choice.rows if row.path == path).reason
    choice.take_off(path)
    assert choice.hint() == ""
    assert path not in [row.path for row in choice.rows]


def test_a_lost_model_is_not_replaced_behind_ones_back(viewer, models):
    choice = model_choice_of(viewer)
    choice.open(models / "tiny-grey.safetensors")
    (models / "tiny-grey.safetensors").unlink()
    viewer.add_image(np.zeros((5, 6)), name="slice")
    assert _model(viewer) is None
    choice.take_another()
    assert choice.lost is None
    assert "No model here was made for images like slice" in choice.hint()


def test_every_viewer_has_its_own_choice_and_it_dies_with_the_viewer(models):
    import gc
    import weakref

    one, two = ViewerModel(), ViewerModel()
    assert model_choice_of(one) is model_choice_of(one)
    assert model_choice_of(one) is not model_choice_of(two)
    gone = weakref.ref(model_choice_of(one))
    del one
    gc.collect()
    assert gone() is None


def test_images_of_one_case_are_counted_and_named(viewer):
    first = viewer.add_image(np.zeros((4, 5, 6)), name="case · T1")
    viewer.add_image(np.zeros((4, 5, 6)), name="case · FLAIR")
    viewer.add_image(np.zeros((9, 5, 6)), name="other case")
    viewer.add_labels(np.zeros((4, 5, 6), int))
    kind = kind_of(first, viewer)
    assert kind.beside == 2
    assert {"t1", "flair"} <= kind.words
    assert "other" not in kind.words
    assert kind.modality == "MRI"


def test_a_grey_picture_stored_in_colour_is_grey(viewer, colourful):
    grey = viewer.add_image(np.repeat(colourful[..., :1], 3, axis=-1), rgb=True)
    photo = viewer.add_image(colourful, rgb=True)
    assert not kind_of(grey, viewer).colour
    assert kind_of(photo, viewer).colour


def test_values_that_would_have_to_be_computed_are_not_looked_at(viewer):
    import dask.array

    lazy = viewer.add_image(dask.array.full((4, 8, 8), -1000, dtype=np.int16), name="lazy")
    assert kind_of(lazy, viewer).modality == ""
    real = viewer.add_image(_ct(), name="real")
    assert kind_of(real, viewer).modality == "CT"


def test_the_newest_image_is_meant_where_none_is_selected(viewer):
    viewer.add_image(np.zeros((5, 6)), name="old")
    new = viewer.add_image(np.zeros((5, 6)), name="new")
    viewer.add_labels(np.zeros((5, 6), int))
    assert chosen_image(viewer) is new
    assert chosen_image(viewer, ("old",)).name == "old"
    viewer.layers.clear()
    assert chosen_image(viewer) is None


def test_headings_say_for_which_image_and_are_left_out_where_all_fit(models):
    from napari_medseg.engine.fit import ImageKind
    from napari_medseg.engine.zoo import survey

    rows = rows_of(*survey(), (), None)
    assert [section.heading for section in sections(rows, "")] == [""]
    assert [row.title for row in sections(rows, "")[0].rows] == sorted(row.title for row in rows)
    judged = rows_of(*survey(), (), ImageKind((4, 5, 6)))
    assert [section.heading for section in sections(judged, "x")] == ["For x", "Not for x"]
    grey = [row for row in judged if row.name == "tiny-grey"]
    assert [section.heading for section in sections(grey, "x")] == [""]
