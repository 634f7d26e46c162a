"""Prompts as they lie in files: in a project, and in the JSON file beside labels."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_medseg.interact.prompts import Prompt

Accepted = tuple[tuple[int, ...], tuple[Prompt, ...]]
"""An index along the axes before the spatial ones, and the prompts of it, the oldest first."""


def told(accepted: Sequence[Accepted]) -> list[dict[str, Any]]:
    """Return prompts as JSON values, which `accepted_in` reads."""
    return [
        {"at": list(at), "prompts": [prompt.to_dict() for prompt in prompts]}
        for at, prompts in accepted
    ]


def accepted_in(content: Any) -> list[Accepted]:
    """Return prompts from what `told` made of them.

    Raises
    ------
    ValueError
        If they are no prompts.
    """
    try:
        return [
            (tuple(map(int, one["at"])), tuple(Prompt.from_dict(each) for each in one["prompts"]))
            for one in content
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("the prompts kept with these labels are damaged") from error


def read_prompts(path: str | os.PathLike[str], labels: str | None = None) -> list[Prompt]:
    """Read the prompts of labels, the oldest first.

    Parameters
    ----------
    path : path
        A project (``NAME.medseg.json``), the JSON file beside labels that were saved, or a list
        of what `Prompt.to_dict` gives.
    labels : str or None
        Which labels of a project; None where only one has prompts.

    Raises
    ------
    ValueError
        If it holds no prompts, or those of several labels and `labels` does not say which.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
        if isinstance(content, list):
            content = {"prompts": [{"at": (), "prompts": content}] if content else []}
        kept = {path.stem: content} if "labels" not in content else {
            entry["name"]: entry.get("carried", {}) for entry in content["labels"]
        }  # fmt: skip
        found = {name: own["prompts"] for name, own in kept.items() if own.get("prompts")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name} is no project, not the JSON file beside labels and no list of prompts; "
            "choose one of these"
        ) from error
    if labels is None and len(found) > 1:
        raise ValueError(f"{path.name} has prompts of {', '.join(found)}; say which of them")
    name = next(iter(found), "") if labels is None else labels
    if name not in found:
        whose = "" if labels is None else f" of {labels}"
        raise ValueError(f"there are no prompts{whose} in {path.name}; choose another file")
    return [prompt for _, prompts in accepted_in(found[name]) for prompt in prompts]
