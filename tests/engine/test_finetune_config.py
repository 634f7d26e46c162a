import pytest

from napari_medseg.engine.finetune_config import FineTuneConfig


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trained": "some"}, "trained must be one of"),
        ({"validation": "half"}, "validation must be one of"),
        ({"precision": "double"}, "precision must be one of"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"distillation": -0.1}, "distillation must be at least 0"),
        ({"pull": -1.0}, "pull must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\)"),
        ({"replay": 1.0}, r"replay must be in \[0, 1\)"),
        ({"restyle": 1.5}, r"restyle must be in \[0, 1\]"),
        ({"confidence": 0.4}, r"confidence must be in \[0.5, 1\]"),
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
