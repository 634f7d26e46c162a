"""A Learn panel on a corrected phantom, with a tiny model."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.engine.cases import Case
from napari_medseg.engine.checkpoint import read_card
from napari_medseg.session import ChosenModel
from napari_medseg.volume import Volume
from napari_medseg.widgets import painted
from napari_medseg.widgets.answers import show_answer
from napari_medseg.widgets.learn.panel import LearnPanel
from napari_medseg.widgets.sessions import session_of

SIDE = 40


@pytest.fixture
def scene(models):
    """A viewer without a window, with the model of grey images chosen."""
    viewer = ViewerModel()
    painted.follow(viewer)
    path = models / "tiny-grey.safetensors"
    session_of(viewer).model = ChosenModel(path, read_card(path))
    return viewer


@pytest.fixture
def add_image():
    """Add a noisy image and the labels a model gave; return both layers."""

    def add(viewer, name="case", seed=0):
        values = np.random.default_rng(seed).normal(100, 20, (SIDE, SIDE)).astype(np.float32)
        values[8:24, 10:26] += 80
        image = viewer.add_image(values, name=name, scale=(0.5, 0.5), units="mm")
        card = session_of(viewer).model.card
        labels = show_answer(
            viewer,
            image,
            np.zeros((SIDE, SIDE), np.uint8),
            model=card.name,
            classes=card.classes,
            provenance={},
        )
        return image, labels

    return add


@pytest.fixture
def correct():
    """Paint the blob, as a person does, and undoably."""

    def paint(labels, value=1):
        labels.data_setitem(np.nonzero(np.pad(np.ones((16, 16), bool), ((8, 16), (10, 14)))), value)

    return paint


@pytest.fixture
def a_case():
    """Make a case: noise with a square in it."""

    def make(name, *, spacing=(1.0, 1.0), channels=1, corrected=True, value=1):
        values = np.random.default_rng(len(name)).normal(100, 20, (channels, 32, 32))
        labels = np.zeros((32, 32), np.uint8)
        labels[8:20, 8:20] = value
        changed = (labels > 0) & corrected
        volume = Volume(values.astype(np.float32), spacing)
        return Case(volume, labels, changed=changed, name=name)

    return make


@pytest.fixture
def open_panel(qtbot):
    """Open the Learn panel of a viewer in a window of its own."""

    def open_it(viewer):
        panel = LearnPanel(viewer)
        qtbot.addWidget(panel)
        panel.resize(380, 900)
        panel.show()
        return panel

    return open_it


@pytest.fixture
def answer(monkeypatch):
    """Answer the question whether copies of images may be kept."""
    from napari_medseg.widgets.learn import questions

    asked = []

    def choose(yes):
        monkeypatch.setattr(questions, "ask_copy", lambda name: asked.append(name) or yes)
        return asked

    return choose


class Hands:
    """What a person does in a Learn panel, with the mouse and with patience."""

    wait = 200_000  # ms; it takes seconds where nothing else runs

    def __init__(self, qtbot):
        self._qtbot = qtbot

    def until(self, condition):
        self._qtbot.waitUntil(condition, timeout=self.wait)

    def click(self, button):
        assert button.isEnabled(), button.toolTip()
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def fill(self, panel, *cases):
        """Put cases on the shelf, as another window of the same project does."""
        for case in cases:
            panel._shelf.book.add(case, copy_image=True)
        panel._shelf.refresh()

    def add_case(self, panel):
        page, before = panel.cases, panel._shelf.book.entries
        page.collect.refresh()
        assert page.collect.add.isEnabled(), page.collect.reviewed.text()
        self.click(page.collect.add)
        self.until(lambda: panel._shelf.book.entries != before and not page.collect._busy)

    def wait_for_plan(self, panel, **fields):
        page = panel.cases
        if fields:
            page.plan.form.config = page.plan.form.config.replace(**fields)
            page.plan.changed.emit()
        self.until(lambda: page._forecast is not None and not page._forecast.measuring)

    def begin(self, panel, **fields):
        """Start a fine-tuning and wait until its curves grow."""
        self.wait_for_plan(panel, **{"batch_size": 1, "alphas": (1.0,), **fields})
        self.click(panel.cases.below.start)
        assert panel.page is panel.running
        self.until(lambda: bool(panel.running.losses.names))

    def wait_for_end(self, panel):
        self.until(lambda: not panel.run.going)


@pytest.fixture
def hands(qtbot):
    return Hands(qtbot)


class Judge(QWidget):
    """Stands in for the page that judges what was learnt, which has tests of its own."""

    promoted = Signal(object)
    discarded = Signal()
    back = Signal()

    def __init__(self, viewer):
        super().__init__()
        self.shown = []
        self.is_discarded = False

    def show_tuned(self, tuned, casebook):
        self.shown.append((tuned, casebook))


@pytest.fixture
def judge(monkeypatch):
    """Have a stand-in judge what was learnt."""
    where = "napari_medseg.widgets.learn.gate"
    monkeypatch.setitem(sys.modules, where, SimpleNamespace(GatePage=Judge))
