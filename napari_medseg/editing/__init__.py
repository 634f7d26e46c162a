"""Editing tools: pure functions from labels to labels, in mm, in 2D and 3D."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES: dict[str, str] = {
    "Scene": "tool",
    "Scope": "scope",
    "TOOLS": "tools",
    "Tool": "tool",
    "apply": "tool",
    "clear_inside": "boxes",
    "clear_outside": "boxes",
    "closing": "morphology",
    "copy_slice": "slices",
    "crop": "boxes",
    "cut_objects": "cuts",
    "edit": "scope",
    "fill_holes": "holes",
    "fill_range": "intensity",
    "grow": "morphology",
    "grow_region": "region",
    "hollow": "morphology",
    "interpolate_slices": "slices",
    "keep_clicked": "components",
    "keep_largest": "components",
    "keep_range": "intensity",
    "logical": "combine",
    "merge": "combine",
    "midline": "mirror",
    "mirror_label": "mirror",
    "move_clicked": "combine",
    "opening": "morphology",
    "relabel": "combine",
    "remove_clicked": "components",
    "remove_small": "components",
    "renumber": "combine",
    "shrink": "morphology",
    "smooth": "smoothing",
    "smooth_all": "smoothing",
    "split_objects": "necks",
    "swap": "combine",
    "touched_box": "scope",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
