import math
from dataclasses import fields

import pytest

from napari_medseg.engine.finetune_config import FineTuneConfig


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trained": "some"}, "trained must be one of"),
        ({"validation": "half"}, "validation must be one of"),
        ({"precision": "double"}, "precision must be one of"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"parts": 0}, "parts must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"distillation": -0.1}, "distillation must be at least 0"),
        ({"pull": -1.0}, "pull must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\)"),
        ({"replay": 1.0}, r"replay must be in \[0, 1\)"),
        ({"restyle": 1.5}, r"restyle must be in \[0, 1\]"),
        ({"confidence": 0.4}, r"confidence must be in \[0.5, 1\]"),
        ({"restyle": math.nan}, r"restyle must be in \[0, 1\]"),
        ({"warm_up": 2.0}, r"warm_up must be in \[0, 1\]"),
        ({"foreground": -0.5}, r"foreground must be in \[0, 1\]"),
        ({"learning_rate": math.nan}, "learning_rate must be positive"),
        ({"learning_rate": math.inf}, "learning_rate must be positive"),
        ({"distillation": math.nan}, "distillation must be at least 0"),
        ({"patience": -1}, "patience must be at least 0"),
        ({"save_every": -1}, "save_every"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"alphas": ()}, "alphas must be numbers from 0 to 1"),
        ({"alphas": (0.5, 2.0)}, "alphas must be numbers from 0 to 1"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(changes, words):
    with pytest.raises(ValueError, match=words):
        FineTuneConfig(**changes)


def test_settings_come_back_from_json():
    config = FineTuneConfig(steps=7, alphas=(0.0, 1.0), new_classes=("5=cyst",))
    assert FineTuneConfig.from_dict(config.to_dict()) == config


def test_every_setting_that_is_asked_for_says_what_it_does():
    silent = {f.name for f in fields(FineTuneConfig) if "tip" not in f.metadata}
    assert silent <= {"augment", "seed"}


def test_forms_offer_only_what_is_allowed():
    for field in fields(FineTuneConfig):
        for choice in field.metadata.get("choices", ()):
            assert getattr(FineTuneConfig(**{field.name: choice}), field.name) == choice
        for bound in ("min", "max"):
            if bound in field.metadata:
                FineTuneConfig(**{field.name: field.metadata[bound]})


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="step_count"):
        FineTuneConfig.from_dict({"step_count": 3})
