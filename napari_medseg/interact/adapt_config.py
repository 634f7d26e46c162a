"""How strongly lane 1 bends a model's answer to the prompts; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.config import Config


@dataclass(frozen=True, kw_only=True)
class AdaptConfig(Config):
    """How strongly a model's answer bends to the prompts."""

    near: float = field(
        default=6.0, metadata={"min": 0.0, "tip": "log-odds a prompt may add in its surroundings"}
    )
    features: float = field(
        default=1.0, metadata={"min": 0.0, "tip": "freedom of the head on the network's features"}
    )
    image: float = field(
        default=2.0, metadata={"min": 0.0, "tip": "freedom of the head on the image's own values"}
    )
    bias: float = field(
        default=3.0, metadata={"min": 0.0, "tip": "log-odds a class may gain everywhere, in doubt"}
    )
    slope: float = field(
        default=1.0, metadata={"min": 0.0, "tip": "how much surer or less sure a model may be made"}
    )
    always: float = field(
        default=0.3, metadata={"min": 0.0, "max": 1.0, "tip": "share of both without any doubt"}
    )
    seeds: float = field(
        default=10.0, metadata={"min": 0.0, "tip": "weight of a prompt against all restraints"}
    )
    pull: float = field(
        default=3.0, metadata={"min": 0.0, "tip": "weight of staying with the model elsewhere"}
    )
    sure: float = field(
        default=6.0, metadata={"min": 0.1, "tip": "log-odds beyond which a model is not believed"}
    )

    def __post_init__(self) -> None:
        freedom = (self.near, self.features, self.image, self.bias, self.slope)
        weights = (*freedom, self.seeds, self.pull)
        if min(weights) < 0 or self.sure <= 0:
            raise ValueError(
                "the strengths of lane 1 are 0 or more and `sure` is above 0; got "
                f"{weights} and {self.sure}"
            )
