"""How the published programs prepared images, for the cards of imported checkpoints; no torch.

A checkpoint does not say which program trained it, and the programs of one paper differ: what they
did to an image before the network saw it has to be done again.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_medseg.engine.card import Preprocessing

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of red, green, blue
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class PublishedRecipe:
    """One published training program.

    Parameters
    ----------
    architecture : str
        Key in the registry.
    spatial_dims : int
        2 or 3.
    in_channels : int
        Input channels of its networks.
    preprocessing : Preprocessing
        What it does to an image.
    notes : tuple of str
        What is odd about it, or not known.
    """

    architecture: str
    spatial_dims: int
    in_channels: int
    preprocessing: Preprocessing
    notes: tuple[str, ...]


PUBLISHED_RECIPES = {
    "lgmsnet-2d": PublishedRecipe(
        "lgmsnet",
        2,
        3,
        Preprocessing(
            channels=_COLOURS,
            size=(256, 256),
            unit_range=True,
            normalise="fixed",
            # the program reads blue, green, red, standardises with the numbers of red, green,
            # blue, and divides by 255 a second time
            mean=_MEAN[::-1],
            std=tuple(255 * s for s in _STD[::-1]),
            bgr=True,
        ),
        (
            "prepared as main.py does: blue, green, red order, standardised with ImageNet's "
            "numbers and divided by 255 once more; of a checkpoint of main_kvasir.py say "
            "--recipe lgmsnet-kvasir",
        ),
    ),
    "lgmsnet-kvasir": PublishedRecipe(
        "lgmsnet",
        2,
        3,
        Preprocessing(
            channels=_COLOURS,
            size=(256, 256),
            unit_range=True,
            normalise="fixed",
            mean=_MEAN,
            std=_STD,
        ),
        ("prepared as main_kvasir.py does: standardised with ImageNet's numbers",),
    ),
    "lgmsnet-3d": PublishedRecipe(
        "lgmsnet",
        3,
        1,
        Preprocessing(
            modality="CT",
            spacing=(2.0, 1.5, 1.5),
            window=(96, 96, 96),
            clip=(-175.0, 250.0),
            normalise="fixed",
            mean=(-175.0,),
            std=(425.0,),
        ),
        (
            "prepared as main3d.py does: -175 to 250 HU, 1.5 x 1.5 x 2 mm, windows of 96 voxels",
            "the published reader of its volumes is missing: in which order it takes the axes is "
            "not known; if organs are not found, say --axes ras",
        ),
    ),
    "msa2net-synapse": PublishedRecipe(
        "msa2net",
        2,
        3,
        Preprocessing(
            modality="CT",
            size=(224, 224),
            clip=(-125.0, 275.0),
            normalise="fixed",
            mean=(75.0,),
            std=(200.0,),
        ),
        (
            "prepared as for Synapse: slices of -125 to 275 HU, resized to 224 x 224; the "
            "published program resizes with cubic splines, here it is done linearly",
        ),
    ),
    "msa2net-isic": PublishedRecipe(
        "msa2net",
        2,
        3,
        Preprocessing(
            channels=_COLOURS,
            size=(224, 224),
            unit_range=True,
            normalise="fixed",
            mean=(0.5,),
            std=(0.5,),
        ),
        (
            "prepared as pictures of 224 x 224 from -1 to 1: there is no published program for "
            "pictures, the encoder's ImageNet weights expect these values",
        ),
    ),
}

_SYNAPSE_CLASSES = 9  # background and eight organs


def recipe_for(architecture: str, spatial_dims: int, classes: int) -> str:
    """Return the likeliest key of `PUBLISHED_RECIPES` for a checkpoint that does not say."""
    if architecture == "msa2net":
        return "msa2net-synapse" if classes == _SYNAPSE_CLASSES else "msa2net-isic"
    return "lgmsnet-3d" if spatial_dims == 3 else "lgmsnet-2d"
