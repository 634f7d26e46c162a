"""Viewers without a window whose layers are kept, and sittings that end like a killed program."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.widgets.keeping.following import _offers, follow, offers_of
from napari_medseg.widgets.keeping.keeper import _keepers
from napari_medseg.widgets.keeping.scribe import scribe


@pytest.fixture
def written(qtbot):
    """Wait until all that was done is on disk."""

    def wait():
        assert scribe().wait(scribe().submit(lambda: None), 60)

    yield wait
    wait()


@pytest.fixture
def sitting(qtbot, written):
    """Begin a sitting: a viewer whose layers are kept."""

    def begin():
        viewer = ViewerModel()
        follow(viewer)
        return viewer

    return begin


@pytest.fixture
def crash(written):
    """End a sitting as a killed program does: files are closed, nothing else happens."""

    def kill(viewer):
        written()
        for layer in viewer.layers:
            keeper = _keepers.pop(layer, None)
            if keeper is not None:
                for end in keeper._ends:
                    end()
                scribe().submit(keeper._ledger.close)
        offers = _offers.pop(viewer)
        offers._timer.stop()
        offers.found.clear()
        written()

    return kill


@pytest.fixture
def offered(qtbot):
    """Wait until something is offered in a viewer, and return it."""

    def wait(viewer):
        offers = offers_of(viewer)
        qtbot.waitUntil(lambda: offers.first() is not None)
        return offers.first()

    return wait


@pytest.fixture
def nothing_offered(qtbot, written):
    """Look, and find nothing."""

    def look(viewer):
        offers = offers_of(viewer)
        offers.look()
        qtbot.wait(20)
        written()
        qtbot.wait(20)
        assert offers.first() is None

    return look


@pytest.fixture
def stroke():
    """Paint a stroke of dabs, as one step."""

    def paint(layer, *points, value=1):
        with layer.block_history():
            for point in points:
                layer.paint(point, value, refresh=False)

    return paint


@pytest.fixture
def image_values():
    """A volume with something in it."""
    return np.random.default_rng(5).normal(100, 30, (8, 30, 34)).astype(np.float32)
