"""GLAD-Net's settings and its entry in the list of architectures; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import Architecture

LEVELS = 3  # poolings, and so stages that can be distilled
_CHOICES = {
    "glam_fuse": ("skm", "direct"),
    "cmsf": ("skm", "sum", "none"),
    "regressor": ("kan", "linear"),
    "norm": ("batch", "group"),
}


@dataclass(frozen=True, kw_only=True)
class GLADNetConfig(NetConfig):
    """The shape of a GLAD-Net, every ablation of its paper a switch.

    Parameters
    ----------
    width : int
        Channels at full resolution, doubled at each of the three poolings; a multiple of 8.
    glam, glam_split, glam_heads, glam_fuse
        Attention at the coarsest level (Table 2), in that many channel groups of that many heads
        each, its answer selected per channel or added (Table 3).
    csca_channel, csca_spatial : bool
        The two attentions on the skip connections (Table 4); without both there is none (Table 2).
    cmsf : str
        How a decoder stage takes in the stage before the last: selected per channel, added, or
        not at all (Table 5).
    cssd_stages, cssd_decay, cssd_weight, cssd_detach, cssd_normalise
        The self-distillation: how many stages, finest first (0 is none), whether stage i weighs
        ``cssd_weight ** i`` or 1 (Table 6), whether only the encoder follows, and whether
        features are compared by direction instead of value.
    regressor : str
        What computes the gates: Kolmogorov-Arnold or linear layers (Table 7).
    norm : str
        "group" for training from scratch with batches below 4.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    width: int = field(default=32, metadata={"tip": "channels at full resolution", "min": 8})
    glam: bool = field(default=True, metadata={"tip": "attention at the coarsest level"})
    glam_split: int = field(default=4, metadata={"tip": "channel groups that attend apart"})
    glam_heads: int = field(default=4, metadata={"tip": "heads in each group"})
    glam_fuse: str = field(default="skm", metadata={"choices": _CHOICES["glam_fuse"]})
    csca_channel: bool = field(default=True, metadata={"tip": "channel attention on skips"})
    csca_spatial: bool = field(default=True, metadata={"tip": "spatial attention on skips"})
    cmsf: str = field(default="skm", metadata={"choices": _CHOICES["cmsf"]})
    cssd_stages: int = field(default=1, metadata={"min": 0, "max": LEVELS})
    cssd_decay: bool = field(default=True, metadata={"tip": "coarser stages weigh less"})
    cssd_weight: float = field(default=0.5, metadata={"tip": "omega of the paper", "min": 0})
    cssd_detach: bool = field(default=True, metadata={"tip": "the decoder does not follow"})
    cssd_normalise: bool = field(default=False, metadata={"tip": "compare directions only"})
    regressor: str = field(default="kan", metadata={"choices": _CHOICES["regressor"]})
    norm: str = field(default="batch", metadata={"choices": _CHOICES["norm"]})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        if self.width < 8 or self.width % 8:
            raise ValueError(f"width must be a positive multiple of 8, got {self.width}")
        if self.glam_split < 1 or self.glam_heads < 1 or self.deepest % self._glam_parts:
            raise ValueError(
                f"glam_split ({self.glam_split}) times glam_heads ({self.glam_heads}) must divide "
                f"the {self.deepest} channels of the coarsest level"
            )
        if not 0 <= self.cssd_stages <= LEVELS:
            raise ValueError(f"cssd_stages must be 0 to {LEVELS}, got {self.cssd_stages}")
        if self.cssd_weight < 0:
            raise ValueError(f"cssd_weight must be at least 0, got {self.cssd_weight}")

    @property
    def deepest(self) -> int:
        """Channels at the coarsest level."""
        return self.width * 2**LEVELS

    @property
    def _glam_parts(self) -> int:
        return self.glam_split * self.glam_heads


ARCHITECTURE = Architecture(
    name="gladnet",
    title="GLAD-Net",
    config=GLADNetConfig,
    builder="napari_medseg.networks.gladnet.network:GLADNet",
    spatial_dims=(2,),
    presets={
        ("small", 2): {"width": 16},
        ("base", 2): {"width": 32},
        ("large", 2): {"width": 64},  # the paper's scale
    },
    paper="https://github.com/XiLinky/GLAD-Net",  # the proceedings have no open address
    code="https://github.com/XiLinky/GLAD-Net",
    code_licence="not available",
)
