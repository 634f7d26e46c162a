"""What a tool sees of what a viewer shows: slice, box, step, clicks, the image below."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.edit import in_parts
from napari_medseg.widgets.edit.sight import (
    drawn_boxes,
    images_under,
    job_of,
    labels_beside,
    slice_index,
    voxel_at,
)
from napari_medseg.widgets.scopes import Scope


def job(viewer, layer, name, **how):
    tool = TOOLS[name]
    return job_of(viewer, layer, tool, how.pop("options", tool.options()), label=1, **how)


def whole(answer, labels):
    """Return all labels as they would be."""
    result = labels.copy()
    if answer is None:
        return result
    result[answer.box] = answer.edited
    return result


@pytest.fixture
def rectangle(scene):
    corners = [(0, 4, 4), (0, 4, 15), (0, 20, 15), (0, 20, 4)]
    return scene.add_shapes([np.array(corners, float)], ndim=3, scale=(2, 1, 1), units="mm")


def test_a_slice_is_edited_as_an_image_of_its_own(scene, mask):
    found = job(scene, mask, "keep_largest", where=Scope.SLICE).run().answer
    assert found is None or found.box[0] == slice(7, 8)
    grown = job(scene, mask, "grow", where=Scope.SLICE).run().answer
    after = whole(grown, mask.data)
    assert (after[7] != mask.data[7]).any()
    np.testing.assert_array_equal(np.delete(after, 7, 0), np.delete(mask.data, 7, 0))


@pytest.mark.parametrize("where", [Scope.BOX, Scope.BOX_SLICE])
def test_nothing_changes_outside_the_box(scene, mask, rectangle, where):
    after = whole(job(scene, mask, "grow", where=where).run().answer, mask.data)
    (box,) = drawn_boxes(scene, mask, one_slice=where is Scope.BOX_SLICE)
    inside = np.zeros(after.shape, bool)
    inside[box] = True
    changed = after != mask.data
    assert changed[inside].any()
    assert not changed[~inside].any()


def test_two_boxes_are_both_worked_in(scene, mask, rectangle):
    far = np.array([(0, 8, 20), (0, 8, 30), (0, 20, 30), (0, 20, 20)], float)
    rectangle.add_rectangles([far])
    changed = whole(job(scene, mask, "grow", where=Scope.BOX).run().answer, mask.data) != mask.data
    for box in drawn_boxes(scene, mask):
        assert changed[box].any()


def test_without_a_box_a_sentence_says_so(scene, mask):
    with pytest.raises(ValueError, match="draw one first"):
        job(scene, mask, "grow", where=Scope.BOX)


def test_a_slice_outside_of_the_labels_is_said(scene, mask):
    scene.add_image(np.zeros((60, 40, 40)), scale=(2, 1, 1), units="mm")
    scene.dims.set_current_step(0, 30)
    assert slice_index(scene, mask) is None
    with pytest.raises(ValueError, match="outside of these labels"):
        job(scene, mask, "grow", where=Scope.SLICE)


def test_tools_between_slices_see_the_whole_volume_in_every_scope(scene, mask):
    copied = job(scene, mask, "copy_next", where=Scope.SLICE).run().answer
    after = whole(copied, mask.data)
    assert (after[8] != mask.data[8]).any()
    np.testing.assert_array_equal(after[:8], mask.data[:8])


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.sees == "around"])
def test_the_preview_of_a_slice_is_what_the_whole_gives_there(scene, mask, name):
    image = images_under(scene, mask)[0] if "image" in TOOLS[name].needs else None
    full = job(scene, mask, name, image=image)
    part, rest = full.on_slice(7).run(), full.run()
    assert part.reason == rest.reason
    after, seen = whole(rest.answer, mask.data), whole(part.answer, mask.data)
    np.testing.assert_array_equal(seen[7], after[7])
    np.testing.assert_array_equal(np.delete(seen, 7, 0), np.delete(mask.data, 7, 0))


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.sees == "around"])
def test_in_parts_it_comes_to_the_same(scene, mask, monkeypatch, name):
    image = images_under(scene, mask)[0] if "image" in TOOLS[name].needs else None
    full = job(scene, mask, name, image=image)
    at_once = full.run()
    monkeypatch.setattr(in_parts, "_VOXELS", 5000)
    told = []
    parted = full.run(told.append)
    assert parted.reason == at_once.reason
    if at_once.answer is not None:
        assert parted.answer.box == at_once.answer.box
        np.testing.assert_array_equal(parted.answer.edited, at_once.answer.edited)
    if name == "grow":
        assert [step.unit for step in told].count("part") >= 3
        assert told[-1].total >= 3


def test_an_answer_is_no_larger_than_what_changes(scene, mask):
    answer = job(scene, mask, "keep_largest").run().answer
    assert answer.box == (slice(2, 3), slice(35, 36), slice(35, 36))  # the island
    mask.data[2, 35, 35] = 0
    assert job(scene, mask, "keep_largest").run().answer is None


def test_a_tool_that_must_see_everything_is_not_narrowed(scene, mask):
    full = job(scene, mask, "keep_largest")
    assert full.on_slice(7) is full


def test_of_a_movie_the_shown_step_alone_is_edited():
    viewer, labels = ViewerModel(), np.zeros((3, 6, 12, 12), np.uint8)
    labels[:, 2:4, 4:8, 4:8] = 1
    viewer.add_image(labels * 100)
    layer = viewer.add_labels(labels)
    viewer.dims.set_current_step(0, 1)
    (image,) = images_under(viewer, layer)
    found = job(viewer, layer, "grow", image=image, options=TOOLS["grow"].options(radius=1.0))
    box, edited = found.run().answer.in_layer()
    assert box[0] == slice(1, 2)
    assert edited.ndim == 4
    assert edited.sum() > labels[1].sum()


class TestImagesUnder:
    def test_an_image_elsewhere_or_of_another_shape_does_not_count(self, scene, mask):
        place = {"scale": (2, 1, 1), "units": "mm"}
        scene.add_image(np.zeros((14, 40, 40)), name="moved", translate=(0, 9, 0), **place)
        scene.add_image(np.zeros((14, 40, 39)), name="narrow", **place)
        scene.add_image(np.zeros((14, 40, 40)), name="coarse", scale=(4, 1, 1), units="mm")
        assert [image.name for image in images_under(scene, mask)] == ["scan"]

    def test_a_colour_image_is_read_as_grey(self):
        viewer = ViewerModel()
        pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
        image = viewer.add_image(pixels, rgb=True)
        layer = viewer.add_labels(np.ones((20, 30), np.uint8))
        assert images_under(viewer, layer) == [image]
        found = job(viewer, layer, "threshold", image=image)
        np.testing.assert_allclose(found._image(), pixels.mean(-1), atol=1e-3)

    def test_a_lazy_image_is_computed_by_the_thread(self, scene, mask):
        import dask.array

        lazy = dask.array.from_array(scene.layers["scan"].data, chunks=8)
        image = scene.add_image(lazy, scale=(2, 1, 1), units="mm", contrast_limits=(0, 300))
        found = job(scene, mask, "threshold", image=image)
        assert isinstance(found.grey, dask.array.Array)
        np.testing.assert_array_equal(found._image(), scene.layers["scan"].data)

    def test_labels_that_only_show_something_are_no_other_labels(self, scene, mask):
        from napari_medseg.widgets.volumes import KEY

        place = {"scale": (2, 1, 1), "units": "mm"}
        scene.add_labels(
            mask.data.copy(), name="preview", metadata={KEY: {"preview": True}}, **place
        )
        scene.add_labels(mask.data.copy(), name="second reader", **place)
        assert [layer.name for layer in labels_beside(scene, mask)] == ["second reader"]


def test_a_click_is_a_voxel_or_nothing(scene, mask):
    assert voxel_at(scene, mask, (14.4, 12.2, 9.7)) == (7, 12, 10)
    assert voxel_at(scene, mask, (14, -3, 9)) is None


def test_the_key_of_a_job_tells_what_may_differ(scene, mask):
    same = job(scene, mask, "grow").key
    assert job(scene, mask, "grow").key == same
    others = [
        job(scene, mask, "shrink"),
        job(scene, mask, "grow", options=TOOLS["grow"].options(radius=9.0)),
        job(scene, mask, "grow", where=Scope.SLICE),
        job(scene, mask, "grow", every_label=True),
        job(scene, mask, "grow", locked=frozenset({2})),
        job(scene, mask, "grow", points=((1, 2, 3),)),
        job(scene, mask, "grow").on_slice(3),
    ]
    assert len({same, *(other.key for other in others)}) == 1 + len(others)
    scene.dims.set_current_step(0, 3)
    assert job(scene, mask, "grow").key == same  # the slice does not matter for the volume
