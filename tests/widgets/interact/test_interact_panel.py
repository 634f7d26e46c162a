"""The Interact panel worked as a person does: tools, prompts, outlines, accept, back."""

from __future__ import annotations

import numpy as np

from napari_medseg.widgets.interact.given import given_of, prompts_of
from napari_medseg.widgets.layers import history


def test_a_click_outlines_what_would_change_and_accept_writes_one_step(
    scene, panel, pointer, take, settle
):
    take("point")
    pointer.click((5, 20, 20))
    settle()
    labels = panel.about.labels
    assert not labels.data.any()
    assert panel.parts.hint.text() == "1 prompts"
    panel.parts.accept.click()
    assert history(labels) == ["Prompts: class 1"]
    assert labels.data[5, 20, 20] == 1
    assert np.count_nonzero(labels.data) == 7**3
    assert len(prompts_of(labels)) == 1
    labels.undo()
    assert not labels.data.any()
    assert prompts_of(labels) == ()
    labels.redo()
    assert len(prompts_of(labels)) == 1
    assert not given_of(labels).turns
