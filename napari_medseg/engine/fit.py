"""Whether a model was made for such an image: dimensions, channels, modality; without torch.

What an image shows is read from what there is: the names of layers and channels, and the values.
It is a guess that keeps a model of the hippocampus away from an abdomen, not a diagnosis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.channels import can_do_without, expects_colour

NOT, MAYBE, MADE_FOR = 0, 1, 2

_MODALITIES = {
    "CT": ("ct", "cbct", "cect", "ncct", "angioct"),
    "MRI": ("mri", "mr", "dwi", "adc", "swi"),
    "ultrasound": ("ultrasound", "sonography", "echo", "echocardiography"),
    "endoscopy": ("endoscopy", "colonoscopy", "gastroscopy", "laparoscopy"),
    "dermoscopy": ("dermoscopy", "dermatoscopy", "dermoscopic"),
    "fundus": ("fundus", "retinal", "retina"),
    "histology": ("histology", "histopathology", "pathology", "microscopy"),
    "X-ray": ("xray", "radiograph", "radiography", "cxr", "mammography", "mammogram"),
    "PET": ("pet", "suv"),
    "OCT": ("oct",),
}
_CONTRASTS = {
    "T1": ("t1", "t1w", "mprage"),
    "T1 with contrast agent": ("t1c", "t1ce", "t1gd", "t1post"),
    "T2": ("t2", "t2w"),
    "FLAIR": ("flair", "t2flair", "t2f"),
}
_GENERAL = {"model", "image", "images", "volume", "volumes", "case", "scan", "labels", "segment"}
_SHORT = 4  # letters: "left" or "mask" says nothing, "liver" does
_AIR = -500  # below it only air is found, and only in Hounsfield units
_LARGER = 3  # a crop is never so many windows long


@dataclass(frozen=True)
class ImageKind:
    """What is known of an image one wants to segment.

    Parameters
    ----------
    shape : tuple of int
        ``*S``, two or three axes.
    spacing : tuple of float or None
        mm along each axis; None if the file does not say.
    colour : bool
        Red, green and blue in one image.
    beside : int
        How many grey images lie on the same grid, itself included.
    words : frozenset of str
        Words of its names and of its channels' names, in small letters.
    modality : str
        "CT", "MRI", ... or empty if nothing says.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None = None
    colour: bool = False
    beside: int = 1
    words: frozenset[str] = frozenset()
    modality: str = ""


@dataclass(frozen=True)
class Fit:
    """How well a model suits an image.

    Parameters
    ----------
    level : int
        `NOT`, `MAYBE` (nothing speaks against it) or `MADE_FOR` (modality or channels agree).
    reason : str
        Why, in half a sentence for people.
    """

    level: int
    reason: str


def fit(card: ModelCard, kind: ImageKind) -> Fit:
    """Judge whether the model of `card` can and should segment an image of this kind."""
    if card.spatial_dims > len(kind.shape):
        return Fit(NOT, "works on volumes; this is a 2D image")
    sure, problem = _channels(card, kind)
    if problem:
        return Fit(NOT, problem)
    wanted, found = modality_of(_words(card.preprocessing.modality)), kind.modality
    if wanted and found and wanted != found:
        return Fit(NOT, f"made for {card.preprocessing.modality}; this looks like {found}")
    problem = _contrast(card, kind) or _crop(card, kind)
    if problem:
        return Fit(NOT, problem)
    if sure or (wanted and wanted == found) or _subject(card) & kind.words:
        return Fit(MADE_FOR, "made for such images")
    if wanted:
        return Fit(MAYBE, f"made for {card.preprocessing.modality}; what this is, is not known")
    return Fit(MAYBE, "its card does not say for which images it was made")


def best_fit(cards: dict[str, ModelCard], kind: ImageKind, wished: str = "") -> str | None:
    """Return the name of the model to propose for an image, or None if none plausibly fits.

    The `wished` one comes first if nothing speaks against it; then models made for such images,
    those that take the image as a whole before those that go through it slice by slice.
    """
    levels = {name: fit(card, kind).level for name, card in cards.items()}
    if levels.get(wished, NOT) != NOT:
        return wished
    fitting = [name for name, level in levels.items() if level != NOT]
    dims = len(kind.shape)
    fitting.sort(key=lambda name: (-levels[name], cards[name].spatial_dims != dims))
    return fitting[0] if fitting else None


def words_of(*texts: str) -> frozenset[str]:
    """Return the words of names: "case_2 · T1ce" has case, 2 and t1ce."""
    return frozenset(_words(" ".join(texts)))


def modality_of(words: Iterable[str], values: np.ndarray | None = None) -> str:
    """Return the modality that `words` name, or that `values` show; empty if neither does."""
    present = set(words)
    for modality, names in _MODALITIES.items():
        if present.intersection(names):
            return modality
    if any(present.intersection(names) for names in _CONTRASTS.values()):
        return "MRI"
    if values is not None and values.size and values.dtype.kind in "if":
        lowest = float(np.nanmin(values)) if not np.isnan(values).all() else 0.0
        return "CT" if -5000 < lowest < _AIR else ""
    return ""


def _channels(card: ModelCard, kind: ImageKind) -> tuple[bool, str]:
    """Return whether the channels agree by name, and what speaks against the image."""
    count, names = card.in_channels, card.preprocessing.channels
    if kind.colour and not expects_colour(card):
        takes = f"{count} images of one case" if count > 1 else "a grey image"
        return False, f"takes {takes}; this one is in colour"
    if expects_colour(card):
        return False, "" if kind.colour else "takes colour images; this one is grey"
    if count == 1:
        return False, ""
    if len(names) == count and all(kind.words & set(_words(n)) for n in names):
        return True, ""
    if kind.beside >= count or can_do_without(card):
        return False, ""
    listed = f" ({', '.join(names)})" if names else ""
    return False, f"needs {count} images of one case{listed}; here is {_many(kind.beside)}"


def _subject(card: ModelCard) -> set[str]:
    """Return the words for what the model is about: organs, not "model" or "volume"."""
    words = _words(" ".join((card.name, card.title, *(c.name for c in card.classes))))
    return {word for word in words if len(word) > _SHORT and word not in _GENERAL}


def _many(count: int) -> str:
    return "one" if count == 1 else f"only {count}"


def _contrast(card: ModelCard, kind: ImageKind) -> str:
    if card.in_channels != 1 or kind.beside > 1:
        return ""
    about = card.preprocessing
    wanted = _contrasts({*_words(about.modality), *_words(" ".join(about.channels))})
    found = _contrasts(kind.words)
    if wanted and found and not wanted & found:
        return f"made for {' or '.join(sorted(wanted))}; this looks like {', '.join(sorted(found))}"
    return ""


def _contrasts(words: Iterable[str]) -> set[str]:
    present = set(words)
    return {name for name, known in _CONTRASTS.items() if present.intersection(known)}


def _crop(card: ModelCard, kind: ImageKind) -> str:
    """Say if a model of crops would get a whole scan."""
    about = card.preprocessing
    if "crop" not in about.modality.lower() or about.window is None:
        return ""
    sides = np.asarray(kind.shape[-len(about.window) :], float)
    if about.spacing is not None and kind.spacing is not None:
        sides *= np.asarray(kind.spacing[-len(sides) :]) / np.asarray(about.spacing)
    if (sides > _LARGER * np.asarray(about.window)).any():
        return "made for images cropped around what it finds; this one is larger: crop it first"
    return ""


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.lower().replace("x-ray", "xray")) if word]
