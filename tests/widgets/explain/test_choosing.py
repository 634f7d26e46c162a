"""From what is chosen in the panel to what is asked, without a model and without a window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_medseg.explain.entries import Entry
from napari_medseg.widgets.explain.choosing import (
    NoBox,
    advice,
    asked_for,
    is_about_place,
    look_of,
)
from napari_medseg.widgets.explain.known import Look
from napari_medseg.widgets.explain.layout import BOXED, EVERYWHERE, FOUND, HERE, LABELLED, Layout
from napari_medseg.widgets.explain.subject import FLAT_VIEW, OUTSIDE, Subject

PLAIN = Entry("uncertainty", "Evidence", "how unsure")
OF_CLASS = Entry("occlusion", "Evidence", "what covering changes", frozenset({"class"}))
OF_PLACE = Entry("enc5:attention", "Attention", "enc5: where it looks", frozenset({"place"}))


@pytest.fixture
def asked(qtbot):
    """A panel's parts and its subject over a picture of 20 x 30 pixels, 2 x 1 mm each."""
    viewer, panel = ViewerModel(), QWidget()
    viewer.add_image(np.zeros((20, 30)), name="case", scale=(2, 1))
    qtbot.addWidget(panel)
    parts = Layout(viewer, panel)
    parts.images.refresh()
    for value, name in ((1, "anterior"), (4, "posterior")):
        parts.value.addItem(name, value)
    return SimpleNamespace(
        viewer=viewer, panel=panel, parts=parts, subject=Subject(viewer, parts.images)
    )


def test_only_what_an_entry_needs_is_asked(asked):
    asked.parts.value.setCurrentIndex(1)
    asked.parts.where.setCurrentIndex(HERE)
    plain = asked_for(PLAIN, asked.parts, asked.subject, None)
    assert (plain.key, plain.layer, plain.value, plain.region) == ("uncertainty", None, None, None)
    of_class = asked_for(OF_CLASS, asked.parts, asked.subject, None)
    assert (of_class.value, of_class.region) == (4, "here")
    assert is_about_place(OF_CLASS, asked.parts)
    asked.parts.where.setCurrentIndex(FOUND)
    assert asked_for(OF_CLASS, asked.parts, asked.subject, None).region is None
    assert not is_about_place(OF_CLASS, asked.parts)
    assert is_about_place(OF_PLACE, asked.parts)


def test_labels_and_a_box_are_taken_from_the_image_or_asked_for_in_words(asked):
    asked.parts.where.setCurrentIndex(LABELLED)
    asked.parts.part.setCurrentIndex(BOXED)
    with pytest.raises(ValueError, match="No labels lie on this image"):
        asked_for(OF_CLASS, asked.parts, asked.subject, None)
    layer = asked.viewer.add_labels(np.eye(20, 30, dtype=np.uint8), scale=(2, 1))
    with pytest.raises(NoBox, match="draw one"):
        asked_for(OF_CLASS, asked.parts, asked.subject, None)
    corners = np.array([[4, 5], [4, 14], [13, 14], [13, 5]])
    asked.viewer.add_shapes([corners], shape_type="rectangle", scale=(2, 1))
    found = asked_for(OF_CLASS, asked.parts, asked.subject, None)
    np.testing.assert_array_equal(found.labels, layer.data)
    layer.data[0, 0] = 9
    assert found.labels[0, 0] == 1  # a copy: one may go on painting
    assert [b.start for b in found.box] == [4, 5]


def test_how_much_is_looked_at_is_chosen_and_what_the_memory_suffices_for_goes_with_it(asked):
    assert look_of(asked.parts, None) == Look()
    asked.parts.part.setCurrentIndex(EVERYWHERE)
    assert look_of(asked.parts, (64, 64)) == Look(blend=True, window=(64, 64))
    assert asked_for(PLAIN, asked.parts, asked.subject, (64, 64)).look.window == (64, 64)


def test_a_voxel_is_pointed_at_or_is_the_middle_and_what_is_no_voxel_is_said(asked):
    subject = asked.subject
    assert subject.at() == (10, 15)
    assert "one voxel" in advice(OF_PLACE, subject, None)
    assert subject.point((6, 7)) == ""
    assert subject.at() == (3, 7)
    assert advice(OF_PLACE, subject, None) == ""
    assert "a while" in advice(OF_CLASS, subject, None)
    assert subject.point((6, 300)) == OUTSIDE
    asked.viewer.dims.ndisplay = 3
    assert subject.point((8, 9)) == FLAT_VIEW
    assert subject.at() == (3, 7)
