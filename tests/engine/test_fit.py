"""Which model suits an image: dimensions, channels, modality, crops."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.fit import (
    MADE_FOR,
    MAYBE,
    NOT,
    ImageKind,
    best_fit,
    fit,
    modality_of,
    words_of,
)

RGB = ("red", "green", "blue")


def card(name="m", dims=3, channels=1, names=(), modality="", finds="thing", **about):
    config = {"spatial_dims": dims, "in_channels": channels, "num_classes": 2}
    return ModelCard(
        name=name,
        architecture="lgmsnet",
        config=config,
        classes=(LabelClass(value=1, name=finds),),
        preprocessing=Preprocessing(modality=modality, channels=names, **about),
    )


HIPPOCAMPUS = card("hippocampus", modality="MRI T1, cropped", window=(32, 64, 32))
POLYP = card("polyp", 2, 3, RGB, "colonoscopy, RGB", "polyp")
LIVER = card("liver", modality="CT", finds="liver")
TUMOUR = card("tumour", 3, 4, ("T1", "T1c", "T2", "FLAIR"), "MRI")
ABDOMEN = ImageKind((78, 512, 512), (2, 0.7, 0.7), words=words_of("case_017"), modality="CT")
PHOTO = ImageKind((480, 640), colour=True)


@pytest.mark.parametrize(
    ("model", "kind", "says"),
    [
        (LIVER, ImageKind((64, 64)), "works on volumes"),
        (LIVER, PHOTO, "works on volumes"),
        (card(dims=2), PHOTO, "takes a grey image"),
        (POLYP, ImageKind((64, 64)), "takes colour images"),
        (TUMOUR, ImageKind((9, 64, 64)), "needs 4 images of one case (T1, T1c, T2, FLAIR)"),
        (HIPPOCAMPUS, ABDOMEN, "made for MRI T1, cropped; this looks like CT"),
        (LIVER, ImageKind((36, 50, 35), modality="MRI"), "this looks like MRI"),
        (HIPPOCAMPUS, ImageKind((180, 256, 256), modality="MRI"), "crop it first"),
        (
            card(modality="MRI T1"),
            ImageKind((9, 9, 9), words=words_of("case 3 FLAIR"), modality="MRI"),
            "made for T1; this looks like FLAIR",
        ),
        (
            POLYP,
            ImageKind((64, 64), colour=True, words=words_of("dermoscopy"), modality="dermoscopy"),
            "this looks like dermoscopy",
        ),
    ],
)
def test_what_speaks_against_a_model_is_said(model, kind, says):
    judged = fit(model, kind)
    assert judged.level == NOT
    assert says in judged.reason


@pytest.mark.parametrize(
    ("model", "kind", "level"),
    [
        (LIVER, ABDOMEN, MADE_FOR),
        (LIVER, ImageKind((78, 512, 512)), MAYBE),
        (card(), ABDOMEN, MAYBE),
        (card(dims=2), ABDOMEN, MAYBE),
        (POLYP, PHOTO, MAYBE),
        (HIPPOCAMPUS, ImageKind((36, 50, 35), (1, 1, 1)), MAYBE),
        (HIPPOCAMPUS, ImageKind((36, 50, 35), words=words_of("hippocampus_12")), MADE_FOR),
        (TUMOUR, ImageKind((9, 9, 9), beside=4), MAYBE),
        (
            TUMOUR,
            ImageKind((9, 9, 9), beside=4, words=words_of("a T1", "a t1c", "a T2", "a flair")),
            MADE_FOR,
        ),
    ],
)
def test_a_model_fits_the_better_the_more_is_known(model, kind, level):
    assert fit(model, kind).level == level


def test_a_crop_is_measured_in_the_voxels_of_the_model():
    model = card(modality="MRI, cropped", window=(32, 32, 32), spacing=(1.0, 1.0, 1.0))
    fine = ImageKind((200, 200, 200), (0.2, 0.2, 0.2))
    assert fit(model, fine).level == MAYBE
    assert fit(model, ImageKind((200, 200, 200), (1.0, 1.0, 1.0))).level == NOT


def test_a_model_trained_without_some_channels_takes_what_there_is():
    model = card("t", 3, 2, ("T1", "FLAIR"), "MRI")
    alone = ImageKind((9, 9, 9), words=words_of("flair"), modality="MRI")
    assert fit(model, alone).level == NOT
    forgiving = model.replace(config={**model.config, "modality_dropout": 0.3})
    assert fit(forgiving, alone).level != NOT


def test_a_ct_is_not_offered_a_model_of_the_hippocampus():
    models = {"hippocampus": HIPPOCAMPUS, "polyp": POLYP}
    assert best_fit(models, ABDOMEN) is None
    assert best_fit({**models, "liver": LIVER}, ABDOMEN) == "liver"


def test_the_best_is_made_for_it_and_takes_it_as_a_whole():
    models = {"slices": card(dims=2), "any": card(), "liver": LIVER}
    assert best_fit(models, ABDOMEN) == "liver"
    del models["liver"]
    assert best_fit(models, ABDOMEN) == "any"
    assert best_fit({}, ABDOMEN) is None


def test_a_wish_comes_first_unless_it_cannot_be():
    models = {"any": card(), "liver": LIVER, "polyp": POLYP}
    assert best_fit(models, ABDOMEN, "any") == "any"
    assert best_fit(models, ABDOMEN, "polyp") == "liver"
    assert best_fit(models, ABDOMEN, "gone") == "liver"


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("CT", "CT"),
        ("case_3_ct", "CT"),
        ("MRI T1, cropped", "MRI"),
        ("brain · FLAIR", "MRI"),
        ("colonoscopy, RGB", "endoscopy"),
        ("chest X-ray", "X-ray"),
        ("breast ultrasound", "ultrasound"),
        ("section", ""),
        ("facts", ""),
    ],
)
def test_the_modality_is_read_from_whole_words(text, modality):
    assert modality_of(words_of(text)) == modality


@pytest.mark.parametrize(
    ("values", "modality"),
    [
        (np.array([-1000, 40, 300], np.int16), "CT"),
        (np.array([-1000.0, np.nan]), "CT"),
        (np.array([0, 300], np.uint16), ""),
        (np.array([-3.0, 2.0]), ""),
        (np.array([-1e9, 2.0]), ""),
        (np.array([np.nan]), ""),
        (np.array([], float), ""),
    ],
)
def test_only_hounsfield_units_give_a_ct_away(values, modality):
    assert modality_of((), values) == modality
