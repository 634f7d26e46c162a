"""What a removed layer leaves behind is deleted where it was drawn."""

from __future__ import annotations

import numpy as np
from qtpy.QtGui import QOpenGLContext

from napari_medseg.widgets import drawing_context
from napari_medseg.widgets.views.main_canvas import canvas_of
from napari_medseg.widgets.views.plane_view import PlaneView
from napari_medseg.widgets.views.planes import Anatomy


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


def test_while_a_view_loses_a_layer_its_own_canvas_is_the_current_one(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(np.ones((3, 4, 5)))
    view = PlaneView(viewer)
    qtbot.addWidget(view)
    view.begin(-2, Anatomy())
    view.show()
    qtbot.waitUntil(view.canvas.isValid)
    seen = []
    view.model.layers.events.removed.connect(lambda: seen.append(QOpenGLContext.currentContext()))
    canvas_of(viewer).makeCurrent()
    viewer.layers.remove(layer)
    assert seen == [view.canvas.context()]
    view.end()
