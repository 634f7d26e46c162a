"""LGMSNet's settings and its entry in the list of architectures; imports without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import Architecture

VARIANTS = ("reference", "paper")


@dataclass(frozen=True, kw_only=True)
class LGMSNetConfig(NetConfig):
    """The shape of an LGMSNet.

    Parameters
    ----------
    widths : tuple of int
        Channels at strides 1, 2, 4, 8 and 16, multiples of 4.
    depths : tuple of int
        Local blocks at strides 1, 2 and 4.
    variant : str
        "reference" computes what the published code computes, "paper" what the text says.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    widths: tuple[int, ...] = field(
        default=(16, 32, 64, 128, 128),
        metadata={"tip": "channels at strides 1, 2, 4, 8, 16; multiples of 4"},
    )
    depths: tuple[int, ...] = field(
        default=(1, 1, 1), metadata={"tip": "local blocks at strides 1, 2, 4"}
    )
    variant: str = field(
        default="reference",
        metadata={"choices": VARIANTS, "tip": "the published code or the paper's formulas"},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) != 5 or any(w < 4 or w % 4 for w in self.widths):
            raise ValueError(f"widths must be 5 positive multiples of 4, got {self.widths}")
        if len(self.depths) != 3 or any(d < 1 for d in self.depths):
            raise ValueError(f"depths must be 3 numbers of at least 1, got {self.depths}")
        if self.variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {self.variant!r}")


_SMALL = {"widths": (8, 16, 32, 64, 64)}
_BASE = {"widths": (16, 32, 64, 128, 128)}
_LARGE = {"widths": (32, 64, 128, 160, 256), "depths": (1, 1, 2)}  # "L1" of the published code

ARCHITECTURE = Architecture(
    name="lgmsnet",
    title="LGMSNet",
    config=LGMSNetConfig,
    builder="napari_medseg.networks.lgmsnet.network:LGMSNet",
    spatial_dims=(2, 3),
    presets={
        ("small", 2): _SMALL,
        ("base", 2): _BASE,
        ("large", 2): _LARGE,
        ("small", 3): _SMALL,
        ("base", 3): _BASE,
        ("large", 3): _LARGE,
    },
    paper="https://arxiv.org/abs/2508.15476",
    code="https://github.com/cq-dong/LGMSNet",
    code_licence="none",
)
