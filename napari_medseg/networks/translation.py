"""What an architecture knows of the names in its published checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from napari_medseg.networks.config import NetConfig


@dataclass(frozen=True)
class Translation:
    """How to read one published state.

    Parameters
    ----------
    config : NetConfig
        Read off its names and shapes.
    names : dict of str to (str or None)
        Published name to ours; None for what never runs.
    build : str
        Which published network it is, in words.
    """

    config: NetConfig
    names: dict[str, str | None]
    build: str


def shape_of(theirs: Mapping[str, Tensor], key: str, *, dims: int) -> tuple[int, ...]:
    """Return the shape of a tensor that must be there with so many dimensions.

    Raises
    ------
    ValueError
        If it is missing or has another number of dimensions.
    """
    if key not in theirs:
        raise ValueError(f"the tensor {key} is missing; the file is not complete")
    shape = tuple(theirs[key].shape)
    if len(shape) != dims:
        raise ValueError(
            f"{key} has {len(shape)} dimensions instead of {dims}; the file was made by other code"
        )
    return shape


def count(theirs: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbered parts there are: the highest number after `prefix` plus one."""
    number = re.compile(re.escape(prefix) + r"(\d+)\.")
    return 1 + max((int(m[1]) for m in map(number.match, theirs) if m), default=-1)


class Names:
    """Renames by prefix: the longest that fits is replaced, for a stage and then for its part."""

    def __init__(self, stages: Mapping[str, str | None], parts: Mapping[str, str]) -> None:
        self._stages = sorted(stages.items(), key=lambda item: -len(item[0]))
        self._parts = parts
        longest_first = sorted(parts, key=len, reverse=True)
        self._part = re.compile(r"(?<=\.)(" + "|".join(map(re.escape, longest_first)) + ")")

    def __call__(self, key: str) -> str | None:
        """Return our name of a published tensor; None if it never runs.

        Raises
        ------
        ValueError
            If no published checkpoint has such a tensor.
        """
        for prefix, stage in self._stages:
            if key.startswith(prefix):
                if stage is None:
                    return None
                rest = self._part.sub(
                    lambda part: self._parts[part.group()], "." + key[len(prefix) :]
                )
                return stage + rest[1:]
        raise ValueError(
            f"no published checkpoint has a tensor {key!r}; the file was made by other code"
        )
