"""MSA²Net's settings and its entry in the list of architectures; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import Architecture

LAYOUTS = ("spatial", "raw")
BUILDS = ("paper", "head")
HEAD_CHANNELS = 32  # of the encoder's attention
CHANNEL_HEADS = 8  # of the decoder's attention among channels


@dataclass(frozen=True, kw_only=True)
class MSA2NetConfig(NetConfig):
    """The shape of an MSA²Net.

    Parameters
    ----------
    width : int
        Channels at stride 4, a multiple of 32; each stage after it has twice as many.
    stem_width : int
        Channels at stride 2, an even number.
    depths : tuple of int
        Encoder blocks at strides 4, 8, 16 and 32.
    layout : str
        "spatial" reads tokens as the map they came from. "raw" repeats the published code, which
        takes the memory of ``(N, C)`` tokens for a ``(C, H, W)`` map: published weights know
        nothing else, and only 224 x 224 pixels.
    build : str
        "paper" decodes stride 16 with dual attention and a gate, "head" as the published code at
        its last commit does: with large kernels and no gate.
    deep_blocks : bool
        Run the dual attention at stride 32 too, which the published code builds and never runs.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    width: int = field(default=96, metadata={"tip": "channels at stride 4, a multiple of 32"})
    stem_width: int = field(default=64, metadata={"tip": "channels at stride 2, even"})
    depths: tuple[int, ...] = field(
        default=(2, 2, 5, 2), metadata={"tip": "encoder blocks at strides 4, 8, 16, 32"}
    )
    layout: str = field(
        default="spatial",
        metadata={"choices": LAYOUTS, "tip": "the paper's maps or the published code's tokens"},
    )
    build: str = field(
        default="paper",
        metadata={"choices": BUILDS, "tip": "the paper's decoder or that of the last commit"},
    )
    deep_blocks: bool = field(default=False, metadata={"tip": "dual attention at stride 32 too"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < HEAD_CHANNELS or self.width % HEAD_CHANNELS:
            raise ValueError(f"width must be a multiple of {HEAD_CHANNELS}, got {self.width}")
        if self.stem_width < 2 or self.stem_width % 2:
            raise ValueError(f"stem_width must be an even number, got {self.stem_width}")
        if len(self.depths) != 4 or any(d < 1 for d in self.depths):
            raise ValueError(f"depths must be 4 numbers of at least 1, got {self.depths}")
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}")
        if self.build not in BUILDS:
            raise ValueError(f"build must be one of {', '.join(BUILDS)}, got {self.build!r}")
        if self.deep_blocks and (self.build, self.layout) != ("paper", "spatial"):
            raise ValueError("deep_blocks needs build='paper' and layout='spatial'")

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels at strides 4, 8, 16 and 32."""
        return self.width, 2 * self.width, 4 * self.width, 8 * self.width


ARCHITECTURE = Architecture(
    name="msa2net",
    title="MSA²Net",
    config=MSA2NetConfig,
    builder="napari_medseg.networks.msa2net.network:MSA2Net",
    spatial_dims=(2,),
    presets={
        ("small", 2): {"width": 32, "stem_width": 16, "depths": (1, 1, 2, 1)},
        ("base", 2): {},
        ("large", 2): {"deep_blocks": True},
    },
    paper="https://arxiv.org/abs/2407.21640",
    code="https://github.com/xmindflow/MSA-2Net",
    code_licence="MIT",
)
