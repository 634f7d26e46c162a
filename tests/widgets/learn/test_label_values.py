"""Values of cases: what they are called, and which a model does not know."""

from __future__ import annotations

import pytest

from napari_medseg.casebook_file import CaseEntry
from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.widgets.learn.label_values import named, unknown_to


def entry(*values):
    return CaseEntry(key="a", file="a.npz", sha256="", name="a", values=values)


def card(*classes):
    return ModelCard(
        name="known",
        architecture="lgmsnet",
        config={"spatial_dims": 2, "in_channels": 1, "num_classes": len(classes) + 1},
        classes=classes,
    )


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([], ()),
        ([(5, 1)], ("1=liver", "5=cyst")),
        ([(5,), (1, 5), (7,)], ("1=liver", "5=cyst")),
        ([(0, 7)], ()),
    ],
)
def test_values_with_a_name_are_named_once_each_in_order(cases, expected):
    assert named([entry(*values) for values in cases], {1: "liver", 5: "cyst", 9: "x"}) == expected


def test_what_a_model_does_not_know_has_its_name_or_a_made_up_one():
    model = card(LabelClass(value=1, name="liver"))
    assert unknown_to(model, [entry(0, 1)], {}) == []
    found = unknown_to(model, [entry(7, 1), entry(5, 0)], {5: "cyst", 1: "other"})
    assert found == ["5=cyst", "7=class 7"]


def test_values_that_a_region_unites_are_known():
    whole = LabelClass(value=1, name="whole", unites=(1, 2, 4))
    assert unknown_to(card(whole), [entry(2, 3, 4)], {}) == ["3=class 3"]
