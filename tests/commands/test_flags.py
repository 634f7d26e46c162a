from __future__ import annotations

import argparse
from dataclasses import dataclass, field, fields
from typing import Any

import pytest

from napari_medseg.commands.flags import add_flags, apply, changes
from napari_medseg.config import Config
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.training_config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class Inner(Config):
    strength: float = field(default=0.5, metadata={"tip": "how much, 50 % of all"})
    on: bool = True


@dataclass(frozen=True, kw_only=True)
class Outer(Config):
    steps: int = 10
    mode: str = field(default="fast", metadata={"choices": ("fast", "slow")})
    window: tuple[int, ...] | None = None
    limits: tuple[float, float] | None = None
    names: tuple[str, ...] = ()
    axis: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


def parse(words: str | list[str], config: type[Config] = Outer) -> Config:
    parser = argparse.ArgumentParser()
    add_flags(parser, config)
    args = parser.parse_args(words.split() if isinstance(words, str) else words)
    return apply(config(), changes(args, config))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", {}),
        ("--steps 3", {"steps": 3}),
        ("--mode slow", {"mode": "slow"}),
        ("--window 64,32,16", {"window": (64, 32, 16)}),
        ("--window 64x32", {"window": (64, 32)}),
        ("--window none", {"window": None}),
        ("--limits=-100,300.5", {"limits": (-100.0, 300.5)}),
        ("--names 1=liver,2=spleen", {"names": ("1=liver", "2=spleen")}),
        (["--names", "1=left kidney,2=spleen"], {"names": ("1=left kidney", "2=spleen")}),
        ("--names 1=liver 2=spleen", {"names": ("1=liver", "2=spleen")}),
        ("--axis 2", {"axis": 2}),
        ("--axis none", {"axis": None}),
        ("--extra a=[1,2] --extra b=text", {"extra": {"a": [1, 2], "b": "text"}}),
        ("--inner-strength 1", {"inner": Inner(strength=1.0)}),
        ("--no-inner-on", {"inner": Inner(on=False)}),
    ],
)
def test_words_become_fields_and_the_rest_keeps_its_default(words, expected):
    assert parse(words) == Outer(**expected)


def test_a_config_inside_keeps_what_the_base_says():
    parser = argparse.ArgumentParser()
    add_flags(parser, Outer)
    given = changes(parser.parse_args(["--no-inner-on"]), Outer)
    assert apply(Outer(inner=Inner(strength=0.1)), given).inner == Inner(strength=0.1, on=False)


@pytest.mark.parametrize(
    "words", ["--steps many", "--window 1,b", "--mode warp", "--extra nothing", "--limits a"]
)
def test_a_value_that_cannot_be_read_is_said_and_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(words)
    assert stop.value.code == 2
    assert words.split()[0] in capsys.readouterr().err


def test_help_tells_the_tip_and_the_default(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "how much, 50 % of all (default: 0.5)" in text
    assert "(default: on)" in text
    assert "(default: none)" in text


def test_what_the_config_refuses_is_refused():
    with pytest.raises(ValueError, match="overlap must be in"):
        parse("--overlap 1.5", InferenceConfig)


@pytest.mark.parametrize("config", [InferenceConfig, TrainingConfig])
def test_every_field_has_a_flag_and_every_flag_a_help(config):
    parser = argparse.ArgumentParser()
    add_flags(parser, config)
    dests = {action.dest.removeprefix("field:").partition(".")[0] for action in parser._actions}
    assert {f.name for f in fields(config)} <= dests
    assert all(action.help for action in parser._actions)
    assert parse("", config) == config()
