"""Inserting layers without what napari does besides: to choose them, to make room for drawing.

Private names of napari lie here: ``_activate_on_insert`` of its list of layers, and ``_overlays``
of a layer. Both together take half of the time for which the window stops when a layer comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari.components import LayerList
from napari.layers import Labels

_TOOLS = ("polygon", "brush_stroke")


@contextmanager
def unchosen(layers: LayerList) -> Iterator[None]:
    """Let layers be inserted without becoming the selected ones; nobody is told of a selection."""
    before = layers._activate_on_insert
    layers._activate_on_insert = False
    try:
        yield
    finally:
        layers._activate_on_insert = before


def leave_out_tools(layer: Labels) -> None:
    """Leave out what polygons and strokes are drawn with, in a layer that nobody edits.

    It must not be in a viewer yet.
    """
    overlays = layer._overlays
    for tool in _TOOLS:
        overlays[tool].visible = False  # the canvas makes those that are seen
