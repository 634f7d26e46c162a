"""A small scan with labels that every tool can work on, and the Edit panel beside it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_medseg.widgets.edit.panel import EditPanel


def ball(shape, centre, radius):
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def scan():
    """Return grey values, and labels: two touching balls with a hole (1), an island (1), a box (2).

    Class 4 is painted on every fourth slice only; there is no class 3.
    """
    shape = (14, 40, 40)
    labels = np.zeros(shape, np.uint8)
    labels[ball(shape, (7, 12, 10), 6) | ball(shape, (7, 12, 20), 6)] = 1
    labels[2, 35, 35] = 1
    labels[4:10, 26:34, 6:14] = 2
    labels[2:12:4, 25:35, 25:33] = 4
    noise = np.random.default_rng(0).normal(0, 3, shape)
    image = np.choose(labels, [0, 100, 200, 250, 300]) + noise
    labels[6:8, 12, 10] = 0  # the hole is as bright as the ball
    return image.astype(np.int16), labels


@pytest.fixture
def panel_of(qtbot):
    """Make an Edit panel for a viewer."""

    def make(viewer):
        panel = EditPanel(viewer)
        qtbot.addWidget(panel)
        panel.show()
        return panel

    return make


def filled(viewer):
    """Show the scan in a viewer, its labels selected and the eighth slice seen."""
    image, labels = scan()
    place = {"scale": (2, 1, 1), "units": "mm"}
    viewer.add_image(image, name="scan", **place)
    viewer.add_labels(labels, name="mask", **place).selected_label = 1
    viewer.dims.set_current_step(0, 7)
    return viewer


@pytest.fixture
def fill():
    return filled


@pytest.fixture
def scene():
    """The scan in a viewer without a window."""
    return filled(ViewerModel())


@pytest.fixture
def window(make_napari_viewer):
    """The scan in a real viewer."""
    return filled(make_napari_viewer())


@pytest.fixture
def mask(scene):
    return scene.layers["mask"]


@pytest.fixture
def panel(scene, panel_of):
    return panel_of(scene)


@pytest.fixture
def click(qtbot):
    """Click a button, as a person does: grey ones cannot be."""

    def press(button):
        assert button.isEnabled(), button.toolTip()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    return press


@pytest.fixture
def choose(panel):
    """Choose a tool by its button."""

    def press(name):
        button = panel.tools.buttons[name]
        assert button.isEnabled(), button.toolTip()
        button.click()

    return press


@pytest.fixture
def apply(qtbot, click, panel):
    """Press Apply, and wait until it is done; return what the panel says then."""

    def press():
        click(panel.apply)
        qtbot.waitUntil(lambda: not panel.work.run.busy)
        return panel.hint.text()

    return press
