"""An Interact panel whose answers are small balls, quick and known; and a mouse for it."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import Qt

from napari_medseg.editing.scope import union
from napari_medseg.packed import within
from napari_medseg.progress import Step, silent
from napari_medseg.widgets.interact.panel import InteractPanel

REACH = 3  # voxels around a prompt that the stand-in answers for


class Balls:
    """Stands in for `Interaction`: the class around the newest prompt, the background against it.

    What lies within `REACH` of the prompt's box changes, but for locked classes and where nothing
    may change; earlier prompts hold.
    """

    made = 0
    answers = 0
    readied = None  # the box that was made ready before any prompt
    gate: threading.Event | None = None  # waits for it, as a slow answer would
    error: Exception | None = None

    def __init__(self, volume, segmenter=None, config=None):
        type(self).made += 1
        self.volume, self.segmenter = volume, segmenter
        self.asked = []

    def region(self, labels, prompts, together=1):
        return union([self.ball(labels, prompt) for prompt in prompts[-together:]])

    def ball(self, labels, prompt):
        box, _ = prompt.voxels(self.volume)
        sides = zip(box, labels.shape, strict=True)
        return tuple(slice(max(s.start - REACH, 0), min(s.stop + REACH, n)) for s, n in sides)

    def prepare(self, report=silent):
        report(Step(0, 0, "window"))

    def features(self, box, report=silent):
        type(self).readied = box

    def answer(self, labels, prompts, *, together=1, locked=(), may_change=None, report=silent):
        type(self).answers += 1
        self.asked.append((prompts, locked, may_change))
        while self.gate is not None and not self.gate.wait(0.02):
            report(Step(0, 0, "window"))
        if self.error is not None:
            raise self.error
        box = self.region(labels, prompts, together)
        before = labels[box]
        after = before.copy()
        for new in prompts[-together:]:
            value = new.value if new.positive else 0
            after[within(self.ball(labels, new), box)] = value
        keep = np.isin(before, list(locked))
        if may_change is not None:
            keep |= ~may_change[box]
        after[keep] = before[keep]
        return SimpleNamespace(
            box=box, labels=after, notes=(f"{len(prompts)} prompts",), seconds={}
        )


@pytest.fixture
def balls(monkeypatch):
    """Answer all prompts with `Balls`."""

    class Own(Balls):
        pass

    module = SimpleNamespace(Interaction=Own)
    monkeypatch.setitem(sys.modules, "napari_medseg.interact.interaction", module)
    return Own


class Moment:
    """An event as napari hands it to a callback: the next moments of a drag take its place."""

    def __init__(self, event):
        self.__wrapped__ = event
        self.handled = False

    def __getattr__(self, name):
        return getattr(self.__wrapped__, name)


class Pointer:
    """Presses, moves and releases at voxels of an image, through napari's own callbacks."""

    def __init__(self, viewer, image):
        self.viewer, self.image = viewer, image

    def _event(self, kind, voxel, button, modifiers):
        position = list(self.viewer.dims.point)
        world = self.image.data_to_world(voxel)
        position[-len(world) :] = world
        return SimpleNamespace(
            type=kind,
            position=tuple(position),
            pos=tuple(float(p) for p in position[-2:]),
            button=button,
            modifiers=modifiers,
            dims_displayed=list(self.viewer.dims.displayed),
            is_dragging=kind == "mouse_move",
        )

    def press(self, voxel, button=1, modifiers=()):
        moment = Moment(self._event("mouse_press", voxel, button, modifiers))
        mouse_press_callbacks(self.viewer, moment)
        return moment.handled

    def move(self, voxel, button=1, modifiers=()):
        mouse_move_callbacks(self.viewer, self._event("mouse_move", voxel, button, modifiers))

    def release(self, voxel, button=1, modifiers=()):
        mouse_release_callbacks(self.viewer, self._event("mouse_release", voxel, button, modifiers))

    def click(self, voxel, button=1, modifiers=()):
        self.press(voxel, button, modifiers)
        self.release(voxel, button, modifiers)

    def drag(self, *voxels, button=1, modifiers=()):
        self.press(voxels[0], button, modifiers)
        for voxel in voxels[1:]:
            self.move(voxel, button, modifiers)
        self.release(voxels[-1], button, modifiers)


@pytest.fixture
def pointer_of():
    """Point at an image of a viewer."""
    return Pointer


@pytest.fixture
def scene(balls):
    """A volume of 2 x 1 x 1 mm in a viewer without a window, its sixth slice seen."""
    viewer = ViewerModel()
    values = np.random.default_rng(0).normal(100, 10, (12, 40, 50)).astype(np.int16)
    viewer.add_image(values, name="scan", scale=(2, 1, 1), units="mm")
    viewer.dims.set_current_step(0, 5)
    return viewer


@pytest.fixture
def panel_of(qtbot):
    """Make an Interact panel for a viewer, and forget all that waits when the test ends."""

    def forget(panel):  # before it is closed: afterwards it hears of no end
        panel.prompting.queue.clear()
        qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
        panel.hide()

    def make(viewer):
        panel = InteractPanel(viewer)
        qtbot.addWidget(panel, before_close_func=forget)
        panel.show()
        return panel

    return make


@pytest.fixture
def panel(scene, panel_of):
    return panel_of(scene)


@pytest.fixture
def pointer(scene):
    return Pointer(scene, scene.layers["scan"])


@pytest.fixture
def settle(qtbot, panel):
    """Wait until all that was asked for is answered."""

    def wait():
        qtbot.waitUntil(lambda: not panel.prompting.queue.busy)

    return wait


@pytest.fixture
def take(qtbot, panel):
    """Press the button of a tool, as a person does."""

    def press(kind):
        button = panel.parts.tools.buttons[kind]
        assert button.isEnabled(), button.toolTip()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    return press
