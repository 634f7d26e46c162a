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
    "edit": "scope",
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
