"""What hears that an image is another one by now, also where values were written into its array."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.explain import watching
from napari_medseg.widgets.explain.watching import Watching


@pytest.fixture
def heard(qtbot):
    """Watch images of a viewer; what is heard is counted in a list."""
    panel = QWidget()
    qtbot.addWidget(panel)
    panel.show()

    def watch(viewer, *images):
        told, watched = [], Watching(viewer, panel)
        watched.changed.connect(lambda: told.append(True))
        watched.watch(images)
        return told

    return watch


def test_while_the_panel_is_not_seen_slices_are_not_looked_at_and_afterwards_the_one_shown_is(
    qtbot, monkeypatch
):
    viewer, panel, told = ViewerModel(), QWidget(), []
    qtbot.addWidget(panel)
    image = viewer.add_image(np.zeros((6, 8, 9)), contrast_limits=(0, 9))
    watched = Watching(viewer, panel)
    watched.changed.connect(lambda: told.append(True))
    watched.watch([image])
    with monkeypatch.context() as patch:
        patch.setattr(watching, "_checksum", None)  # calling it would be an error
        image.data[viewer.dims.current_step[0]] = 3
        image.refresh()
        viewer.dims.set_current_step(0, 5)
    watched.look()
    assert told == []
    viewer.dims.set_current_step(0, 2)  # the one seen first
    panel.show()
    watched.look()
    watched.look()
    assert told == [True]


def test_only_watched_images_are_heard_and_none_once_the_panel_is_gone(pair, qtbot):
    panel, heard = QWidget(), []
    qtbot.addWidget(panel)
    watched = Watching(pair, panel)
    watched.changed.connect(lambda: heard.append(True))
    first, second = pair.layers
    watched.watch([first])
    second.data = second.data + 1
    assert heard == []
    first.data = first.data + 1
    first.affine = np.diag([1, 2, 1])
    assert len(heard) == 2
    watched.watch([second])
    first.scale = (3, 3)
    assert len(heard) == 2
    panel.deleteLater()
    with qtbot.waitSignal(panel.destroyed):
        pass
    second.scale = (3, 3)
    assert len(heard) == 2


def test_values_written_into_the_slice_one_sees_are_heard_once(heard):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((6, 8, 9), np.float32), name="scan", contrast_limits=(0, 9))
    told = heard(viewer, image)
    viewer.dims.set_current_step(0, 4)
    for look in ({"contrast_limits": (0, 5)}, {"gamma": 2.0}, {"colormap": "green"}):
        for name, value in look.items():
            setattr(image, name, value)
    image.refresh()
    assert told == []
    image.data[4, 7, 8] = 1
    image.refresh()
    assert len(told) == 1
    image.refresh()
    assert len(told) == 1


def test_values_written_elsewhere_are_heard_when_one_comes_back_there(heard):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((6, 8, 9)), contrast_limits=(0, 9))
    viewer.dims.set_current_step(0, 1)
    told = heard(viewer, image)
    viewer.dims.set_current_step(0, 2)
    image.data[1] = 3
    image.data[5] = 3  # was not seen before
    image.refresh()
    viewer.dims.set_current_step(0, 5)
    assert told == []
    viewer.dims.set_current_step(0, 1)
    assert len(told) == 1
    viewer.dims.order = (1, 0, 2)  # other slices of the same
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    assert len(told) == 1


def test_colour_and_time_are_seen_too_and_arrays_that_are_read_slowly_are_left_alone(heard):
    viewer = ViewerModel()
    colour = viewer.add_image(np.zeros((8, 9, 3), np.uint8), rgb=True)
    film = viewer.add_image(np.zeros((3, 4, 8, 9)), contrast_limits=(0, 9))
    reads = []

    def read(block):
        reads.append(block.shape)
        return block

    lazy = dask.array.zeros((8, 9), chunks=(8, 9)).map_blocks(read, dtype=float)
    slow = viewer.add_image(lazy, contrast_limits=(0, 1))
    told, before = heard(viewer, colour, film, slow), len(reads)
    assert len(reads) == before
    colour.data[0, 0, 2] = 1
    colour.refresh()
    assert len(told) == 1
    step = viewer.dims.current_step
    film.data[(*step[:2], 3, 3)] = 1
    film.refresh()
    assert len(told) == 2


def test_of_a_slice_larger_than_a_million_pixels_many_are_looked_at(heard):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((1500, 1500), np.uint8), contrast_limits=(0, 9))
    told = heard(viewer, image)
    image.data[700:702, 900:902] = 4
    image.refresh()
    assert len(told) == 1
