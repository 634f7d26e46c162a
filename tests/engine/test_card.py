import pytest

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.engine.training_recipes import RECIPES


def card(**changes):
    fields = {
        "name": "m",
        "architecture": "lgmsnet",
        "config": {"spatial_dims": 3, "in_channels": 2, "num_classes": 3},
        "classes": (LabelClass(value=1, name="a"), LabelClass(value=4, name="b")),
    }
    return ModelCard(**{**fields, **changes})


def test_a_card_survives_json():
    original = card(
        preprocessing=Preprocessing(spacing=(2.0, 1.0, 1.0), window=(32, 64, 32), channels=("T1",)),
        history=({"what": "trained"},),
    )
    assert ModelCard.from_json(original.to_json()) == original


def test_softmax_has_a_channel_for_the_background_and_sigmoid_has_none():
    assert card().out_channels == 3
    config = {"spatial_dims": 3, "in_channels": 2, "num_classes": 2}
    assert card(activation="sigmoid", config=config).out_channels == 2


def test_dimensions_and_channels_are_those_of_the_network():
    assert (card().spatial_dims, card().in_channels) == (3, 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"activation": "tanh"}, "softmax or sigmoid"),
        ({"classes": ()}, "at least one class"),
        ({"classes": (LabelClass(value=1, name="a"),) * 2}, "share a label value"),
        ({"config": {"num_classes": 9}}, "output channels"),
        ({"version": 2}, "update napari-medseg"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        card(**changes)


@pytest.mark.parametrize("value", [0, -1, 65536])
def test_a_class_has_a_value_that_fits_a_label_image(value):
    with pytest.raises(ValueError, match=r"1\.\.65535"):
        LabelClass(value=value, name="x")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"normalise": "magic"}, "zscore, fixed or none"),
        ({"normalise": "fixed"}, "needs mean and std"),
        ({"normalise": "fixed", "mean": (0.0,), "std": (0.0,)}, "std must be positive"),
        ({"spacing": (1.0, 0.0)}, "spacing must be positive"),
        ({"size": (8, 8), "spacing": (1.0, 1.0)}, "not both"),
    ],
)
def test_preprocessing_that_cannot_be_done_is_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        Preprocessing(**fields)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": 1}'])
def test_json_that_is_no_card_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"card|Card"):
        ModelCard.from_json(text)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_and_survives_json(name):
    config = TrainingConfig.recipe(name)
    assert TrainingConfig.from_dict(config.to_dict()) == config


def test_the_published_recipe_is_the_published_one():
    config = TrainingConfig.recipe("lgmsnet-kvasir")
    assert (config.optimiser, config.learning_rate, config.momentum) == ("sgd", 0.01, 0.9)
    assert (config.schedule, config.batch_size, config.epochs) == ("poly", 8, 300)
    assert (config.size, config.augment.elastic) == ((256, 256), 0.5)


def test_a_recipe_can_be_changed_field_by_field():
    config = TrainingConfig.recipe("cpu-2d", epochs=3, augment=AugmentConfig(flip=0.0))
    assert (config.epochs, config.augment.flip, config.size) == (3, 0.0, (128, 128))


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(ValueError, match="cpu-2d"):
        TrainingConfig.recipe("nonsense")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"optimiser": "magic"}, "optimiser"),
        ({"epochs": 0}, "epochs"),
        ({"validation": 1.0}, "validation"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"early_size": (8, 8)}, "give size"),
        ({"size": (8, 8), "window": (4, 4)}, "not both"),
    ],
)
def test_a_training_that_cannot_be_is_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        TrainingConfig(**fields)


@pytest.mark.parametrize(
    "fields",
    [{"overlap": 1.0}, {"overlap": -0.1}, {"strategy": "guess"}, {"precision": "int4"}],
)
def test_an_inference_that_cannot_be_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        InferenceConfig(**fields)


def test_an_unknown_field_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"overlapp.*overlap"):
        InferenceConfig.from_dict({"overlapp": 0.5})
