"""What can be shown of each model, and that it can."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg import explain
from napari_medseg.explain.entries import GROUPS, catalogue, layer_choices
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.showing import Question, show
from napari_medseg.explain.splines import Curves
from napari_medseg.explain.table import Table
from napari_medseg.explain.viewing import view_of

_OF_ANY_NETWORK = (
    "occlusion",
    "integrated",
    "smooth",
    "separation",
    "mean",
    "max",
    "energy",
    "pca",
    "probabilities",
)


@pytest.mark.parametrize(
    ("name", "dims", "channels"),
    [("lgmsnet", 2, 1), ("gladnet", 2, 3), ("msa2net", 2, 1), ("msd_kmamba", 3, 2)],
)
def test_everything_a_model_offers_can_be_shown(tiny, image, name, dims, channels):
    segmenter = tiny(name, dims, channels=channels)
    volume = image((32,) * dims, channels=channels)
    view = view_of(segmenter, volume)
    labels = np.zeros(volume.shape, np.uint8)
    labels[(slice(8, 20),) * dims] = 1
    offered = [e for e in catalogue(segmenter) if not e.why_not]
    assert {e.group for e in offered} == set(GROUPS)
    for entry in offered:
        if entry.group == "Attention" and "." in entry.key.partition(":")[0]:
            continue  # the tests of attention look at all of them
        if name != "gladnet" and entry.key in _OF_ANY_NETWORK:
            continue  # nothing of the network: once is enough
        for shown in show(segmenter, view, entry.key, Question(labels=labels)):
            assert isinstance(shown, Overlay | Table | Curves)
            assert shown.words


def test_what_a_model_lacks_is_named_with_the_reason(tiny):
    lacks = {e.key: e.why_not for e in catalogue(tiny("lgmsnet")) if e.why_not}
    assert lacks["channels"] == "the model takes a single channel"
    assert "no learnt curves" in lacks["splines"]
    assert lacks["reach"] == "only MSD-KMamba has this"
    assert "kernels" not in lacks
    plain = tiny("gladnet", config={"glam": False})
    lacks = {e.key: e.why_not for e in catalogue(plain) if e.why_not}
    assert lacks["entropy"] == "this model was made without it"


def test_entries_say_what_has_to_be_chosen(tiny):
    needs = {e.key: e.needs for e in catalogue(tiny("lgmsnet"))}
    assert needs["grad_cam"] == {"layer", "class"}
    assert needs["receptive_field"] == {"place"}
    assert needs["dec5:attention"] == {"place"}
    assert needs["dec5:saliency"] == set()


def test_layers_to_choose_from_begin_with_the_stages(tiny):
    segmenter = tiny("gladnet")
    stages = [feature.name for feature in segmenter.network.feature_info]
    choices = layer_choices(segmenter, "energy")
    assert choices[: len(stages)] == stages
    assert len(set(choices)) == len(choices)
    assert layer_choices(segmenter, "splines")[0].endswith("regressor.1")
    assert layer_choices(segmenter, "uncertainty") == []


def test_what_is_not_there_is_refused_in_words(tiny, image):
    segmenter = tiny("lgmsnet")
    view = view_of(segmenter, image((32, 32)))
    with pytest.raises(ValueError, match="did you mean grad_cam"):
        show(segmenter, view, "gradcam")
    with pytest.raises(ValueError, match="cannot be shown: the model has no learnt curves"):
        show(segmenter, view, "splines")


def test_a_question_names_layer_and_class(tiny, image):
    segmenter = tiny("gladnet")
    view = view_of(segmenter, image((16, 16)))
    (shown,) = show(segmenter, view, "grad_cam", Question(layer="dec3", value=1, region="here"))
    assert "dec3" in shown.name
    (shown,) = show(segmenter, view, "energy", Question(layer="enc2"))
    assert shown.name == "enc2 energy"


@pytest.mark.parametrize("name", explain.__all__)
def test_every_verb_is_a_name_of_the_package(name):
    verb = getattr(explain, name)
    assert callable(verb)
    assert verb.__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        explain.guess  # noqa: B018
