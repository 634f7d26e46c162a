import math

import pytest

from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.engine.training_recipes import RECIPES

WRONG = {
    "learning_rate": (0.0, -1.0, 1e38, math.nan, math.inf),
    "lowest_rate": (-1e-3, math.nan),
    "warm_up": (-0.1, 1.0, 2.0, math.nan),
    "foreground": (-0.1, 1.1, math.nan),
    "momentum": (-0.1, 1.0, 5.0),
    "average": (1.0, -0.1, math.nan),
    "weight_decay": (-1.0, math.inf, math.nan),
    "gradient_clip": (-1.0, math.nan),
    "validation": (0.0, 1.0, math.nan),
    "replay_patches": (0, -3),
    "epochs": (0,),
    "batch_size": (0,),
    "keep": ("first",),
    "schedule": ("linear",),
    "seed": (-1,),
}
WRONG_CHANGES = {
    "flip": (1.5, -0.1, math.nan),
    "elastic": (2.0,),
    "rotate": (-1.0, math.inf),
    "hue": (math.nan,),
    "scale": ((1.2, 0.8), (0.0, 1.0), (0.5, math.inf), (math.nan, 1.0)),
    "brightness": ((-1.0, 1.0),),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in WRONG.items() for v in vs])
def test_a_setting_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        TrainingConfig(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in WRONG_CHANGES.items() for v in vs])
def test_a_change_of_images_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        AugmentConfig(**{name: value})


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_stands_and_comes_back_from_a_card(name):
    config = TrainingConfig.recipe(name)
    assert TrainingConfig.from_dict(config.to_dict()) == config
