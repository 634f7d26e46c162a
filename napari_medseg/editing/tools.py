"""All tools, in the order of the Edit panel."""

from __future__ import annotations

from napari_medseg.editing import (
    boxes,
    combine,
    components,
    holes,
    intensity,
    mirror,
    morphology,
    region,
    slices,
    smoothing,
    split,
)
from napari_medseg.editing.tool import Tool

_FILES = (
    components,
    holes,
    morphology,
    smoothing,
    slices,
    intensity,
    region,
    split,
    combine,
    mirror,
    boxes,
)

TOOLS: dict[str, Tool] = {tool.name: tool for file in _FILES for tool in file.TOOLS}
