"""All tools, in the order of the Edit panel."""

from __future__ import annotations

import importlib
import importlib.util

from napari_medseg.editing.tool import Tool

_FILES = (
    "components",
    "holes",
    "morphology",
    "smoothing",
    "slices",
    "intensity",
    "region",
    "split",
    "combine",
    "mirror",
    "boxes",
)

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for name in _FILES
    if importlib.util.find_spec(f"napari_medseg.editing.{name}") is not None
    for tool in importlib.import_module(f"napari_medseg.editing.{name}").TOOLS
}
