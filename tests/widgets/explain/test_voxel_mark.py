"""The cross around the voxel one asks about: on that voxel, on every slice, gone when unneeded."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.explain.voxel_mark import NAME, VoxelMark, cross
from napari_medseg.widgets.image_choice import ImageChoice


@pytest.fixture
def marked(qtbot):
    """Make a mark for a viewer: ``(mark, subject)``."""

    def make(viewer):
        images = ImageChoice(viewer)
        qtbot.addWidget(images)
        subject = Subject(viewer, images)
        subject.follow(viewer.layers[0])
        return VoxelMark(viewer, subject), subject

    return make


def marks_at(viewer, world):
    """Return the value of the mark at a place of the world."""
    layer = viewer.layers[NAME]
    return layer.get_value(world, world=True)


@pytest.mark.parametrize(
    ("at", "shape"), [((20, 10), (41, 35)), ((0, 34), (41, 35)), ((9, 700), (20, 800))]
)
def test_a_cross_points_at_its_voxel_and_leaves_it_and_its_neighbours_free(at, shape):
    box, values = cross(at, shape)
    whole = np.zeros(shape, int)
    whole[box] = values
    assert not whole[tuple(slice(max(i - 1, 0), i + 2) for i in at)].any()
    rows, columns = np.nonzero(whole == 1)
    assert len(rows) >= 6
    assert all(row == at[0] or column == at[1] for row, column in zip(rows, columns, strict=True))
    assert (whole == 2).any() == (max(shape) == 800)  # a dark edge where voxels are small


def test_the_mark_lies_around_the_voxel_in_the_world_on_every_slice(marked):
    viewer = ViewerModel()
    image = viewer.add_image(
        np.zeros((20, 34, 36), np.float32), scale=(2, 1, 0.5), translate=(5, 1, -3), units="mm"
    )
    mark, subject = marked(viewer)
    mark.refresh(wanted=True)
    assert NAME not in viewer.layers  # nobody pointed at anything
    viewer.dims.set_current_step(0, 7)
    pointed = np.array(image.data_to_world((7, 12, 25)))
    assert subject.point(tuple(pointed)) == ""
    mark.refresh(wanted=True)
    layer = viewer.layers[NAME]
    assert viewer.layers.selection.active is image
    for index in (0, 7, 19):
        here = image.data_to_world((index, 12, 25))
        assert marks_at(viewer, here) == 0
        for arm in ((index, 12 + 4, 25), (index, 12, 25 - 4)):
            assert marks_at(viewer, image.data_to_world(arm)) == 1
    before = layer.data
    viewer.dims.set_current_step(0, 9)
    mark.refresh(wanted=True)
    assert layer.data is before  # nothing to do on another slice
    viewer.dims.order = (2, 0, 1)
    mark.refresh(wanted=True)
    assert layer.data.shape[2] == 36
    viewer.dims.ndisplay = 3
    mark.refresh(wanted=True)
    assert not layer.visible


def test_a_mark_that_a_person_hides_or_removes_stays_away_until_another_voxel(marked):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 41, 35), np.float32), axis_labels=("t", "y", "x"))
    mark, subject = marked(viewer)
    subject.point((0, 20, 10))
    mark.refresh(wanted=True)
    viewer.layers[NAME].visible = False
    mark.refresh(wanted=True)
    assert not viewer.layers[NAME].visible
    subject.point((0, 30, 12))
    mark.refresh(wanted=True)
    assert viewer.layers[NAME].visible
    mark.refresh(wanted=False)
    assert not viewer.layers[NAME].visible
    mark.refresh(wanted=True)
    assert viewer.layers[NAME].visible
    del viewer.layers[NAME]
    mark.refresh(wanted=True)
    assert NAME not in viewer.layers
    subject.point((0, 5, 5))
    mark.refresh(wanted=True)
    assert viewer.layers[NAME].visible
