"""Frozen settings that go to JSON and back; the base of every config and card."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Self


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of the frozen dataclasses that configure networks, inference and training.

    A subclass validates itself in ``__post_init__`` and describes a field with
    ``field(default=..., metadata={"tip": ..., "min": ..., "max": ..., "choices": ...})``,
    which feeds the tooltips of forms and the help of the command line.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values (tuples become lists)."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make a config from `to_dict`'s result.

        Raises
        ------
        ValueError
            If a field is unknown or missing, or a value is not allowed.
        """
        if not isinstance(values, dict):
            raise ValueError(f"{cls.__name__} must be a JSON object, got {type(values).__name__}")
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"{cls.__name__} has no field {', '.join(unknown)}; "
                f"it has {', '.join(sorted(known))}"
            )
        hints = typing.get_type_hints(cls)
        try:
            return cls(**{name: _typed(hints[name], value) for name, value in values.items()})
        except TypeError as error:
            raise ValueError(f"{cls.__name__}: {error}") from error

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; validated like a new one."""
        return dataclasses.replace(self, **changes)


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.to_dict()
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return value


def _typed(hint: Any, value: Any) -> Any:
    """Undo `_plain` as far as `hint` tells: lists become tuples, objects become configs."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if value is None:
            return None
        choices = [h for h in typing.get_args(hint) if h is not type(None)]
        return _typed(choices[0], value) if len(choices) == 1 else value
    if isinstance(hint, type) and issubclass(hint, Config):
        return value if isinstance(value, hint) else hint.from_dict(value)
    if typing.get_origin(hint) is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(hint)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_typed(inner[0], v) for v in value)
        if len(inner) == len(value):
            return tuple(_typed(h, v) for h, v in zip(inner, value, strict=True))
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
