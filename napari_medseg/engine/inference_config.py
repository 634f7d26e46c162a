"""How a model is run over an image; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.config import Config

STRATEGIES = ("auto", "windows", "whole", "slices")


@dataclass(frozen=True, kw_only=True)
class InferenceConfig(Config):
    """How a model is run over an image."""

    strategy: str = field(
        default="auto",
        metadata={
            "choices": STRATEGIES,
            "tip": "auto: as the model was trained; slices: a 2D model through a volume",
        },
    )
    overlap: float = field(
        default=0.5,
        metadata={"min": 0.0, "max": 0.9, "tip": "share of a window that its neighbour repeats"},
    )
    window: tuple[int, ...] | None = field(
        default=None, metadata={"tip": "window in voxels; empty = the model's own"}
    )
    slice_axis: int | None = field(
        default=None, metadata={"tip": "axis a 2D model steps along; empty = largest spacing"}
    )
    flips: bool = field(
        default=False,
        metadata={"tip": "average over mirrored copies: often better, 4 to 8 times slower"},
    )
    crop_to_body: bool = field(
        default=True, metadata={"tip": "leave out the empty air around the body: faster"}
    )
    exact: bool = field(
        default=False,
        metadata={"tip": "no shortcuts: no crop; for comparing with other programs"},
    )
    probabilities: bool = field(default=False, metadata={"tip": "also return class probabilities"})
    uncertainty: bool = field(
        default=False, metadata={"tip": "also return the normalised entropy, 0 sure to 1 unsure"}
    )
    precision: str = field(
        default="auto",
        metadata={
            "choices": ("auto", "float32", "mixed"),
            "tip": "auto: mixed on CUDA, float32 elsewhere",
        },
    )

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {STRATEGIES}, got {self.strategy!r}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must be in [0, 1), got {self.overlap}")
        if self.precision not in ("auto", "float32", "mixed"):
            raise ValueError(f"precision must be auto, float32 or mixed, got {self.precision!r}")
        if self.window is not None and any(w < 1 for w in self.window):
            raise ValueError(f"window must be positive, got {self.window}")
