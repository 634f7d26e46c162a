"""What does not go together is said before a run, with what differs and by how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.misfit import doubt, misfit

VALUES = np.random.default_rng(0).normal(100, 20, (6, 8, 10))


def model(dims=3, channels=1, names=(), modality=""):
    card = ModelCard(
        name="m",
        title="The model",
        architecture="lgmsnet",
        config={"spatial_dims": dims, "in_channels": channels, "num_classes": 2},
        classes=(LabelClass(value=1, name="lesion"),),
        preprocessing=Preprocessing(channels=names, modality=modality),
    )
    return ChosenModel(Path("m.safetensors"), card)


def scan(name="t1", values=VALUES, **place):
    return Image(values, name=name, **{"scale": (2, 1, 1), "units": "mm", **place})


def photo(pixels=None):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3)) if pixels is None else pixels
    return Image(pixels.astype(np.uint8), name="photo", rgb=True)


def test_what_fits_is_not_talked_about():
    assert misfit(model(), [scan()]) == ""
    assert misfit(model(2), [scan()]) == ""
    assert misfit(model(3, 2), [scan(), scan("flair")]) == ""
    assert misfit(model(2, 3, ("red", "green", "blue")), [photo()]) == ""


def test_a_volume_model_and_a_2d_image():
    assert misfit(model(), [Image(VALUES[0], name="slice 12")]) == (
        "The model works on volumes; the layer 'slice 12' is a 2D image. "
        "Choose a 2D model or a volume."
    )


def test_one_image_for_a_model_of_two():
    said = misfit(model(3, 2, ("FLAIR", "T1")), [scan()])
    assert said.startswith("The model expects 2 channels (FLAIR, T1); the layer 't1' has one")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"values": VALUES[:4]}, "'flair' has 10×8×4 voxels and 't1' has 10×8×6"),
        ({"scale": (1, 1, 1)}, "'flair' has voxels of 1×1×1 mm and 't1' of 1×1×2 mm"),
        ({"translate": (0, 0, 12)}, "'flair' lies up to 12 mm away from 't1'"),
        ({"translate": (0, 3, 4)}, "'flair' lies up to 5 mm away from 't1'"),
    ],
)
def test_images_that_do_not_lie_on_each_other(other, said):
    assert misfit(model(3, 2), [scan(), scan("flair", **other)]).startswith(said)


def test_a_shift_below_half_a_voxel_is_none():
    assert misfit(model(3, 2), [scan(), scan("flair", translate=(0, 0.2, 0.2))]) == ""


def test_layers_without_a_spacing_are_compared_on_the_canvas():
    first, second = Image(VALUES, name="a"), Image(VALUES, name="b", translate=(0, 0, 7))
    assert "'b' lies up to 7 pixels away from 'a'" in misfit(model(3, 2), [first, second])


def test_a_picture_in_colour_for_a_grey_model_is_refused_and_a_grey_one_is_not():
    assert "the layer 'photo' has red, green and blue" in misfit(model(2), [photo()])
    grey = np.repeat(np.random.default_rng(0).integers(0, 255, (20, 30, 1)), 3, axis=-1)
    assert misfit(model(2), [photo(grey)]) == ""


def test_a_grey_picture_for_a_model_of_colours_is_fine():
    assert misfit(model(2, 3, ("red", "green", "blue")), [scan()]) == ""


@pytest.mark.parametrize(
    ("modality", "values", "said"),
    [
        ("MRI T1", VALUES - 1100, "made for MRI T1; this looks like CT"),
        ("CT", VALUES - 1100, ""),
        ("CT", VALUES, ""),  # nothing says what it is
    ],
)
def test_another_modality_is_doubted(modality, values, said):
    found = doubt(model(modality=modality).card, [scan("scan", values.astype(np.int16))])
    assert said in found
    assert bool(found) == bool(said)


def test_grey_or_colour_is_never_doubted():
    grey = Image(VALUES[0], name="scan")
    assert doubt(model(2, 3, ("red", "green", "blue")).card, [grey]) == ""
    assert doubt(model(2).card, [grey]) == ""
    assert doubt(model(2).card, [photo()]) == ""
