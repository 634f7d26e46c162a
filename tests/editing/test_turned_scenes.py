"""What a tool does turns with the volume, scales with its lengths and keeps to its scope."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_medseg.editing.scope import Scope, edit
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS

SPACING = (2.5, 0.7, 1.1)
LENGTHS = ("radius", "thickness", "distance", "depth")  # options in mm
ORDERS = [(1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0)]
# which of two equal ways these go depends on the order of the voxels, or they name their axis
TIED = ("split", "cut", "mirror")


def scene_of(shape=(9, 11, 13)):
    """Return blobs of three classes that reach the borders, one with a hole, and a speck."""
    labels = np.zeros(shape, np.uint8)
    labels[0:6, 2:9, 3:10] = 1
    labels[2, 4:6, 5:7] = 0
    labels[8, 0, 12] = 1
    labels[5:, 7:, 0:5] = 2
    labels[3:5, :2, 11:] = 3
    image = np.where(labels == 1, 100.0, 20.0)
    image += np.random.default_rng(0).normal(0, 4, shape)
    return Scene(
        labels=labels,
        spacing=SPACING,
        label=1,
        locked=frozenset({3}),
        image=image,
        points=((3, 4, 4), (4, 7, 8)),
        index=4,
        other=(image > 60).astype(np.uint8),
        box=(slice(1, 5), slice(0, 8), slice(4, 12)),
    )


def between_scene():
    """Return a scene whose class is painted in some slices only."""
    scene = scene_of()
    labels = scene.labels.copy()
    labels[1:5] = np.where(labels[1:5] == 1, 0, labels[1:5])
    labels[5, 1:5, 1:5] = 1
    return dataclasses.replace(scene, labels=labels, points=((0, 3, 4),))


def scene_for(tool):
    return between_scene() if tool.name.startswith("interpolate") else scene_of()


def each(*but):
    names = [n for n in TOOLS if n not in but]
    return pytest.mark.parametrize("tool", [TOOLS[n] for n in names], ids=names)


def turned(scene, order):
    """Return the scene with its axes in another order."""
    return dataclasses.replace(
        scene,
        labels=scene.labels.transpose(order),
        image=scene.image.transpose(order),
        other=scene.other.transpose(order),
        mask=None if scene.mask is None else scene.mask.transpose(order),
        spacing=tuple(scene.spacing[a] for a in order),
        points=tuple(tuple(p[a] for a in order) for p in scene.points),
        box=tuple(scene.box[a] for a in order),
        axis=order.index(scene.axis),
    )


def mirrored(scene, axis):
    """Return the scene in the mirror along one axis."""
    n = scene.labels.shape[axis]

    def there(values):
        return tuple(n - 1 - v if a == axis else v for a, v in enumerate(values))

    box = list(scene.box)
    box[axis] = slice(n - box[axis].stop, n - box[axis].start)
    return dataclasses.replace(
        scene,
        labels=np.flip(scene.labels, axis),
        image=np.flip(scene.image, axis),
        other=np.flip(scene.other, axis),
        points=tuple(there(p) for p in scene.points),
        box=tuple(box),
        index=n - 1 - scene.index if axis == scene.axis else scene.index,
    )


@each(*TIED)
@pytest.mark.parametrize("order", ORDERS[:2])
def test_a_volume_on_its_side_is_edited_on_its_side(tool, order):
    scene, options = scene_for(tool), tool.options()
    expected = apply(tool, scene, options)
    found = apply(tool, turned(scene, order), options)
    np.testing.assert_array_equal(found, expected.transpose(order))


@each(*TIED, "copy_next", "copy_previous")
def test_a_volume_in_the_mirror_is_edited_in_the_mirror(tool):
    scene, options = scene_for(tool), tool.options()
    expected = apply(tool, scene, options)
    for axis in range(3):
        found = apply(tool, mirrored(scene, axis), options)
        np.testing.assert_array_equal(found, np.flip(expected, axis), err_msg=f"axis {axis}")


def test_the_next_slice_is_the_previous_one_in_the_mirror():
    scene = dataclasses.replace(scene_of(), index=5)  # the last one of the class
    there, back = TOOLS["copy_next"], TOOLS["copy_previous"]
    expected = apply(there, scene, there.options(every_class=True))
    found = apply(back, mirrored(scene, 0), back.options(every_class=True))
    np.testing.assert_array_equal(found[::-1], expected)
    assert (expected != scene.labels).any()


@each()
def test_a_grid_twice_as_coarse_with_lengths_twice_as_long_is_the_same(tool):
    scene, options = scene_for(tool), tool.options()
    longer = {k: 2 * getattr(options, k) for k in LENGTHS if hasattr(options, k)}
    if tool.name == "remove_small":
        longer["smallest"] = 8 * options.smallest
    coarse = dataclasses.replace(scene, spacing=tuple(2 * s for s in scene.spacing))
    np.testing.assert_array_equal(
        apply(tool, coarse, dataclasses.replace(options, **longer)), apply(tool, scene, options)
    )


@pytest.mark.parametrize("name", ["grow", "shrink", "closing", "smooth", "remove_small"])
def test_the_voxel_size_matters(name):
    tool, scene = TOOLS[name], scene_of()
    fine = dataclasses.replace(scene, spacing=tuple(0.2 * s for s in scene.spacing))
    assert (apply(tool, fine, tool.options()) != apply(tool, scene, tool.options())).any()


IN_A_SLICE = [t for t in TOOLS.values() if not t.needs & {"slice", "volume"} and t.name != "mirror"]
in_a_slice = pytest.mark.parametrize("tool", IN_A_SLICE, ids=[t.name for t in IN_A_SLICE])


@in_a_slice
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_this_slice_is_edited_as_an_image_whichever_way_one_steps(tool, axis):
    order = (axis, *(a for a in range(3) if a != axis))
    scene = scene_of()
    stepping = dataclasses.replace(scene, axis=axis, index=scene.points[0][axis])
    clicks = tuple(
        tuple(stepping.index if a == axis else v for a, v in enumerate(p)) for p in scene.points
    )
    stepping = dataclasses.replace(stepping, points=clicks)
    options = tool.options()
    flat = turned(stepping, order)  # the slice shown is now one across the first axis
    index = flat.index
    image = dataclasses.replace(
        flat,
        labels=flat.labels[index],
        image=flat.image[index],
        other=flat.other[index],
        spacing=flat.spacing[1:],
        points=tuple(p[1:] for p in flat.points),
        box=flat.box[1:],
        axis=0,
        index=None,
    )
    try:
        expected = apply(tool, image, options)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:20]):
            edit(tool, stepping, options, Scope(where="slice"))
        return
    found = scene.labels.copy()
    answer = edit(tool, stepping, options, Scope(where="slice"))
    if answer is not None:
        found[answer[0]] = answer[1]
    whole = scene.labels.copy()
    np.moveaxis(whole, axis, 0)[stepping.index] = expected
    np.testing.assert_array_equal(found, whole)


EVERY = [t for t in TOOLS.values() if t.all_labels and not t.any_label]
EVERY = [t for t in EVERY if t.name not in ("merge", "interpolate")]  # into itself; no gaps here


@pytest.mark.parametrize("tool", EVERY, ids=[t.name for t in EVERY])
@pytest.mark.parametrize("where", ["volume", "slice", "box"])
def test_every_class_is_each_class_in_turn_wherever_one_works(tool, where):
    scene, options = scene_of(), tool.options()
    box = (slice(1, 7), slice(3, 11), slice(0, 9))
    scope = Scope(where=where, box=box)
    one_by_one = scene.labels.copy()
    for label in (1, 2):  # 3 is locked
        answer = None
        here = one_by_one[scene.index] if where == "slice" else one_by_one
        if (here == label).any():
            turn = dataclasses.replace(scene, labels=one_by_one.copy(), label=label)
            answer = edit(tool, turn, options, scope)
        if answer is not None:
            one_by_one[answer[0]] = answer[1]
    found = scene.labels.copy()
    answer = edit(tool, scene, options, dataclasses.replace(scope, every_label=True))
    if answer is not None:
        found[answer[0]] = answer[1]
    np.testing.assert_array_equal(found, one_by_one)
    changed = found != scene.labels
    np.testing.assert_array_equal(found == 3, scene.labels == 3)
    allowed = np.ones(changed.shape, bool)
    if where == "slice":
        allowed[:] = False
        allowed[scene.index] = True
    elif where == "box":
        allowed[:] = False
        allowed[box] = True
    assert not (changed & ~allowed).any()


@each("interpolate", "interpolate_all")
def test_a_mask_within_a_box_allows_what_both_allow(tool):
    scene, options = scene_of(), tool.options()
    mask = np.random.default_rng(1).random(scene.labels.shape) > 0.4
    box = (slice(0, 7), slice(2, 11), slice(3, 13))
    scope = Scope(where="box", box=box)
    if tool.name == "grow_region":  # the click must lie where it may grow
        mask[tuple(zip(*scene.points, strict=True))] = True
    answer = edit(tool, dataclasses.replace(scene, mask=mask), options, scope)
    changed = np.zeros(mask.shape, bool)
    if answer is not None:
        changed[answer[0]] = answer[1] != scene.labels[answer[0]]
    allowed = np.zeros(mask.shape, bool)
    allowed[box] = mask[box]
    assert not (changed & ~allowed).any()
