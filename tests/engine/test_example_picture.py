"""The example picture of a card."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.example_picture import SAMPLE_KINDS, example_picture, fitting_sample
from napari_medseg.progress import Cancelled
from napari_medseg.samples import SAMPLES

RGB = ("red", "green", "blue")


def card(name, dims, channels, classes, modality="", names=()):
    return ModelCard(
        name=name,
        architecture="lgmsnet",
        config={
            "spatial_dims": dims,
            "in_channels": channels,
            "num_classes": len(classes) + 1,
        },
        classes=tuple(
            LabelClass(value=v, name=n, colour=c) for v, (n, c) in enumerate(classes, start=1)
        ),
        preprocessing=Preprocessing(modality=modality, channels=names),
    )


HIPPOCAMPUS = card(
    "hippocampus", 3, 1, [("anterior", "#ff0000"), ("posterior", "#00ff00")], "MRI T1"
)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_known_of_a_sample_is_what_it_is(name):
    phantom, kind = SAMPLES[name].make(), SAMPLE_KINDS[name]
    assert (kind.dims, kind.channels) == (phantom.volume.spatial_dims, phantom.volume.channels)
    assert kind.classes == tuple(title for _, title, _ in phantom.classes)


@pytest.mark.parametrize(
    ("model", "sample"),
    [
        (HIPPOCAMPUS, "hippocampus"),
        (card("polyps", 2, 3, [("polyp", "#ff0000")], "colonoscopy", RGB), "colonoscopy"),
        (card("isic", 2, 3, [("lesion", "#ff0000")], "dermoscopy", RGB), "dermoscopy"),
        (card("busi", 2, 1, [("lesion", "#ff0000")], "breast ultrasound"), "ultrasound"),
        (card("a", 3, 1, [("liver", "#ff0000"), ("spleen", "#00ff00")], "CT"), "ct"),
        (
            card("b", 3, 4, [("oedema", "#ff0000")], "MRI", ("T1", "T1c", "T2", "FLAIR")),
            "brain_mri",
        ),
        (card("fundus", 2, 3, [("vessel", "#ff0000")], "fundus", RGB), None),
        (card("heart", 3, 1, [("left ventricle", "#ff0000")], "MRI"), None),
        (card("polyps", 3, 1, [("polyp", "#ff0000")], "CT colonography"), None),
        (card("x", 2, 1, [("x", "#ff0000")]), None),
    ],
)
def test_a_model_gets_the_sample_it_was_made_for_or_none(model, sample):
    assert fitting_sample(model) == sample


def test_the_picture_shows_the_exact_outline_in_the_colours_of_the_card():
    picture = example_picture(HIPPOCAMPUS)
    phantom = SAMPLES["hippocampus"].make()
    red = (picture.pixels == (255, 0, 0)).all(-1)
    green = (picture.pixels == (0, 255, 0)).all(-1)
    assert red.any()
    assert green.any()
    matches = [
        (slab[red] == 1).all() and (slab[green] == 2).all() and (slab != 0).sum() >= red.sum()
        for slab in phantom.labels
    ]
    assert any(matches)
    assert picture.aspect == 1.0
    assert "phantom" in picture.caption


def test_only_what_the_model_finds_is_drawn():
    model = card("kidneys", 3, 1, [("left kidney", "#ff0000"), ("right kidney", "#0000ff")], "CT")
    picture = example_picture(model)
    left = (picture.pixels == (255, 0, 0)).all(-1)
    right = (picture.pixels == (0, 0, 255)).all(-1)
    assert left.any()
    assert right.any()
    columns = [np.nonzero(mask)[1].mean() for mask in (right, left)]
    assert columns[0] < columns[1]  # the patient's right is on the left of the picture


def test_no_picture_is_drawn_of_what_a_phantom_does_not_hold():
    assert example_picture(card("pancreas", 3, 1, [("pancreas", "#ff0000")], "CT abdomen")) is None


def test_drawing_can_be_cancelled():
    def stop(_step):
        raise Cancelled

    with pytest.raises(Cancelled):
        example_picture(HIPPOCAMPUS, stop)
