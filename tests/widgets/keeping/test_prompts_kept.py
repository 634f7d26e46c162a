"""Prompts stay with the labels they made: in the layer, after a crash, beside the file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.keeping.following import offers_of
from napari_medseg.widgets.keeping.prompts import keep_prompts, kept_prompts
from napari_medseg.widgets.keeping.saving import provenance_of
from napari_medseg.widgets.volumes import KEY

CLICK = Prompt(kind="point", value=2, points=((1.5, -2.0, 3.0),), radius=1.0, time=7.0)
LINE = Prompt(kind="scribble", value=1, points=((0.0, 0.0, 1.0), (4.0, 5.0, 1.0)), positive=False)


def test_prompts_come_back_as_they_were_kept_and_are_plain_json():
    layer = Labels(np.zeros((4, 5), np.uint8))
    accepted = [((3,), (CLICK,)), ((), (LINE, CLICK))]
    keep_prompts(layer, accepted)
    assert kept_prompts(layer) == accepted
    stored = json.loads(json.dumps(layer.metadata[KEY]["prompts"], allow_nan=False))
    assert kept_prompts(Labels(layer.data, metadata={KEY: {"prompts": stored}})) == accepted


def test_a_layer_nobody_prompted_is_left_as_it_is():
    layer = Labels(np.zeros((4, 5), np.uint8))
    keep_prompts(layer, [])
    assert KEY not in layer.metadata
    assert kept_prompts(layer) == []


@pytest.mark.parametrize(
    "content", [3, [3], [{"at": []}], [{"at": [], "prompts": [{"kind": "x"}]}]]
)
def test_what_are_no_prompts_is_said_in_words(content):
    layer = Labels(np.zeros((4, 5), np.uint8), metadata={KEY: {"prompts": content}})
    with pytest.raises(ValueError, match="prompts kept with these labels are damaged"):
        kept_prompts(layer)


def test_prompts_survive_a_crash_and_stand_beside_the_labels_that_are_saved(
    sitting, crash, offered, image_values, stroke, qtbot
):
    first = sitting()
    first.add_image(image_values, name="case")
    labels = first.add_labels(np.zeros(image_values.shape, np.uint8), name="liver")
    stroke(labels, (2, 9, 9))
    keep_prompts(labels, [((), (CLICK, LINE))])
    assert provenance_of(first, labels)["prompts"][0]["prompts"][1] == LINE.to_dict()
    crash(first)

    second = sitting()
    second.add_image(image_values, name="case")
    offered(second)
    offers_of(second).restore()
    qtbot.waitUntil(lambda: len(second.layers) == 2)
    assert kept_prompts(second.layers[1]) == [((), (CLICK, LINE))]
    keep_prompts(second.layers[1], [])
    assert "prompts" not in provenance_of(second, second.layers[1])
