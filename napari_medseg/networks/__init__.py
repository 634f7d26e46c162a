"""Networks: images in, class logits out. The list of them imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.gladnet.config import ARCHITECTURE as _GLADNET
from napari_medseg.networks.lgmsnet.config import ARCHITECTURE as _LGMSNET
from napari_medseg.networks.msa2net.config import ARCHITECTURE as _MSA2NET
from napari_medseg.networks.msd_kmamba.config import ARCHITECTURE as _MSD_KMAMBA
from napari_medseg.networks.registry import Architecture

if TYPE_CHECKING:
    from napari_medseg.networks.base import SegmentationNetwork

_ARCHITECTURES = (_LGMSNET, _GLADNET, _MSA2NET, _MSD_KMAMBA)


def architectures() -> dict[str, Architecture]:
    """Return every architecture by name."""
    return {architecture.name: architecture for architecture in _ARCHITECTURES}


def find_architecture(name: str) -> Architecture:
    """Return an architecture by its name.

    Raises
    ------
    ValueError
        If there is none; a name that is near is said.
    """
    known = architectures()
    if name not in known:
        meant = did_you_mean(name, known)
        raise ValueError(f"no architecture {name!r}{meant}; there are {', '.join(known)}")
    return known[name]


def create_network(name: str, *, preset: str = "base", **fields: Any) -> SegmentationNetwork:
    """Build a network with freshly initialised weights.

    Parameters
    ----------
    name : str
        A key of `architectures`.
    preset : str
        "small", "base" or "large".
    **fields : Any
        Fields of the architecture's config: ``spatial_dims``, ``in_channels``, ``num_classes``
        and whatever else it has.

    Raises
    ------
    ValueError
        If there is no such architecture or preset, or a field is not allowed.
    """
    architecture = find_architecture(name)
    return architecture.build(architecture.preset(preset, **fields))
