"""What stands between a person and the Segment button, in words, with the way out."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medseg.engine.card import ModelCard
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.image_choice import ImageChoice

OPEN_SAMPLE = "Open a sample"
CHOOSE_MODEL = "Choose a model"


@dataclass(frozen=True)
class Obstacle:
    """Why Segment cannot run now.

    Parameters
    ----------
    reason : str
        A sentence for the tooltip and the panel.
    fix : str
        `OPEN_SAMPLE`, `CHOOSE_MODEL`, or nothing if a person must act in the panel itself.
    """

    reason: str
    fix: str = ""

    @property
    def fix_tip(self) -> str:
        """What the button that fixes it does."""
        if self.fix == OPEN_SAMPLE:
            return "Adds an image made for trying this out"
        return "Goes to the list of models"


def obstacle(model: ChosenModel | None, images: ImageChoice, busy: bool) -> Obstacle | None:
    """Return what is in the way, or None if Segment can run."""
    if busy:
        return Obstacle("A run is going; wait for it or cancel it below.")
    missing = images.missing()
    if images.empty:
        return Obstacle("No image yet: drop a file on the canvas or open a sample.", OPEN_SAMPLE)
    if model is None:
        return Obstacle("No model yet: choose one first.", CHOOSE_MODEL)
    if missing:
        return Obstacle(f"Choose the image for {missing}.")
    first, card = images.layers[0], model.card
    if card.spatial_dims == 3 and first.ndim < 3:
        return Obstacle(
            f"{model.title} works on volumes; the layer '{first.name}' is a 2D image. "
            "Choose a 2D model or a volume.",
            CHOOSE_MODEL,
        )
    channels = 3 if first.rgb else len(images.layers)
    if channels != card.in_channels:
        return Obstacle(
            f"{model.title} expects {_channels(card)}; the layer '{first.name}' has "
            f"{'red, green and blue' if first.rgb else 'one channel'}. "
            "Choose another model or another image.",
            CHOOSE_MODEL,
        )
    return None


def sample_for(model: ChosenModel | None) -> str:
    """Return the key of a sample the model can work on, else of the first sample."""
    from napari_medseg.samples import SAMPLES

    if model is None:
        return next(iter(SAMPLES))
    about = f"{model.card.name} {model.card.title}".lower()
    for key in SAMPLES:
        if key.lower() in about:
            return key
    for key, sample in SAMPLES.items():
        volume = sample.make().volume
        if (volume.spatial_dims, len(volume.array)) == (
            model.card.spatial_dims,
            model.card.in_channels,
        ):
            return key
    return next(iter(SAMPLES))


def _channels(card: ModelCard) -> str:
    names = card.preprocessing.channels
    if card.in_channels == 1:
        return "one channel (a grey image)"
    return f"{card.in_channels} channels" + (f" ({', '.join(names)})" if names else "")
