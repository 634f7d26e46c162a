"""An example of what a model finds: a slice of a phantom with its exact labels; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.fit import ImageKind, fit, words_of
from napari_medseg.progress import Report, Step, silent
from napari_medseg.samples import SAMPLES, Phantom

_INSIDE = 0.25  # how much of the class colour is seen inside an outline
_PLAIN = {"the", "of", "left", "right", "and", "tissue", "organ", "mask"}  # say nothing alone


@dataclass(frozen=True)
class SampleKind:
    """What a sample shows, known without making it.

    Parameters
    ----------
    dims : int
        2 or 3.
    channels : tuple of str
        Name of each channel.
    classes : tuple of str
        What its labels are called.
    modality : str
        As `modality_of` says it.
    about : str
        Words the card of a model for such images uses, one at least.
    """

    dims: int
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    modality: str
    about: str

    @property
    def image(self) -> ImageKind:
        """What a model must take to fit."""
        colour = self.channels == _RGB
        beside = 1 if colour else len(self.channels)
        words = words_of(self.about, *self.channels)
        return ImageKind((1,) * self.dims, None, colour, beside, words, self.modality)


_RGB = ("red", "green", "blue")
_ABDOMEN = ("liver", "spleen", "right kidney", "left kidney", "aorta", "vertebrae", "ribs")
_TUMOUR = ("necrosis", "oedema", "enhancing tumour")
SAMPLE_KINDS = {
    "colonoscopy": SampleKind(2, _RGB, ("polyp",), "endoscopy", "colonoscopy polyp polyps"),
    "hippocampus": SampleKind(
        3,
        ("T1",),
        ("anterior hippocampus", "posterior hippocampus"),
        "MRI",
        "hippocampus hippocampal",
    ),
    "dermoscopy": SampleKind(2, _RGB, ("lesion",), "dermoscopy", "dermoscopy skin isic melanoma"),
    "ultrasound": SampleKind(2, ("echo",), ("lesion",), "ultrasound", "ultrasound breast busi"),
    "ct": SampleKind(3, ("CT",), _ABDOMEN, "CT", "CT abdomen abdominal"),
    "brain_mri": SampleKind(
        3, ("T1", "T1c", "T2", "FLAIR"), _TUMOUR, "MRI", "MRI brain tumour tumor glioma brats"
    ),
}
"""What every sample of `napari_medseg.samples` shows."""


@dataclass(frozen=True, eq=False)
class ExamplePicture:
    """A picture for the card of a model.

    Parameters
    ----------
    pixels : ndarray
        ``(H, W, 3)``, uint8; what the model finds is outlined in its colours.
    aspect : float
        Height of a pixel divided by its width.
    caption : str
        What it shows, and that it is a phantom.
    """

    pixels: np.ndarray
    aspect: float
    caption: str


def fitting_sample(card: ModelCard) -> str | None:
    """Return the sample that shows what a model was made for; None if no sample does.

    It must have the model's dimensions, channels and one of its classes, and the card must name
    what it shows.
    """
    about = words_of(
        card.name,
        card.title,
        card.preprocessing.modality,
        *card.preprocessing.channels,
        *(c.name for c in card.classes),
    )
    best, most = None, 0
    for name, kind in SAMPLE_KINDS.items():
        if (kind.dims, len(kind.channels)) != (card.spatial_dims, card.in_channels):
            continue
        shared = len(about & words_of(kind.about))
        if shared > most and fit(card, kind.image).level and _same_classes(card, kind.classes):
            best, most = name, shared
    return best


def example_picture(card: ModelCard, report: Report = silent) -> ExamplePicture | None:
    """Draw what the model of `card` should find in a phantom; None where no sample fits.

    Making a phantom takes up to two seconds: call it in a thread.
    """
    name = fitting_sample(card)
    if name is None:
        return None
    report(Step(0, 2, "picture"))
    phantom = SAMPLES[name].make()
    report(Step(1, 2, "picture"))
    found = _same_classes(card, [title for _, title, _ in phantom.classes])
    colours = {value: found[title] for value, title, _ in phantom.classes if title in found}
    at, axis_spacing = _best_slice(phantom, list(colours))
    pixels = grey_or_colour(phantom.volume.array[(slice(None), *at)])
    pixels = outlined(pixels, phantom.labels[at], colours)
    caption = (
        f"{SAMPLES[name].title.replace(' (phantom)', '')}: a phantom, made by a program, with "
        "what should be found; not an answer of this model"
    )
    return ExamplePicture(pixels, axis_spacing[0] / axis_spacing[1], caption)


def _same_classes(card: ModelCard, names: Sequence[str]) -> dict[str, str]:
    """Return the card's colour for each of a phantom's classes that the model finds, too."""
    found = {}
    for name in names:
        words = words_of(name) - _PLAIN
        alike = [c for c in card.classes if words & (words_of(c.name) - _PLAIN)]
        whole = [c for c in alike if words_of(c.name) >= words_of(name)]
        if alike:
            found[name] = (whole or alike)[0].colour
    if not found and len(card.classes) == len(names) == 1:
        found = {names[0]: card.classes[0].colour}
    return found


def _best_slice(
    phantom: Phantom, values: list[int]
) -> tuple[tuple[int | slice, ...], tuple[float, float]]:
    """Return where most of the classes are seen, and the spacing of the picture's two axes."""
    spacing = phantom.volume.spacing
    if phantom.labels.ndim == 2:
        return (slice(None), slice(None)), (spacing[0], spacing[1])
    wanted = np.isin(phantom.labels, values)
    kinds = sum((phantom.labels == v).any(axis=(1, 2)).astype(int) for v in values)
    score = wanted.sum(axis=(1, 2)) * kinds
    return (int(np.argmax(score)), slice(None), slice(None)), (spacing[1], spacing[2])


def grey_or_colour(channels: np.ndarray) -> np.ndarray:
    """Return a picture ``(H, W, 3)`` of a slice ``(C, H, W)``: its colours or its last channel."""
    if len(channels) == 3 and channels.dtype == np.uint8:
        return np.moveaxis(channels, 0, -1).copy()
    grey = channels[-1].astype(np.float32)
    low, high = np.percentile(grey, (1, 99.5))
    if low < -500:
        low, high = -160.0, 240.0  # HU: the abdominal window
    scaled = np.clip((grey - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=-1)


def outlined(pixels: np.ndarray, labels: np.ndarray, colours: dict[int, str]) -> np.ndarray:
    """Draw the outlines of label values in their colours ("#rrggbb"), their insides lightly."""
    result = pixels.astype(np.float32)
    for value, colour in colours.items():
        mask = labels == value
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
        result[mask] += _INSIDE * (rgb - result[mask])
        result[mask & ~_eroded(mask)] = rgb
    return result.round().astype(np.uint8)


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Return the pixels whose four neighbours belong to the mask as well."""
    padded = np.pad(mask, 1)
    core = padded[1:-1, 1:-1].copy()
    for axis in (0, 1):
        for step in (-1, 1):
            core &= np.roll(padded, step, axis)[1:-1, 1:-1]
    return core
