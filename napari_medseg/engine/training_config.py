"""How a network is trained from scratch; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_medseg.config import Config
from napari_medseg.engine.config_checks import (
    check_choices,
    check_least,
    check_not_negative,
    check_positive,
    check_ranges,
    check_share,
)

OPTIMISERS = ("sgd", "adamw")
SCHEDULES = ("poly", "cosine", "onecycle")
KEEP = ("best", "last")
NORMALISINGS = ("auto", "zscore", "fixed", "none")
PRECISIONS = ("auto", "float32", "mixed")
LOSSES = (
    "dice_ce",
    "dice_focal",
    "dice_focal_batch",
    "dice_focal_empty",
    "boundary",
    "boundary_skip",
)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(Config):
    """Random changes of a training patch; every probability or range 0 is off."""

    flip: float = field(default=0.5, metadata={"tip": "probability of a mirror, per axis"})
    flip_axes: tuple[int, ...] | None = field(
        default=None, metadata={"tip": "axes that may be mirrored, -1 the last; none = all"}
    )
    rotate90: float = field(default=0.0, metadata={"tip": "probability of a quarter turn"})
    affine: float = field(default=0.5, metadata={"tip": "probability of rotating and scaling"})
    rotate: float = field(default=15.0, metadata={"tip": "largest angle, degrees"})
    scale: tuple[float, float] = field(default=(0.85, 1.15), metadata={"tip": "zoom range"})
    shift: float = field(default=0.0, metadata={"tip": "largest shift, share of the side"})
    elastic: float = field(default=0.0, metadata={"tip": "probability of an elastic warp"})
    colour: float = field(default=0.0, metadata={"tip": "probability of a colour jitter"})
    brightness: tuple[float, float] = field(default=(0.6, 1.6), metadata={"tip": "factor"})
    contrast: float = field(default=0.2, metadata={"tip": "largest relative change"})
    saturation: float = field(default=0.1, metadata={"tip": "largest relative change (RGB)"})
    hue: float = field(default=0.01, metadata={"tip": "largest turn of the colour wheel (RGB)"})
    bare: float = field(
        default=0.0,
        metadata={"tip": "probability of a part without labels, enlarged, in place of the patch"},
    )
    intensity_scale: float = field(default=0.1, metadata={"tip": "x(1 +- this), per channel"})
    intensity_shift: float = field(default=0.1, metadata={"tip": "+- this, after normalising"})

    def __post_init__(self) -> None:
        check_share(self, "flip", "rotate90", "affine", "elastic", "colour", "bare")
        check_not_negative(self, "rotate", "shift", "contrast", "saturation", "hue")
        check_not_negative(self, "intensity_scale", "intensity_shift")
        check_ranges(self, "scale", "brightness")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """How a network is trained from scratch: the recipe, whole.

    `recipe` gives the published settings by name; every field can be set by itself.
    """

    architecture: str = field(default="lgmsnet", metadata={"tip": "network, see `models`"})
    preset: str = field(default="base", metadata={"choices": ("small", "base", "large")})
    network: dict[str, Any] = field(
        default_factory=dict, metadata={"tip": "further fields of the network's config"}
    )
    encoder_weights: str = field(
        default="",
        metadata={
            "tip": "MSA²Net: a file of timm's ImageNet weights, or imagenet to download them"
        },
    )
    start: str = field(
        default="",
        metadata={"tip": "a trained model of the same shape whose weights it starts from"},
    )
    name: str = field(default="", metadata={"tip": "the model's name; empty = the file's"})
    cases: str = field(default="*", metadata={"tip": "only cases whose name fits this pattern"})
    classes: tuple[str, ...] = field(
        default=(), metadata={"tip": "what the label values mean: 1=liver 2=spleen"}
    )
    size: tuple[int, ...] | None = field(
        default=None, metadata={"tip": "2D: whole images resized to this (H, W)"}
    )
    early_size: tuple[int, ...] | None = field(
        default=None,
        metadata={"tip": "images are shrunk to this in the first half of the epochs: faster"},
    )
    window: tuple[int, ...] | None = field(
        default=None, metadata={"tip": "train on windows of this many voxels"}
    )
    slices: bool = field(
        default=False, metadata={"tip": "a 2D model that goes through volumes slice by slice"}
    )
    spacing: tuple[float, ...] | None = field(
        default=None, metadata={"tip": "resample to this many mm per voxel"}
    )
    clip: tuple[float, float] | None = field(default=None, metadata={"tip": "e.g. HU limits"})
    normalise: str = field(
        default="auto",
        metadata={"choices": NORMALISINGS, "tip": "auto: RGB fixed"},
    )
    loss: str = field(
        default="dice_ce", metadata={"choices": LOSSES, "tip": "see the losses' documentation"}
    )
    epochs: int = field(default=100, metadata={"min": 1})
    windows_per_case: int = field(default=1, metadata={"min": 1, "tip": "per case and epoch"})
    empty_cases: int = field(
        default=1,
        metadata={"min": 1, "tip": "times per epoch a case is seen in which nothing is labelled"},
    )
    foreground: float = field(
        default=0.5, metadata={"tip": "share of windows centred on a labelled voxel"}
    )
    batch_size: int = field(default=8, metadata={"min": 1})
    optimiser: str = field(default="adamw", metadata={"choices": OPTIMISERS})
    learning_rate: float = field(default=2e-3, metadata={"tip": "the highest of the schedule"})
    momentum: float = field(default=0.9, metadata={"tip": "SGD only"})
    weight_decay: float = field(default=1e-4)
    schedule: str = field(default="onecycle", metadata={"choices": SCHEDULES})
    lowest_rate: float = field(
        default=0.0, metadata={"tip": "learning rate at the end of cosine and onecycle"}
    )
    warm_up: float = field(default=0.1, metadata={"tip": "share of all steps, not for poly"})
    gradient_clip: float = field(default=1.0, metadata={"tip": "largest norm; 0 = off"})
    average: float = field(
        default=0.0,
        metadata={
            "tip": "score and keep a running mean of the weights, this the share it keeps of "
            "itself at every step; 0 = off, 0.98 suits some hundred steps"
        },
    )
    validation: float = field(default=0.1, metadata={"tip": "share of the cases held out"})
    validate_every: int = field(default=1, metadata={"min": 1, "tip": "epochs"})
    keep: str = field(
        default="best",
        metadata={
            "choices": KEEP,
            "tip": "best: the weights with the highest validation score; last: those of the end, "
            "where there is too little to score on to choose by it",
        },
    )
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = field(default=0)
    device: str = field(default="auto", metadata={"tip": "auto, cpu, cuda, cuda:1 or mps"})
    precision: str = field(
        default="auto",
        metadata={
            "choices": PRECISIONS,
            "tip": "auto: mixed on CUDA, float32 elsewhere; volumes on a CPU always float32",
        },
    )
    replay: bool = field(
        default=False,
        metadata={"tip": "keep patches of the data beside the model for later learning"},
    )
    replay_patches: int = field(default=64, metadata={"min": 1})
    half: bool = field(default=False, metadata={"tip": "write the weights in half precision"})

    def __post_init__(self) -> None:
        check_choices(self, optimiser=OPTIMISERS, loss=LOSSES, schedule=SCHEDULES, keep=KEEP)
        check_choices(self, normalise=NORMALISINGS, precision=PRECISIONS)
        check_least(self, epochs=1, batch_size=1, windows_per_case=1, empty_cases=1)
        check_least(self, validate_every=1, replay_patches=1, seed=0)
        if not 0 < self.validation < 1:
            raise ValueError(f"validation must be in (0, 1), got {self.validation}")
        check_share(self, "average", "momentum", "warm_up", all_of_it=False)
        check_share(self, "foreground")
        check_not_negative(self, "weight_decay", "gradient_clip", "lowest_rate")
        check_positive(self, "learning_rate")
        if self.early_size and not self.size:
            raise ValueError("early_size shrinks whole images: give size too")
        if self.size and (self.window or self.spacing):
            raise ValueError("train on whole images of one size, or on windows: not both")

    @classmethod
    def recipe(cls, name: str, /, **changes: Any) -> TrainingConfig:
        """Return a named recipe with some fields changed; see `training_recipes`."""
        from napari_medseg.engine.training_recipes import RECIPES  # it is made of these configs

        if name not in RECIPES:
            raise ValueError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}")
        return cls(**{**RECIPES[name], **changes})
