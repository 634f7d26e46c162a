"""Interactive segmentation: prompts as data, and the answers any loaded network gives to them.

The names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "InteractConfig": "interaction",
    "Interaction": "interaction",
    "Prompt": "prompts",
    "RobotConfig": "robot",
    "next_prompt": "robot",
    "read_prompts": "prompt_files",
    "replay": "replaying",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
