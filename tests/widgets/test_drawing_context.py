"""What a removed layer leaves behind is deleted where it was drawn."""

from __future__ import annotations

import numpy as np
from qtpy.QtGui import QOpenGLContext

from napari_medseg.widgets import drawing_context
from napari_medseg.widgets.views.main_canvas import canvas_of


def test_while_a_layer_is_removed_its_canvas_is_the_current_one(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    canvas = canvas_of(viewer)
    qtbot.waitUntil(canvas.isValid)
    seen = []
    for _ in range(2):
        drawing_context.follow(viewer)
    viewer.layers.events.removed.connect(lambda: seen.append(QOpenGLContext.currentContext()))
    layer = viewer.add_labels(np.ones((4, 5), np.uint8))
    canvas.doneCurrent()
    viewer.layers.remove(layer)
    assert seen == [canvas.context()]
    viewer.screenshot(flash=False)
    assert not viewer.layers
