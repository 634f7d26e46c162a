"""From the channels an image has to those a model takes, where that says the same; no torch.

Scanners and screenshots store grey pictures as red, green and blue; models of colour pictures are
given grey ones. Both are the same picture in another form. A picture in colour is never made grey
for a model that was trained on ultrasound or CT: that one is refused as before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_medseg.engine.card import ModelCard
from napari_medseg.volume import Volume

COLOURS = ("red", "green", "blue")
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, what JPEG and Pillow call grey
_NOISE = 8 / 255  # of the range: how far JPEG moves the colours of a grey picture apart
_MOST = 0.98  # of the pixels must be grey; the rest may be a coloured mark
_LOOKED_AT = 1 << 16  # pixels


def expects_colour(card: ModelCard) -> bool:
    """Whether a model takes red, green and blue, and not three images of one case."""
    names = tuple(name.lower() for name in card.preprocessing.channels)
    return names == COLOURS or (not names and card.in_channels == 3 and card.spatial_dims == 2)


def can_do_without(card: ModelCard) -> bool:
    """Whether a model was trained with images of a case left out, so that one may be missing."""
    return card.in_channels > 1 and bool(card.config.get("modality_dropout", 0))


def is_grey(pixels: Any) -> bool:
    """Whether a colour image ``(C, *S)`` with C of 3 or 4 shows nothing but grey.

    Looks at every n-th pixel only, so that it takes no time.
    """
    shown = pixels[:3]
    stride = max(1, int((shown[0].size / _LOOKED_AT) ** (1 / max(1, shown.ndim - 1))))
    some = np.asarray(shown[(slice(None), *(slice(None, None, stride),) * (shown.ndim - 1))], float)
    apart = some.max(0) - some.min(0)
    span = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else np.nanmax(np.abs(some))
    return bool((apart <= _NOISE * max(float(span), 1e-12)).mean() >= _MOST)


def fitted(volume: Volume, card: ModelCard) -> tuple[Volume, tuple[str, ...]]:
    """Return `volume` with the channels the model takes, where it is the same picture, and notes.

    A grey picture stored as red, green and blue becomes one channel for a model of one channel; a
    grey picture is repeated for a model of colours; the transparency of a picture is left out.
    Anything else comes back as it is.
    """
    count, name = len(volume.array), volume.name or "image"
    colour = has_colours(volume)
    if count == 1 and expects_colour(card):
        array = np.broadcast_to(volume.array, (3, *volume.shape))
        said = f"'{name}' is grey: it was taken as red, green and blue alike"
        return replace(volume, array=array, channels=COLOURS), (said,)
    if colour and count == 4 and card.in_channels == 3:
        return replace(volume, array=volume.array[:3], channels=COLOURS), ()
    if colour and card.in_channels == 1 and is_grey(volume.array):
        said = f"'{name}' is a grey picture stored in colour: it was taken as grey"
        return replace(volume, array=_grey(volume.array), channels=()), (said,)
    return volume, ()


def has_colours(volume: Volume) -> bool:
    """Whether the channels are red, green, blue and perhaps how opaque, by name or by format."""
    named = tuple(c.lower() for c in volume.channels[:3]) == COLOURS
    picture = volume.storage is not None and volume.storage.format == "image"
    return len(volume.array) in (3, 4) and (named or (picture and not volume.channels))


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Return ``(1, *S)`` of the same type; a pixel of three equal values keeps its value."""
    mixed = sum(w * pixels[c].astype(np.float32) for c, w in enumerate(_LUMA))
    whole = pixels.dtype.kind in "iu"
    return np.asarray(np.rint(mixed) if whole else mixed)[None].astype(pixels.dtype)
