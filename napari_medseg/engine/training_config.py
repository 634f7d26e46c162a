"""How a network is trained from scratch; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_medseg.config import Config

OPTIMISERS = ("sgd", "adamw")
SCHEDULES = ("poly", "cosine", "onecycle")
LOSSES = ("dice_ce", "dice_focal", "boundary", "boundary_skip")


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
    intensity_scale: float = field(default=0.1, metadata={"tip": "x(1 +- this), per channel"})
    intensity_shift: float = field(default=0.1, metadata={"tip": "+- this, after normalising"})


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
    spacing: tuple[float, ...] | None = field(
        default=None, metadata={"tip": "resample to this many mm per voxel"}
    )
    clip: tuple[float, float] | None = field(default=None, metadata={"tip": "e.g. HU limits"})
    normalise: str = field(
        default="auto",
        metadata={"choices": ("auto", "zscore", "fixed", "none"), "tip": "auto: RGB fixed"},
    )
    loss: str = field(
        default="dice_ce", metadata={"choices": LOSSES, "tip": "see the losses' documentation"}
    )
    epochs: int = field(default=100, metadata={"min": 1})
    windows_per_case: int = field(default=1, metadata={"min": 1, "tip": "per case and epoch"})
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
    validation: float = field(default=0.1, metadata={"tip": "share of the cases held out"})
    validate_every: int = field(default=1, metadata={"min": 1, "tip": "epochs"})
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = field(default=0)
    device: str = field(default="auto", metadata={"tip": "auto, cpu, cuda, cuda:1 or mps"})
    precision: str = field(default="auto", metadata={"choices": ("auto", "float32", "mixed")})
    replay: bool = field(
        default=False,
        metadata={"tip": "keep patches of the data beside the model for later learning"},
    )
    replay_patches: int = field(default=64, metadata={"min": 1})
    half: bool = field(default=False, metadata={"tip": "write the weights in half precision"})

    def __post_init__(self) -> None:
        for name, allowed in (
            ("optimiser", OPTIMISERS),
            ("loss", LOSSES),
            ("schedule", SCHEDULES),
            ("normalise", ("auto", "zscore", "fixed", "none")),
            ("precision", ("auto", "float32", "mixed")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        for name in ("epochs", "batch_size", "windows_per_case", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation must be in (0, 1), got {self.validation}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.early_size and not self.size:
            raise ValueError("early_size shrinks whole images: give size too")
        if self.size and (self.window or self.spacing):
            raise ValueError("train on whole images of one size, or on windows: not both")

    @classmethod
    def recipe(cls, name: str, **changes: Any) -> TrainingConfig:
        """Return a named recipe with some fields changed; see `RECIPES`."""
        if name not in RECIPES:
            raise ValueError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}")
        return cls(**{**RECIPES[name], **changes})


_PAPER_2D: dict[str, Any] = {
    "optimiser": "sgd",
    "weight_decay": 1e-4,
    "schedule": "poly",
    "gradient_clip": 0.0,
    "size": (256, 256),
    "seed": 41,
}

_MSA2NET: dict[str, Any] = {
    "architecture": "msa2net",
    "loss": "boundary",
    "size": (224, 224),
    "schedule": "poly",
    "gradient_clip": 0.0,
    "augment": AugmentConfig(
        affine=0.5,
        rotate=40.0,
        scale=(0.5, 2.0),
        shift=0.2,
        elastic=0.2,
        intensity_scale=0.5,
        intensity_shift=0.0,
    ),
}

RECIPES: dict[str, dict[str, Any]] = {
    # LGMSNet's published settings (main.py, main_kvasir.py, main3d.py with train.sh)
    "lgmsnet-2d": _PAPER_2D
    | {
        "learning_rate": 0.02,
        "batch_size": 16,
        "epochs": 500,
        "augment": AugmentConfig(
            rotate90=0.5, affine=0.0, intensity_scale=0.0, intensity_shift=0.0
        ),
    },
    "lgmsnet-kvasir": _PAPER_2D
    | {
        "learning_rate": 0.01,
        "batch_size": 8,
        "epochs": 300,
        "augment": AugmentConfig(
            affine=0.5,
            rotate=90.0,
            scale=(0.5, 1.5),
            shift=0.125,
            elastic=0.5,
            colour=0.5,
            intensity_scale=0.0,
            intensity_shift=0.0,
        ),
    },
    "lgmsnet-3d": {
        "optimiser": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 1e-5,
        "schedule": "cosine",
        "warm_up": 0.01,
        "gradient_clip": 0.0,
        "batch_size": 1,
        "epochs": 5000,
        "validate_every": 50,
        "window": (96, 96, 96),
        "seed": 41,
        "augment": AugmentConfig(flip=0.2, rotate90=0.2, affine=0.0),
    },
    # GLAD-Net: 256 x 256, AdamW, cosine from 1e-3 to 1e-5, 100 epochs, flips and rotations are the
    # paper's; batch size, weight decay, angle and clipping are ours where it is silent
    "gladnet-2d": {
        "architecture": "gladnet",
        "loss": "dice_focal",
        "size": (256, 256),
        "epochs": 100,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "lowest_rate": 1e-5,
        "weight_decay": 1e-2,
        "schedule": "cosine",
        "warm_up": 0.0,
        "augment": AugmentConfig(
            rotate=30.0, scale=(1.0, 1.0), intensity_scale=0.0, intensity_shift=0.0
        ),
    },
    # MSA²Net: boundary difference over union alone. For Synapse as published (base rate 0.05,
    # which its code scales by 20/24), without noise, blur and shear; for pictures the paper gives
    # optimiser, rate, batch and epochs, and no code: the changes of the images are those of Synapse
    "msa2net-synapse": _MSA2NET
    | {
        "optimiser": "sgd",
        "learning_rate": 0.0417,
        "weight_decay": 1e-4,
        "batch_size": 20,
        "epochs": 700,
        "validate_every": 20,
        "seed": 1234,
    },
    "msa2net-2d": _MSA2NET
    | {
        "optimiser": "adamw",
        "learning_rate": 1e-4,
        "weight_decay": 0.0,
        "batch_size": 16,
        "epochs": 50,
    },
    # MSD-KMamba: the paper's text could not be had, so this is ours
    "msd-kmamba-3d": {
        "architecture": "msd_kmamba",
        "window": (96, 96, 96),
        "windows_per_case": 2,
        "foreground": 0.33,
        "batch_size": 2,
        "epochs": 300,
        "learning_rate": 3e-4,
        "weight_decay": 1e-5,
        "schedule": "cosine",
        "warm_up": 0.05,
        "validate_every": 5,
    },
    # what a CPU does in an hour or two
    "cpu-2d": {
        "size": (128, 128),
        "early_size": (96, 96),
        "epochs": 50,
        "augment": AugmentConfig(
            affine=0.8,
            rotate=90.0,
            scale=(0.7, 1.4),
            shift=0.1,
            colour=0.5,
            intensity_scale=0.0,
            intensity_shift=0.0,
        ),
    },
    "gladnet-cpu": {
        "architecture": "gladnet",
        "preset": "small",
        "loss": "dice_focal",
        "size": (128, 128),
        "early_size": (96, 96),
        "epochs": 100,
        "batch_size": 4,
        "learning_rate": 1.5e-3,
        "validate_every": 2,
        "weight_decay": 1e-2,
        "augment": AugmentConfig(
            flip_axes=(-1,),
            affine=0.9,
            rotate=20.0,
            scale=(0.7, 1.4),
            shift=0.1,
            elastic=0.2,
            intensity_scale=0.25,
            intensity_shift=0.25,
        ),
    },
    "msa2net-cpu": {
        "architecture": "msa2net",
        "preset": "small",
        "size": (128, 128),
        "early_size": (96, 96),
        "epochs": 60,
        "learning_rate": 1e-3,
        "augment": AugmentConfig(
            affine=0.8, rotate=30.0, scale=(0.7, 1.4), shift=0.1, intensity_shift=0.2
        ),
    },
    "cpu-3d": {
        "window": (32, 64, 32),
        "batch_size": 2,
        "epochs": 30,
        "weight_decay": 1e-5,
        "augment": AugmentConfig(flip=0.0, affine=0.5, rotate=10.0, scale=(0.9, 1.1)),
    },
    "msd-kmamba-cpu": {
        "architecture": "msd_kmamba",
        "preset": "small",
        "window": (32, 64, 32),
        "batch_size": 2,
        "epochs": 30,
        "weight_decay": 1e-5,
        "validate_every": 3,
        "augment": AugmentConfig(flip=0.0, affine=0.5, rotate=10.0, scale=(0.9, 1.1)),
    },
}

_OF_PAPERS = {
    ("lgmsnet", 2): "lgmsnet-2d",
    ("lgmsnet", 3): "lgmsnet-3d",
    ("gladnet", 2): "gladnet-2d",
    ("msa2net", 2): "msa2net-2d",
    ("msd_kmamba", 3): "msd-kmamba-3d",
}


def paper_recipe(architecture: str, spatial_dims: int) -> str:
    """Return the name of the recipe in a network's paper, for 2D or 3D.

    Raises
    ------
    ValueError
        If there is none: the network does not exist, or not for these dimensions.
    """
    name = _OF_PAPERS.get((architecture, spatial_dims))
    if name is None:
        known = ", ".join(f"{network} ({dims}D)" for network, dims in _OF_PAPERS)
        raise ValueError(
            f"{architecture!r} cannot be trained on {spatial_dims}D images; these can: {known}"
        )
    return name
