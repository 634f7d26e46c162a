"""What is laid over an image: overlays, one map after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Image

if TYPE_CHECKING:
    from napari_medseg.explain.overlay import Overlay


@dataclass(frozen=True, eq=False)
class Seen:
    """Overlays, the image they are of, and its time.

    Parameters
    ----------
    image : Image
        The image.
    step : tuple of int
        Its index along the axes before the spatial ones.
    overlays : tuple of Overlay
        What was found.
    what : str
        What was asked for: of the same, the same map is shown again.
    """

    image: Image
    step: tuple[int, ...]
    overlays: tuple[Overlay, ...]
    what: str = ""

    def maps(self) -> list[tuple[Overlay, int]]:
        """Return every map: its overlay and its index there; a picture in colours is one."""
        return [
            (overlay, index)
            for overlay in self.overlays
            for index in range(1 if overlay.kind == "rgb" else len(overlay.values))
        ]


def called(overlay: Overlay) -> str:
    """Return what people call an overlay; attention is called by what it shows."""
    return overlay.words if ":" in overlay.name else overlay.name


def title(overlay: Overlay, index: int, *, score: bool = True) -> str:
    """Return what a map is called, without its `score`, which is another one on each slice."""
    alone = overlay.kind == "rgb" or len(overlay.values) == 1
    channel = "" if alone else overlay.channels[index]
    channel = channel if score else channel.partition(" (")[0]
    return f"{channel} · {called(overlay)}" if channel else called(overlay)
