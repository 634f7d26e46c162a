"""What every tool keeps to, whoever wrote it: what is protected stays, the input stays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from napari_medseg.config import Config
from napari_medseg.editing.scope import Scope, edit
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS
from napari_medseg.progress import Cancelled


def _each(*but):
    names = [name for name in TOOLS if name not in but]
    return pytest.mark.parametrize("tool", [TOOLS[name] for name in names], ids=names)


EVERY = _each()
AT_ONCE = ("copy_next", "copy_previous")
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


@st.composite
def scenes(draw, tool, dtype=np.uint8):
    """Blobs of classes 1 to 3 and some single voxels, on a grid of 2 or 3 axes."""
    ndim = 3 if tool.needs & {"volume", "slice"} else draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(4, 9)) for _ in range(ndim))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = np.zeros(shape, dtype)
    for value in (1, 2, 3, 1, 2):
        low = [int(rng.integers(0, n)) for n in shape]
        high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, shape, strict=True)]
        labels[tuple(map(slice, low, high))] = value
    noise = rng.random(shape)
    labels[noise < 0.08] = 0
    labels[noise > 0.96] = 1
    assume((labels == 1).any())
    ones = np.argwhere(labels == 1)
    points = tuple(tuple(int(i) for i in p) for p in ones[[0, -1]])
    return Scene(
        labels=labels,
        spacing=tuple(draw(st.sampled_from([0.7, 1.0, 2.5])) for _ in shape),
        label=1,
        image=np.where(labels == 1, 100, 20).astype(np.float32) + rng.normal(0, 5, shape),
        points=points,
        axis=0,
        index=shape[0] // 2,
        box=tuple(slice(1, n - 1) for n in shape),
    )


def _options(tool, **changes):
    known = {f.name for f in dataclasses.fields(tool.options)}
    return tool.options(**{k: v for k, v in changes.items() if k in known})


def _run(tool, scene, **changes):
    """Run a tool; what it cannot do here it says in a sentence, and that is no example."""
    edited = _edited_or_said(tool, scene, _options(tool, **changes))
    assume(edited is not None)
    return edited


def _edited_or_said(tool, scene, options):
    try:
        return apply(tool, scene, options)
    except ValueError as error:
        words = str(error).split()
    assert len(words) > 4, words
    return None


@EVERY
@FEW
@given(st.data())
def test_what_is_protected_stays(tool, data):
    scene = data.draw(scenes(tool))
    labels = scene.labels
    before = labels.copy()
    scene = dataclasses.replace(scene, locked=frozenset({3}))
    edited = _run(tool, scene, into=2, other=2)
    np.testing.assert_array_equal(labels, before)
    assert edited.dtype == labels.dtype
    assert edited.shape == labels.shape
    assert not np.shares_memory(edited, labels)
    np.testing.assert_array_equal(edited == 3, labels == 3)
    if not (tool.others or tool.any_label):
        other = (labels != 0) & (labels != 1)
        np.testing.assert_array_equal(edited[other], labels[other])


@EVERY
@FEW
@given(st.data())
def test_nothing_changes_outside_of_the_mask(tool, data):
    scene = data.draw(scenes(tool))
    mask = np.random.default_rng(0).random(scene.labels.shape) > 0.5
    scene = dataclasses.replace(scene, mask=mask, locked=frozenset({2}))
    edited = _run(tool, scene, overwrite=True, into=3, other=3)
    np.testing.assert_array_equal(edited[~mask], scene.labels[~mask])
    np.testing.assert_array_equal(edited == 2, scene.labels == 2)


@EVERY
@FEW
@given(st.data())
def test_working_in_the_box_touched_gives_what_the_whole_gives(tool, data):
    scene = data.draw(scenes(tool))
    pad = [(3, 2)] * scene.labels.ndim
    wide = dataclasses.replace(
        scene,
        labels=np.pad(scene.labels, pad),
        image=np.pad(scene.image, pad),
        points=tuple(tuple(i + 3 for i in p) for p in scene.points),
        index=scene.index + 3,
        box=tuple(slice(s.start + 3, s.stop + 3) for s in scene.box),
    )
    whole = _run(tool, wide)
    found = edit(tool, wide, _options(tool))
    ours = wide.labels.copy()
    if found is not None:
        box, edited = found
        ours[box] = edited
    np.testing.assert_array_equal(ours, whole)


@_each("grow_region")  # a region does not grow around outside of the box
@FEW
@given(st.data())
def test_a_selected_box_limits_what_changes_but_not_what_is_seen(tool, data):
    scene = data.draw(scenes(tool))
    box = tuple(slice(n // 3, n) for n in scene.labels.shape)
    whole = _run(tool, scene)
    found = edit(tool, scene, _options(tool), Scope(where="box", box=box))
    ours, theirs = scene.labels.copy(), scene.labels.copy()
    if found is not None:
        ours[found[0]] = found[1]
    theirs[box] = whole[box]
    np.testing.assert_array_equal(ours, theirs)


@_each("interpolate", "interpolate_all")  # nothing lies between slices here: test_slices.py
def test_it_works_on_any_integers_and_any_memory_order(tool):
    rng = np.random.default_rng(0)
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[1:6, 2:7, 2:6] = 1
    labels[5, 5, 8] = 1
    labels[6:, :3] = 2
    image = np.where(labels == 1, 100.0, 20.0) + rng.normal(0, 1, labels.shape)
    scene = Scene(
        labels=labels,
        spacing=(2.0, 1.0, 1.0),
        label=1,
        image=image,
        points=((2, 3, 3), (5, 5, 8)),
        index=3,
        box=(slice(1, 5),) * 3,
    )
    expected = apply(tool, scene, tool.options())
    for dtype in (np.int16, np.int32, np.uint16, np.int64, np.uint64):
        other = dataclasses.replace(scene, labels=np.asfortranarray(labels.astype(dtype)))
        found = apply(tool, other, tool.options())
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


@EVERY
def test_bad_labels_are_one_clear_sentence(tool):
    scene = Scene(labels=np.ones((4, 5, 6)), spacing=(1.0,) * 3, label=1)
    with pytest.raises(ValueError, match=r"whole numbers, these are float64"):
        apply(tool, scene, tool.options())
    with pytest.raises(ValueError, match="voxel size"):
        apply(tool, dataclasses.replace(scene, labels=np.ones((4, 5), int)), tool.options())
    with pytest.raises(ValueError, match=r"4 x 4 x 4 voxels, the labels have 4 x 5 x 6"):
        apply(
            tool,
            dataclasses.replace(scene, labels=np.ones((4, 5, 6), int), image=np.ones((4, 4, 4))),
            tool.options(),
        )


@EVERY
def test_an_empty_class_is_said_or_begun(tool):
    labels = np.zeros((4, 5, 6), np.uint8)
    scene = Scene(
        labels=labels,
        spacing=(1.0,) * 3,
        label=1,
        image=np.zeros(labels.shape),
        points=((1, 1, 1),),
        index=1,
        box=(slice(1, 3),) * 3,
    )
    if tool.any_label or tool.starts_empty:
        edited = _edited_or_said(tool, scene, tool.options())
        assert edited is None or set(np.unique(edited)) <= {0, 1}
    else:
        with pytest.raises(ValueError, match="class 1 has no voxels here"):
            apply(tool, scene, tool.options())


@EVERY
def test_a_class_that_fills_everything_is_worked_on_or_said(tool):
    labels = np.ones((4, 5, 6), np.uint8)
    scene = Scene(
        labels=labels,
        spacing=(1.0, 1.0, 2.0),
        label=1,
        image=np.zeros(labels.shape),
        points=((1, 1, 1), (2, 2, 2)),
        index=1,
        box=(slice(1, 3),) * 3,
    )
    edited = _edited_or_said(tool, scene, tool.options())
    assert edited is None or set(np.unique(edited)) <= {0, 1, 2}
    assert labels.all()


@EVERY
def test_negative_labels_are_classes_like_others(tool):
    labels = np.zeros((6, 6, 6), np.int16)
    labels[1:4, 1:4, 1:4], labels[5, 5, 5], labels[:2, 5] = -3, -3, 4
    scene = Scene(
        labels=labels,
        spacing=(1.0,) * 3,
        label=-3,
        image=labels.astype(float),
        points=((1, 1, 1), (5, 5, 5)),
        index=2,
        box=(slice(1, 3),) * 3,
    )
    edited = apply(tool, scene, tool.options())
    if not (tool.any_label or tool.others):
        np.testing.assert_array_equal(edited == 4, labels == 4)


@EVERY
def test_the_form_has_words_for_everything(tool):
    assert issubclass(tool.options, Config)
    for field in dataclasses.fields(tool.options):
        assert field.metadata["word"], field.name
        assert field.metadata["tip"], field.name
    assert tool.tip[0].isupper()
    assert not tool.tip.endswith(".")


@_each(*AT_ONCE)
def test_it_can_be_cancelled(tool):
    def cancel(step):
        raise Cancelled

    labels = np.zeros((12, 60, 60), np.uint8)
    labels[2:5, 20:40, 20:40] = labels[8, 40:50, 40:50] = 1
    labels[2:5, 50:60, 50:60] = 2
    scene = Scene(
        labels=labels,
        spacing=(1.0,) * 3,
        label=1,
        image=labels * 100.0,
        points=((3, 30, 30), (8, 45, 45)),
        index=6,
        box=(slice(1, 3),) * 3,
        report=cancel,
    )
    with pytest.raises(Cancelled):
        apply(tool, scene, tool.options())
