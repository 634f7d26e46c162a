"""The names and colours that a label file gives its values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


@dataclass(frozen=True)
class ClassName:
    """What a value of a label image is called.

    Parameters
    ----------
    value : int
        In the label image; not 0, which is background.
    name : str
        For people.
    colour : str
        Like "#e69f00"; empty where the file has none.
    """

    value: int
    name: str
    colour: str = ""


def hex_colour(rgb: Sequence[float]) -> str:
    """Return red, green and blue from 0 to 1 as "#rrggbb"; "" unless there are three."""
    if len(rgb) != 3:
        return ""
    return "#" + "".join(f"{min(max(round(255 * part), 0), 255):02x}" for part in rgb)


def colour_in(text: str) -> str:
    """Return a colour written "#rrggbb" or "rrggbb" as "#rrggbb", "" if it is none."""
    match = _HEX.fullmatch(text.strip())
    return f"#{match[1].lower()}" if match else ""


def classes_text(classes: Sequence[ClassName]) -> str:
    """Return classes as the JSON that label files carry; of none it still says "labels"."""
    said: dict[str, Any] = {
        "classes": {str(c.value): c.name for c in classes},
        "colours": {str(c.value): c.colour for c in classes if c.colour},
    }
    return json.dumps(said, ensure_ascii=False)


def classes_in(text: str) -> tuple[ClassName, ...] | None:
    """Return the classes that a text of `classes_text`, or a provenance, names; else None."""
    try:
        said = json.loads(text)
        colours = said.get("colours", {})
        return tuple(
            ClassName(int(value), str(name), colour_in(str(colours.get(value, ""))))
            for value, name in said["classes"].items()
        )
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
