"""Images larger than memory, segmented block by block into a file that is seen filling in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medseg.widgets.floating import Floating
from napari_medseg.widgets.large.blocks_window import BlocksWindow

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

_window = Floating(BlocksWindow, "Segment block by block", (460, 300))


def show_blocks(viewer: Viewer, image: Image) -> BlocksWindow:
    """Open the window that segments `image` block by block into a file."""
    window = _window.show(viewer)
    window.show_image(image)
    return window
