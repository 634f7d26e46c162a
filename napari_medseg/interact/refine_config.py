"""How much the model and the image weigh in lane 0."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.config import Config


@dataclass(frozen=True, kw_only=True)
class RefineConfig(Config):
    """How much the model and the image weigh beside the prompts."""

    model: float = field(
        default=1.0, metadata={"min": 0.0, "tip": "weight of the model; 1 is as measured"}
    )
    image: float = field(
        default=1.0, metadata={"min": 0.0, "tip": "weight of the image's look; 1 is as measured"}
    )
    blocks: int = field(
        default=1 << 16, metadata={"min": 1, "tip": "larger regions are thought over in blocks"}
    )

    def __post_init__(self) -> None:
        if self.model < 0 or self.image < 0 or self.blocks < 1:
            raise ValueError(
                "the weights of model and image are 0 or more and there is at least 1 block; got "
                f"{self.model}, {self.image} and {self.blocks}"
            )
