"""What is taken of layers when they become a case, and where it is stored."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_medseg.case_file import ImageNotKept
from napari_medseg.casebook import Casebook
from napari_medseg.widgets.learn.parts import parts_of, store
from napari_medseg.widgets.painted import painted_of


@pytest.fixture
def volume(scene):
    values = np.random.default_rng(1).random((6, 9, 8)).astype(np.float32)
    return scene.add_image(values, name="scan", scale=(2, 1, 1), units="mm")


@pytest.fixture
def labels(scene, volume):
    layer = scene.add_labels(np.zeros((6, 9, 8), np.uint8), name="scan labels", scale=volume.scale)
    layer.data_setitem((np.array([2, 2]), np.array([3, 4]), np.array([3, 3])), 1)
    return layer


def test_every_slice_with_paint_is_reviewed_whole_and_later_strokes_do_not_count(
    scene, volume, labels
):
    parts = parts_of(scene, [volume], labels)
    labels.data_setitem((np.array([5]), np.array([0]), np.array([0])), 1)
    case = parts.case()
    np.testing.assert_array_equal(case.volume.array[0], volume.data)
    assert case.volume.spacing == (2, 1, 1)
    assert np.flatnonzero(case.reviewed.any(axis=(1, 2))).tolist() == [2]
    assert case.reviewed[2].all()
    assert case.changed.sum() == 2
    assert case.labels.sum() == 2


def test_a_confirmed_slice_is_reviewed_without_a_stroke(scene, volume):
    plain = scene.add_labels(np.ones((6, 9, 8), np.uint8), name="right already")
    with pytest.raises(ValueError, match="nothing of 'scan' was painted"):
        parts_of(scene, [volume], plain).case()
    painted_of(plain).mark_reviewed((slice(4, 5), slice(None), slice(None)))
    case = parts_of(scene, [volume], plain).case()
    assert case.reviewed.sum() == 9 * 8
    assert not case.changed.any()


def test_of_several_times_the_shown_one_is_taken(scene):
    film = np.arange(3 * 4 * 5 * 6, dtype=np.float32).reshape(3, 4, 5, 6)
    image = scene.add_image(film, name="film")
    values = np.zeros((3, 4, 5, 6), np.uint8)
    labels = scene.add_labels(values, name="film labels")
    labels.data_setitem(tuple(np.array([i]) for i in (1, 2, 3, 3)), 1)
    scene.dims.set_point(0, 1)
    case = parts_of(scene, [image], labels).case()
    np.testing.assert_array_equal(case.volume.array[0], film[1])
    assert case.labels.sum() == 1
    scene.dims.set_point(0, 2)
    with pytest.raises(ValueError, match="nothing of 'film'"):
        parts_of(scene, [image], labels).case()


def test_labels_of_another_size_are_refused_in_words(scene, volume):
    other = Labels(np.zeros((6, 9, 7), np.uint8), name="other")
    with pytest.raises(ValueError, match="'other' has 6×9×7 voxels, 'scan' has 6×9×8"):
        parts_of(scene, [volume], other)


def test_a_channel_that_is_not_there_is_kept_as_missing(scene, volume, labels):
    second = Image(volume.data * 2, name="T2", scale=volume.scale, units="mm")
    case = parts_of(scene, [volume, None, second], labels).case()
    assert case.volume.array.shape == (3, 6, 9, 8)
    assert np.isnan(case.volume.array[1]).all()
    np.testing.assert_array_equal(case.volume.array[2], second.data)


def test_the_same_image_again_takes_its_own_place_and_a_copy_needs_consent(
    scene, volume, labels, tmp_path
):
    book = Casebook.open(tmp_path / "study.medseg.json")
    with pytest.raises(ImageNotKept):
        store(parts_of(scene, [volume], labels), book)
    assert not book.folder.exists() or not list(book.folder.glob("*.npz"))
    first = store(parts_of(scene, [volume], labels), book, copy_image=True)
    assert not first.replaced
    assert first.picture.ndim == 3
    labels.data_setitem((np.array([5]), np.array([0]), np.array([0])), 1)
    again = store(parts_of(scene, [volume], labels), book, copy_image=True, picture=True)
    assert again.replaced
    assert again.entry.edited_voxels == 3
    book.refresh()
    assert [entry.key for entry in book.entries] == [first.entry.key]
    assert book.picture(again.entry).is_file()
