"""By which steps labels differ from what is saved: those done since, and those undone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Outstanding:
    """The steps by which labels differ from what was saved last.

    A step that was done and undone is none of them; one that was saved and then undone is.
    """

    def __init__(self) -> None:
        self._done: dict[int, bool] = {}
        self._undone: dict[int, bool] = {}
        self.confirmed = 0  # how often a person found a box right
        self.others = False  # whether classes or notes were changed

    @property
    def corrections(self) -> int:
        """How many of the steps are a person's."""
        return sum(self._done.values()) + sum(self._undone.values())

    @property
    def answers(self) -> int:
        """How many of the steps are answers of a model."""
        return len(self._done) + len(self._undone) - self.corrections

    @property
    def in_labels(self) -> bool:
        """Whether the labels themselves differ."""
        return bool(self._done or self._undone)

    def __bool__(self) -> bool:
        return self.in_labels or self.confirmed > 0 or self.others

    def note(self, step: int, happened: str, by_person: bool) -> None:
        """Note that a step was "done", "undone" or "redone"."""
        there, back = self._done, self._undone
        if happened == "undone":
            there, back = back, there
        if step in back:
            del back[step]
        else:
            there[step] = by_person

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "done": self._done,
            "undone": self._undone,
            "confirmed": self.confirmed,
            "others": self.others,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote; of nothing, nothing."""
        one = cls()
        for steps, name in ((one._done, "done"), (one._undone, "undone")):
            steps.update({int(s): bool(who) for s, who in content.get(name, {}).items()})
        one.confirmed = int(content.get("confirmed", 0))
        one.others = bool(content.get("others", False))
        return one
