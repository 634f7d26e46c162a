"""MSD-KMamba's settings and its entry in the list of architectures; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import Architecture

LEVELS = 5  # strides 1, 2, 4, 8, 16
_CHOICES = {
    "ssm": ("ssd", "s6"),
    "kan": ("channel", "dense", "none"),
    "teacher": ("fused", "finest"),
}


@dataclass(frozen=True, kw_only=True)
class MSDKMambaConfig(NetConfig):
    """The shape of an MSD-KMamba, whose channels are modalities of one volume.

    Parameters
    ----------
    widths : tuple of int
        Channels at strides 1, 2, 4, 8 and 16, multiples of 8.
    depths : tuple of int
        State-space blocks at each stride.
    axes : int
        Axis orders in which a volume is read as a sequence: 1 (D, H, W) or all 3.
    states : int
        Numbers N that a state-space block remembers per channel.
    ssm : str
        "ssd" has one decay per head of channels (Mamba-2), "s6" one per channel and state
        (Mamba-1).
    kan : str
        The feed-forward's curves: one per hidden channel, "dense" one per pair of channels, or
        "none".
    teacher : str
        The network's answer, which also teaches the coarser levels: a fusion of all levels, or
        the finest alone.
    modality_dropout : float
        Probability with which training leaves a modality out; above 0 the trained network can do
        without some. At least one is always kept.
    distillation : float
        Weight of the self-distillation in training; 0 turns it off.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    spatial_dims: int = field(default=3, metadata={"tip": "volumes only"})
    widths: tuple[int, ...] = field(
        default=(16, 32, 64, 128, 256),
        metadata={"tip": "channels at strides 1, 2, 4, 8, 16; multiples of 8"},
    )
    depths: tuple[int, ...] = field(
        default=(0, 0, 2, 2, 2), metadata={"tip": "state-space blocks at each stride"}
    )
    axes: int = field(default=3, metadata={"choices": (1, 3), "tip": "orders of reading a volume"})
    states: int = field(default=16, metadata={"min": 1, "tip": "remembered per channel"})
    ssm: str = field(default="ssd", metadata={"choices": _CHOICES["ssm"]})
    kan: str = field(default="channel", metadata={"choices": _CHOICES["kan"]})
    teacher: str = field(default="fused", metadata={"choices": _CHOICES["teacher"]})
    modality_dropout: float = field(
        default=0.25, metadata={"min": 0, "tip": "probability of leaving a modality out"}
    )
    distillation: float = field(
        default=1.0, metadata={"min": 0, "tip": "weight of the self-distillation; 0 = off"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        if len(self.widths) != LEVELS or any(w < 8 or w % 8 for w in self.widths):
            raise ValueError(f"widths must be {LEVELS} positive multiples of 8, got {self.widths}")
        if len(self.depths) != LEVELS or any(d < 0 for d in self.depths):
            raise ValueError(f"depths must be {LEVELS} numbers of at least 0, got {self.depths}")
        if self.axes not in (1, 3):
            raise ValueError(f"axes must be 1 or 3, got {self.axes}")
        if self.states < 1:
            raise ValueError(f"states must be at least 1, got {self.states}")
        if not 0 <= self.modality_dropout < 1:
            raise ValueError(f"modality_dropout must be in [0, 1), got {self.modality_dropout}")
        if self.distillation < 0:
            raise ValueError(f"distillation must be at least 0, got {self.distillation}")


ARCHITECTURE = Architecture(
    name="msd_kmamba",
    title="MSD-KMamba",
    config=MSDKMambaConfig,
    builder="napari_medseg.networks.msd_kmamba.network:MSDKMamba",
    spatial_dims=(3,),
    presets={
        ("small", 3): {"widths": (8, 16, 32, 64, 128)},
        ("base", 3): {"widths": (16, 32, 64, 128, 256)},
        ("large", 3): {"widths": (32, 64, 128, 256, 320)},
    },
    paper="https://arxiv.org/abs/2509.23677",
    code="https://github.com/daimao-zhang/MSD-KMamba",
    code_licence="not available",
)
