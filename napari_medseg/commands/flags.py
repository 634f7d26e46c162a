"""Command line flags made from a config, so that each default and its help exist once."""

from __future__ import annotations

import argparse
import dataclasses
import json
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from napari_medseg.config import Config

C = TypeVar("C", bound=Config)


def add_flags(
    parser: argparse._ActionsContainer,
    config: type[Config],
    *,
    skip: Sequence[str] = (),
    prefix: str = "",
) -> None:
    """Add a flag for every field of `config`; fields that are configs get a flag per field.

    A flag nobody gives leaves no trace, so that `changes` tells what was asked for.

    Parameters
    ----------
    parser : ArgumentParser or argument group
        Where the flags go.
    config : type
        A subclass of `Config`; the metadata of its fields makes the help.
    skip : sequence of str
        Fields without a flag.
    prefix : str
        Put before the names, for configs inside configs ("augment.").
    """
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        hint = hints[field.name]
        if field.name in skip:
            continue
        if isinstance(hint, type) and issubclass(hint, Config):
            add_flags(parser, hint, prefix=f"{prefix}{field.name}.")
            continue
        flag = "--" + f"{prefix}{field.name}".replace("_", "-").replace(".", "-")
        dest = _dest(prefix, field.name)
        words: dict[str, Any] = {"dest": dest, "default": argparse.SUPPRESS, "help": _help(field)}
        if hint is bool:
            words["action"] = argparse.BooleanOptionalAction
        elif dict in (hint, typing.get_origin(hint)):
            words["action"], words["metavar"] = _Fields, "NAME=VALUE"
        elif typing.get_origin(hint) is tuple and typing.get_args(hint)[0] is str:
            words |= {"action": _Words, "nargs": "+", "metavar": "TEXT"}
        elif "choices" in field.metadata and _inner(hint) is str:
            words["choices"] = tuple(field.metadata["choices"])
        else:
            words["type"], words["metavar"] = _reader(hint)
        parser.add_argument(flag, **words)


def changes(args: argparse.Namespace, config: type[Config], prefix: str = "") -> dict[str, Any]:
    """Return the fields of `config` that were given as flags.

    Configs inside `config` are dicts of the fields that were given, ready for `apply`.
    """
    hints = typing.get_type_hints(config)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, Config):
            inner = changes(args, hint, f"{prefix}{field.name}.")
            if inner:
                given[field.name] = inner
        elif hasattr(args, _dest(prefix, field.name)):
            given[field.name] = getattr(args, _dest(prefix, field.name))
    return given


def apply(base: C, given: dict[str, Any]) -> C:
    """Return `base` with the fields `changes` found set, inner configs field by field."""
    values = {
        name: apply(getattr(base, name), value)
        if isinstance(getattr(base, name), Config)
        else value
        for name, value in given.items()
    }
    return base.replace(**values)


def _dest(prefix: str, name: str) -> str:
    return f"field:{prefix}{name}"


def _help(field: dataclasses.Field[Any]) -> str:
    default = field.default
    if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    if isinstance(default, tuple | list):
        default = ",".join(str(v) for v in default)
    if default is None or default == "" or default == {}:
        default = "none"
    if isinstance(default, bool):
        default = "on" if default else "off"
    tip = field.metadata.get("tip", "")
    return f"{tip} (default: {default})".strip().replace("%", "%%")


def _inner(hint: Any) -> Any:
    """Return the type a hint is about: ``int | None`` is about int."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(h for h in typing.get_args(hint) if h is not type(None))
    return hint


def _reader(hint: Any) -> tuple[Callable[[str], Any], str]:
    """Return what reads a value from its text, and how the help names it."""
    inner = _inner(hint)
    if typing.get_origin(inner) is tuple:
        of = typing.get_args(inner)[0]
        name = {int: "N", float: "X"}[of]
        return _list_of(of), f"{name},{name},..."
    return _one(inner, optional=inner is not hint), {int: "N", float: "X"}.get(inner, "TEXT")


def _one(kind: Callable[[str], Any], *, optional: bool) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if optional and text.lower() == "none":
            return None
        try:
            return kind(text)
        except ValueError as error:
            what = {int: "a whole number", float: "a number"}.get(typing.cast("type", kind))
            raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}") from error

    return read


def _list_of(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text.lower() == "none":
            return None
        try:
            return tuple(kind(part) for part in text.lower().replace("x", ",").split(","))
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"expected numbers with commas between them, such as 64,64,32, got {text!r}"
            ) from error

    return read


class _Words(argparse.Action):
    """Gather texts, with spaces or commas between them: ``1=liver 2=spleen``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        words = tuple(word.strip() for value in values for word in value.split(","))
        setattr(namespace, self.dest, words)


class _Fields(argparse.Action):
    """Gather ``NAME=VALUE`` pairs, one a flag, values as JSON where they are."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        name, equals, text = str(values).partition("=")
        if not (name and equals):
            parser.error(f"argument {option_string}: expected NAME=VALUE, got {values!r}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        fields = {**getattr(namespace, self.dest, {}), name: value}
        setattr(namespace, self.dest, fields)
