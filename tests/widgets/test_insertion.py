"""A layer comes without being chosen, and without tools where nobody edits it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_medseg.widgets.insertion import leave_out_tools, unchosen


def test_a_layer_that_comes_unchosen_tells_nobody_of_a_selection():
    viewer = ViewerModel()
    image, other = viewer.add_image(np.zeros((4, 4))), viewer.add_image(np.ones((4, 4)))
    viewer.layers.selection = {image, other}
    told = []
    viewer.layers.selection.events.changed.connect(told.append)
    viewer.layers.selection.events.active.connect(told.append)
    with unchosen(viewer.layers):
        viewer.layers.insert(0, Labels(np.zeros((4, 4), np.uint8)))
    assert told == []
    assert viewer.layers.selection == {image, other}
    with pytest.raises(ValueError, match="no layer"), unchosen(viewer.layers):
        raise ValueError("no layer")
    chosen = viewer.add_labels(np.zeros((4, 4), np.uint8))
    assert viewer.layers.selection.active is chosen


def test_a_layer_without_tools_has_no_overlay_to_be_made_by_the_canvas():
    layer = Labels(np.zeros((4, 4), np.uint8))
    seen = {name for name, overlay in layer._overlays.items() if overlay.visible}
    assert seen == {"polygon", "brush_stroke"}
    leave_out_tools(layer)
    assert not any(overlay.visible for overlay in layer._overlays.values())
    layer.mode = "paint"  # a key that a person presses on it does no harm
    layer.mode = "pan_zoom"
