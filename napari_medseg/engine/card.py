"""The model card: everything about a checkpoint but its weights; imports without torch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from napari_medseg.config import Config

CARD_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class LabelClass(Config):
    """One thing a model segments, and the value it has in a label image.

    For overlapping regions (whole tumour ⊃ core ⊃ enhancing) `unites` lists the raw label values
    of a truth image that belong to the region, and `order` says when the region is written into
    one label image: later ones overwrite earlier ones.
    """

    value: int
    name: str
    colour: str = "#e69f00"
    unites: tuple[int, ...] = ()
    order: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.value < 65536:
            raise ValueError(f"class {self.name!r}: value must be in 1..65535, got {self.value}")
        if not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise ValueError(
                f"class {self.name!r}: colour must be like #e69f00, got {self.colour!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Preprocessing(Config):
    """What a model expects of its input; `engine/preprocess.py` does it and undoes it."""

    modality: str = field(default="", metadata={"tip": "CT, MRI T1, ultrasound, RGB endoscopy"})
    channels: tuple[str, ...] = field(default=(), metadata={"tip": "name of each input channel"})
    spacing: tuple[float, ...] | None = field(
        default=None, metadata={"tip": "mm per voxel in (D, H, W) the model wants; none = as is"}
    )
    size: tuple[int, ...] | None = field(
        default=None, metadata={"tip": "whole image resized to this before the network"}
    )
    window: tuple[int, ...] | None = field(
        default=None, metadata={"tip": "sliding window in voxels; none = whole image at once"}
    )
    unit_range: bool = field(
        default=False,
        metadata={"tip": "uint8 by 255, uint16 by 65535; of other types the values decide"},
    )
    clip: tuple[float, float] | None = field(default=None, metadata={"tip": "e.g. HU limits"})
    clip_percentiles: tuple[float, float] | None = field(
        default=None, metadata={"tip": "per image and channel, e.g. 0.5 and 99.5"}
    )
    normalise: str = field(
        default="zscore",
        metadata={"choices": ("zscore", "fixed", "none"), "tip": "zscore is per image and channel"},
    )
    mean: tuple[float, ...] = field(default=(), metadata={"tip": "per channel, for fixed"})
    std: tuple[float, ...] = field(default=(), metadata={"tip": "per channel, for fixed"})
    bgr: bool = field(
        default=False,
        metadata={"tip": "the network takes the channels last first: blue, green, red"},
    )

    def __post_init__(self) -> None:
        if self.normalise not in ("zscore", "fixed", "none"):
            raise ValueError(f"normalise must be zscore, fixed or none, got {self.normalise!r}")
        if self.normalise == "fixed" and not (self.mean and len(self.mean) == len(self.std)):
            raise ValueError("normalise='fixed' needs mean and std, one entry per channel")
        if any(s <= 0 for s in self.std):
            raise ValueError(f"std must be positive, got {self.std}")
        for name in ("spacing", "size", "window"):
            values = getattr(self, name)
            if values is not None and any(v <= 0 for v in values):
                raise ValueError(f"{name} must be positive, got {values}")
        if self.size and self.spacing:
            raise ValueError("a model is resized to a size or to a spacing, not both")


@dataclass(frozen=True, kw_only=True)
class ModelCard(Config):
    """What a person and the engine must know of a model.

    Parameters
    ----------
    name : str
        How it is called on the command line: letters, digits, ``-`` and ``_``.
    architecture : str
        Key in the registry of architectures.
    config : dict
        Fields of the architecture's config (its ``to_dict``).
    classes : tuple of LabelClass
        What is segmented, background left out. With softmax, output channel 0 is the background
        and channel ``i + 1`` is ``classes[i]``; with sigmoid channel ``i`` is ``classes[i]``.
    activation : str
        "softmax" (classes exclude each other) or "sigmoid" (they may overlap).
    scores : dict
        Held-out scores, each with what it was measured on in `split`.
    mirrored : bool
        Whether it was trained on mirrored images, so that averaging over mirrors helps.
    parent : str
        sha256 of the checkpoint this one was made from; empty if trained from scratch.
    """

    name: str
    architecture: str
    config: dict[str, Any]
    classes: tuple[LabelClass, ...]
    activation: str = "softmax"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    mirrored: bool = True
    title: str = ""
    description: str = ""
    data: str = ""
    split: str = ""
    scores: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    reproduce: str = ""
    created: str = ""
    parent: str = ""
    history: tuple[dict[str, Any], ...] = ()
    intended_use: str = "For research use only; not a medical device."
    version: int = CARD_VERSION

    def __post_init__(self) -> None:
        if self.version > CARD_VERSION:
            raise ValueError(
                f"this model's card has version {self.version}, this napari-medseg reads up to "
                f"{CARD_VERSION}; update napari-medseg to use it"
            )
        if self.activation not in ("softmax", "sigmoid"):
            raise ValueError(f"activation must be softmax or sigmoid, got {self.activation!r}")
        if not self.classes:
            raise ValueError("a model card needs at least one class")
        shape = (self.config.get("spatial_dims", 2), self.config.get("in_channels", 1))
        if shape[0] not in (2, 3) or not isinstance(shape[1], int) or shape[1] < 1:
            raise ValueError(
                f"spatial_dims must be 2 or 3 and in_channels at least 1, got {shape[0]!r} and "
                f"{shape[1]!r}"
            )
        values = [c.value for c in self.classes]
        if len(set(values)) != len(values):
            raise ValueError(f"two classes share a label value: {values}")
        wanted = self.out_channels
        given = self.config.get("num_classes", wanted)
        if given != wanted:
            raise ValueError(
                f"the network has {given} output channels, {len(self.classes)} classes with "
                f"{self.activation} need {wanted}"
            )

    @property
    def out_channels(self) -> int:
        """Output channels K of the network."""
        return len(self.classes) + (self.activation == "softmax")

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return int(self.config.get("spatial_dims", 2))

    @property
    def in_channels(self) -> int:
        """Input channels C of the network."""
        return int(self.config.get("in_channels", 1))

    def to_json(self) -> str:
        """Return the card as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card from JSON text; `ValueError` says what is wrong with it."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"the model card is not JSON: {error}") from error
        return cls.from_dict(values)
