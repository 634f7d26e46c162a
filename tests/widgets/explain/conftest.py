"""An Explain panel with a real tiny model, and a mouse for the canvas."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.checkpoint import read_card
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.progress import Step
from napari_medseg.session import ChosenModel, LoadedModel, written_at
from napari_medseg.widgets.explain import work
from napari_medseg.widgets.explain.panel import ExplainPanel
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.sessions import session_of

MODELS = ("tiny-grey", "tiny-volume")  # that no test writes


@pytest.fixture
def picture():
    """A grey picture of 41 x 35 pixels in a viewer without a window."""
    viewer = ViewerModel()
    values = np.random.default_rng(0).normal(100, 20, (41, 35)).astype(np.float32)
    viewer.add_image(values, name="case")
    return viewer


@pytest.fixture
def volume():
    """A volume of 2 x 1 x 1 mm in a viewer without a window."""
    viewer = ViewerModel()
    values = np.random.default_rng(0).normal(100, 20, (20, 34, 36)).astype(np.float32)
    viewer.add_image(values, name="scan", scale=(2, 1, 1), units="mm")
    viewer.dims.set_current_step(0, 7)
    return viewer


@pytest.fixture
def pair():
    """Two images of 2 x 1 in a viewer without a window."""
    viewer = ViewerModel()
    for name in ("T1", "T2"):
        viewer.add_image(np.zeros((4, 5)), name=name, scale=(2, 1))
    return viewer


@pytest.fixture(scope="session")
def in_memory():
    """Models that were read once, by name: reading one takes longer than most tests."""
    return {}


@pytest.fixture
def use(models, in_memory):
    """Choose a model of `models` for a viewer; those all tests have are in memory already."""

    def choose(viewer, name):
        path, session = models / f"{name}.safetensors", session_of(viewer)
        if name in MODELS and name not in in_memory:
            in_memory[name] = Segmenter.load(path, device="cpu")
        if name in MODELS:
            written = written_at(path)
            session.loaded = LoadedModel(path, session.device, in_memory[name], written)
        session.model = ChosenModel(path, read_card(path))

    return choose


@pytest.fixture
def panel_of(qtbot, use):
    """Make an Explain panel for a viewer and wait until its model is read."""

    def make(viewer, model="tiny-grey"):
        use(viewer, model)
        panel = ExplainPanel(viewer)
        qtbot.addWidget(panel)
        panel.show()
        qtbot.waitUntil(lambda: panel.questions.listing is not None)
        return panel

    return make


@pytest.fixture
def settle(qtbot):
    """Wait until all that was asked is answered."""

    def wait(panel):
        qtbot.waitUntil(lambda: not panel.asking.busy and not panel._soon.isActive())

    return wait


@pytest.fixture
def maps():
    """Return the overlays of a viewer that one sees."""
    return lambda viewer: [one for one in viewer.layers if is_map(one) and one.visible]


@pytest.fixture
def slow(monkeypatch):
    """Let what computes an entry wait from now on: ``slow()`` gives the gate it waits at."""
    return lambda error=None: Slow(monkeypatch, error)


class Slow:
    """Stands in for what computes an entry: waits at a gate, then fails or goes on."""

    def __init__(self, monkeypatch, error):
        self.gate, self.begun = threading.Event(), threading.Event()
        self._shown, self._error = work.shown, error
        monkeypatch.setattr(work, "shown", self)

    def __call__(self, *given, known, report):
        self.begun.set()
        while not self.gate.wait(0.01):
            report(Step(0, 0, "window"))
        if self._error is not None:
            raise self._error
        return self._shown(*given, known=known, report=report)
