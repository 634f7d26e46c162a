"""How a model learns from corrected cases; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.config import Config
from napari_medseg.engine.config_checks import (
    check_choices,
    check_least,
    check_not_negative,
    check_positive,
    check_share,
)
from napari_medseg.engine.training_config import PRECISIONS, AugmentConfig

TRAINED = ("auto", "head", "decoder", "all")
VALIDATIONS = ("auto", "leave-one-out", "hold-out", "none")

_GENTLE = AugmentConfig(
    affine=0.8,
    rotate=15.0,
    scale=(0.85, 1.2),
    colour=0.3,
    brightness=(0.85, 1.15),
    contrast=0.15,
)


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig(Config):
    """How a model learns from corrected cases without forgetting what it knew."""

    trained: str = field(
        default="auto",
        metadata={
            "choices": TRAINED,
            "tip": "which part of the model learns; auto: the last layer and the norms for 1 to 3 "
            "cases, the decoder too for 4 to 10, everything for more, or where labelled examples "
            "of what the model knew are rehearsed",
        },
    )
    steps: int = field(default=120, metadata={"min": 0, "tip": "steps of learning"})
    batch_size: int = field(default=4, metadata={"min": 1, "tip": "patches a step, replay too"})
    parts: int = field(
        default=1,
        metadata={
            "min": 1,
            "tip": "learn from the patches of a step in so many parts, one after the other: takes "
            "less memory",
        },
    )
    learning_rate: float = field(
        default=1e-3,
        metadata={"tip": "of the last layer", "decimals": 5, "step": 5e-4, "min": 1e-5},
    )
    decoder_rate: float = field(
        default=0.5, metadata={"min": 0.0, "tip": "of the decoder, as a share of the last layer's"}
    )
    encoder_rate: float = field(
        default=0.2, metadata={"min": 0.0, "tip": "of the encoder, as a share of the last layer's"}
    )
    warm_up: float = field(
        default=0.1, metadata={"tip": "share of the steps in which the learning rate rises"}
    )
    supervised: float = field(
        default=1.0, metadata={"min": 0.0, "tip": "weight of the corrected labels"}
    )
    changed_weight: float = field(
        default=3.0, metadata={"min": 0.0, "tip": "weight of a changed voxel; seen ones weigh 1"}
    )
    distillation: float = field(
        default=2.0, metadata={"min": 0.0, "tip": "weight of staying close to the old model"}
    )
    temperature: float = field(
        default=2.0, metadata={"tip": "softness of the old model's answer, T of Hinton et al."}
    )
    confidence: float = field(
        default=0.8,
        metadata={
            "min": 0.5,
            "max": 1.0,
            "tip": "how sure the old model must be of a voxel to be followed there",
        },
    )
    replay: float = field(
        default=0.5,
        metadata={
            "min": 0.0,
            "max": 0.9,
            "tip": "share of the patches that rehearse what the model knew",
        },
    )
    rehearsal: float = field(
        default=1.0,
        metadata={
            "min": 0.0,
            "tip": "weight of the labels that rehearsed patches have; 0 = the old model's answers "
            "alone",
        },
    )
    restyle: float = field(
        default=0.6,
        metadata={
            "min": 0.0,
            "max": 1.0,
            "tip": "share of the rehearsed patches shown in the look of the corrected images",
        },
    )
    pull: float = field(
        default=0.01,
        metadata={"min": 0.0, "tip": "pull to the old weights, when everything learns; 0 = off"},
    )
    ema: float = field(
        default=0.95,
        metadata={
            "min": 0.0,
            "max": 0.9999,
            "tip": "the candidate is a running mean of the weights: share kept a step; 0 = off",
        },
    )
    recalibrate: bool = field(
        default=True,
        metadata={
            "tip": "take the statistics of batch norms anew, once, from corrected and rehearsed "
            "images together; needs examples of what the model knew"
        },
    )
    freeze_statistics: bool = field(
        default=True, metadata={"tip": "keep the statistics of batch norms at every step"}
    )
    gradient_clip: float = field(default=1.0, metadata={"min": 0.0, "tip": "largest norm; 0 = off"})
    validation: str = field(
        default="auto",
        metadata={
            "choices": VALIDATIONS,
            "tip": "auto: learn anew without each case in turn below 8 cases, else hold out 20 %",
        },
    )
    validate_every: int = field(default=20, metadata={"min": 1, "tip": "steps between two checks"})
    patience: int = field(
        default=3, metadata={"min": 0, "tip": "stop after so many checks without gain; 0 = never"}
    )
    alphas: tuple[float, ...] = field(
        default=(0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0),
        metadata={"tip": "mixes of old (0) and new (1) weights to choose from"},
    )
    forgetting: float = field(
        default=0.01,
        metadata={
            "min": 0.0,
            "max": 1.0,
            "tip": "Dice that old cases may lose, 0.01 = one point; the few that it is measured on "
            "may lose half of it, for others lose more",
        },
    )
    new_classes: tuple[str, ...] = field(
        default=(), metadata={"tip": "classes the model is to learn besides its own: 5=cyst"}
    )
    augment: AugmentConfig = field(default=_GENTLE)
    foreground: float = field(
        default=0.7, metadata={"tip": "share of patches around a labelled voxel"}
    )
    precision: str = field(
        default="auto",
        metadata={
            "choices": PRECISIONS,
            "tip": "auto: mixed on CUDA, float32 elsewhere; volumes on a CPU always float32",
        },
    )
    save_every: float = field(
        default=30.0,
        metadata={
            "min": 0.0,
            "tip": "seconds between two copies on disk, to resume from; 0 = after every step",
        },
    )
    seed: int = field(default=0)

    def __post_init__(self) -> None:
        check_choices(self, trained=TRAINED, validation=VALIDATIONS, precision=PRECISIONS)
        check_least(self, steps=0, batch_size=1, parts=1, validate_every=1)
        check_least(self, patience=0, seed=0)
        check_not_negative(self, "decoder_rate", "encoder_rate", "supervised", "changed_weight")
        check_not_negative(self, "save_every")
        check_not_negative(self, "distillation", "rehearsal", "pull", "gradient_clip", "forgetting")
        check_positive(self, "learning_rate", "temperature")
        check_share(self, "ema", "replay", all_of_it=False)
        check_share(self, "restyle", "warm_up", "foreground")
        check_share(self, "confidence", low=0.5)
        if not self.alphas or any(not 0 <= a <= 1 for a in self.alphas):
            raise ValueError(f"alphas must be numbers from 0 to 1, at least one: {self.alphas}")
