"""Viewers, workbenches and tiny models for the tests of the widgets."""

from __future__ import annotations

import contextlib
import functools
import gc
import shutil
import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_medseg.engine import zoo
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.widgets.background import Task

LEFT = Qt.MouseButton.LeftButton
MODELS = {
    "tiny-grey": {"spatial_dims": 2, "in_channels": 1, "num_classes": 2},
    "tiny-colour": {"spatial_dims": 2, "in_channels": 3, "num_classes": 2},
    "tiny-volume": {"spatial_dims": 3, "in_channels": 1, "num_classes": 3},
    "tiny-brain": {"spatial_dims": 3, "in_channels": 2, "num_classes": 2},
}
CHANNELS = {"tiny-colour": ("red", "green", "blue"), "tiny-brain": ("FLAIR", "T1")}
_freeze = gc.freeze
CLASSES = (
    LabelClass(value=1, name="anterior", colour="#e69f00"),
    LabelClass(value=2, name="posterior", colour="#0072b2"),
)


@pytest.fixture(scope="session")
def made_models(tmp_path_factory):
    """A folder with one untrained checkpoint of each kind."""
    import torch

    from napari_medseg.engine.checkpoint import save_checkpoint
    from napari_medseg.networks import create_network

    folder = tmp_path_factory.mktemp("made")
    for name, shape in MODELS.items():
        torch.manual_seed(3)
        network = create_network("lgmsnet", widths=(4, 4, 4, 4, 4), **shape)
        card = ModelCard(
            name=name,
            title=name.replace("-", " "),
            architecture="lgmsnet",
            config=network.config.to_dict(),
            classes=CLASSES[: shape["num_classes"] - 1],
            preprocessing=Preprocessing(
                channels=CHANNELS.get(name, ()), window=(32,) * shape["spatial_dims"]
            ),
            data="random numbers",
            scores={"Dice, anterior": 0.5},
        )
        save_checkpoint(folder / f"{name}.safetensors", network, card)
    return folder


@pytest.fixture
def models(made_models, tmp_path, monkeypatch):
    """A copy of the models, where MedSeg looks for a user's own; no others are at hand."""
    folder = tmp_path / "models"
    shutil.copytree(made_models, folder)
    monkeypatch.setenv("NAPARI_MEDSEG_MODELS", str(folder))
    monkeypatch.setattr(zoo, "_BUNDLED", tmp_path / "no bundled models")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _settings_of_nobody(tmp_path_factory):
    """Keep the settings of plugins in an empty folder, as napari's own fixture does.

    Napari's own settings are not written at all: the file would be that of whoever runs the tests.
    """
    import napari.settings

    napari.settings.get_settings().config_path = None
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("settings")
        patch.setattr(napari.settings, "_CFG_PATH", str(folder / "settings.yaml"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _viewers_open_quickly():
    """Leave out what takes half of the time a viewer of a test needs, and no test looks at.

    A new viewer reads the manifests of all plugins anew, and each of its 180 shortcuts writes the
    shortcuts and tips of the welcome page again. The last dock of a viewer gives all that was ever
    imported back to the garbage collector.
    """
    from napari._qt.widgets.qt_welcome import QtWelcomeWidget
    from npe2 import PluginManifest

    read = PluginManifest.discover

    @functools.cache
    def found():
        return tuple(read())

    def refresh(self, _event=None):
        """Leave the page as it was made."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda paths=(): found())
        patch.setattr(QtWelcomeWidget, "refresh", refresh)
        for name in ("freeze", "unfreeze"):
            patch.setattr(gc, name, lambda: None)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """Keep what outlives a viewer out of the sight of the garbage collector.

    Closing a viewer asks for whole collections. What the first one has imported makes each of them
    slow, and so does what napari and app-model keep of every one: its menus and their actions.
    """
    try:
        return (yield)
    finally:
        if "make_napari_viewer" in item.fixturenames:
            gc.collect()
            _freeze()


@pytest.fixture
def settings():
    """The plugin's settings as the page of napari changes them; put back afterwards."""
    from napari_medseg.widgets.settings import PLUGIN, load_settings, watch_settings

    load_settings()
    watch_settings()
    from napari.settings import get_plugin_settings

    page = get_plugin_settings(PLUGIN)
    yield page
    page.reset()


@pytest.fixture
def make_napari_viewer(make_napari_viewer, qtbot):
    """Make a viewer as napari's own fixture does, which forgets to wait until it is seen."""

    def make(**options):
        viewer = make_napari_viewer(**options)
        if options.get("show"):
            with qtbot.waitExposed(viewer.window._qt_window):
                pass
        return viewer

    return make


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def windowless(monkeypatch):
    """A viewer without a window, for which napari and its plugins work as for the others."""
    import napari
    from napari.components import ViewerModel
    from npe2 import PluginManager

    PluginManager.instance().discover()
    viewer = ViewerModel()
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    return viewer


@pytest.fixture
def open_workbench(models):
    """Open the workbench of a viewer the way napari's menu does."""

    def open_it(viewer):
        _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
        return workbench

    return open_it


@pytest.fixture
def workbench(viewer, open_workbench):
    return open_workbench(viewer)


@pytest.fixture
def choose_model():
    """Click the model of this name in the list, as a person does."""

    def choose(workbench, name):
        models = workbench.models.list
        rows = [models.item(i).text().split("\n")[0] for i in range(models.count())]
        models.setCurrentRow(rows.index(name))

    return choose


@pytest.fixture
def press_segment(qtbot):
    """Press Segment and wait until the run has ended."""

    def press(workbench, *, wait=True):
        assert workbench.segment.segment.isEnabled(), workbench.segment.hint.text()
        qtbot.mouseClick(workbench.segment.segment, Qt.MouseButton.LeftButton)
        if wait:
            qtbot.waitUntil(lambda: not workbench.runner.busy)

    return press


@pytest.fixture
def held(monkeypatch):
    """``with held():`` what is begun waits until it is cancelled, however quick it would be."""
    work = Task.work

    def wait(task):
        while not task.abort_requested:
            threading.Event().wait(0.005)
        return work(task)

    @contextlib.contextmanager
    def hold():
        with monkeypatch.context() as patch:
            patch.setattr(Task, "work", wait)
            yield

    return hold


@pytest.fixture
def notices():
    """What napari showed as notifications, newest last."""
    from napari.utils.notifications import notification_manager

    seen = []

    def note(notification):
        seen.append(notification)

    notification_manager.notification_ready.connect(note)
    yield seen
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture
def volume_values():
    """A volume with something in it, as int16."""
    return np.random.default_rng(0).normal(100, 30, (16, 30, 28)).astype(np.int16)


@pytest.fixture
def at_rest(qtbot):
    """Wait until the window of a viewer has given everything its place, step by step."""

    def wait(viewer):
        canvas, seen = viewer.window._qt_viewer.canvas.native, []

        def stays():
            seen.append((viewer.scene.camera.zoom, canvas.width(), canvas.height()))
            return len(seen) > 5 and len(set(seen[-5:])) == 1

        qtbot.waitUntil(stays)

    return wait


@pytest.fixture
def mouse_of(qtbot):
    """A mouse on the canvas of a viewer that is shown."""

    def on(viewer):
        return Mouse(viewer, qtbot)

    return on


@pytest.fixture
def hover():
    """Move a mouse over a widget, which is not the screen's: tests beside would move that too."""
    return _hover


def _hover(widget, place, buttons=Qt.MouseButton.NoButton, keys=Qt.KeyboardModifier.NoModifier):
    there = QPointF(place), QPointF(widget.mapToGlobal(place))
    kind, none = QMouseEvent.Type.MouseMove, Qt.MouseButton.NoButton
    QApplication.sendEvent(widget, QMouseEvent(kind, *there, none, buttons, keys))


class Mouse:
    """Presses, moves and releases at places of the image, as a person does."""

    def __init__(self, viewer, qtbot):
        self._canvas, self._wait = viewer.window._qt_viewer.canvas, qtbot.wait
        self.native = self._canvas.native

    def at(self, y, x):
        transform = self._canvas.view.camera.transform
        x, y = transform.map([x, y])[:2]
        return QPoint(round(float(x)), round(float(y)))

    def press(self, y, x, button=LEFT):
        QTest.mousePress(self.native, button, Qt.KeyboardModifier.NoModifier, self.at(y, x))
        self._wait(8)

    def move(self, y, x, button=LEFT):
        _hover(self.native, self.at(y, x), button)
        self._wait(8)

    def release(self, y, x, button=LEFT):
        QTest.mouseRelease(self.native, button, Qt.KeyboardModifier.NoModifier, self.at(y, x))
        self._wait(8)

    def drag(self, *points, button=LEFT):
        self.press(*points[0], button)
        for point in points:
            self.move(*point, button)
        self.release(*points[-1], button)
