"""An image on disk, read in pieces and in slabs, is the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.block_image import Source, slabs
from napari_medseg.engine.block_store import LabelStore, open_store
from napari_medseg.engine.block_values import measure_values
from napari_medseg.engine.card import Preprocessing
from napari_medseg.engine.grid import Grid
from napari_medseg.io import open_pyramid
from napari_medseg.io.classes import ClassName

RANDOM = np.random.default_rng(0)
VOLUME = RANDOM.integers(0, 200, (2, 12, 18, 20)).astype(np.uint8)
KEY = {"model": "m", "image": "i", "config": {"overlap": 0.5}}


def source(path, channels):
    return Source(open_pyramid(path), 0, channels)


def whole(shape):
    return tuple(slice(0, n) for n in shape)


def test_a_grey_image_is_repeated_for_colours_and_what_is_too_much_left_out(zarr_image):
    path = zarr_image(VOLUME[0], (5, 8, 8))
    grey = source(path, 3)
    assert grey.shape == VOLUME.shape[1:]
    assert grey.chunks == (5, 8, 8)
    found = grey.read(whole(grey.shape))
    np.testing.assert_array_equal(found, np.stack([VOLUME[0]] * 3))
    both = source(zarr_image(VOLUME, (5, 8, 8), name="two.ome.zarr"), 1)
    np.testing.assert_array_equal(both.read(whole(both.shape)), VOLUME[:1])


def test_a_picture_has_one_plane(zarr_image):
    flat = source(zarr_image(VOLUME[0, 0], (8, 8)), 1)
    assert (flat.shape, flat.chunks) == ((1, 18, 20), (1, 8, 8))
    box = (slice(0, 1), slice(3, 9), slice(5, 20))
    np.testing.assert_array_equal(flat.read(box)[0, 0], VOLUME[0, 0, 3:9, 5:20])


@pytest.mark.parametrize("piece", [1, 300, 1 << 22])
def test_pieces_hold_every_voxel_once(zarr_image, monkeypatch, piece):
    monkeypatch.setattr("napari_medseg.engine.block_image._PIECE", piece)
    pieces = list(source(zarr_image(VOLUME, (5, 8, 8)), 2).pieces())
    assert sum(p.size for p in pieces) == VOLUME.size
    counts = sum(np.bincount(p.ravel(), minlength=200) for p in pieces)
    np.testing.assert_array_equal(counts, np.bincount(VOLUME.ravel(), minlength=200))
    assert (len(pieces) == 1) == (piece == 1 << 22)


@pytest.mark.parametrize("stream", [0, 1, 2])
@pytest.mark.parametrize("shape", [(12, 18, 20), (7, 27, 13)])
def test_slabs_side_by_side_are_the_prepared_image(zarr_image, stream, shape):
    image = source(zarr_image(VOLUME, (5, 8, 8)), 2)
    values = measure_values(image.pieces, image.pyramid.dtype, 2, Preprocessing())
    grid = Grid(image.shape, shape)
    found = torch.cat(list(slabs(image, values, grid, whole(shape), stream, 4)), 1 + stream)
    expected = grid.resample_image(torch.from_numpy(values.apply(VOLUME)))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.fixture
def store(zarr_image, tmp_path):
    """Return new labels of chunks of (5, 8, 8) voxels, and how to open them again."""
    image = open_pyramid(zarr_image(VOLUME[0], (5, 8, 8)))

    def make(**key):
        return open_store(
            tmp_path / "labels.ome.zarr",
            image,
            {**KEY, **key},
            dtype=np.dtype(np.uint8),
            chunks=(5, 8, 8),
            classes=[ClassName(1, "one", "#ff0000")],
            provenance={},
        )

    return make


def test_a_block_is_done_when_it_was_written(store):
    labels, begun = store()
    assert not begun
    boxes = list(labels.chunk_boxes())
    assert len(boxes) == 3 * 3 * 3
    assert not any(labels.is_done(box) for box in boxes)
    shape = tuple(s.stop - s.start for s in boxes[4])
    labels.write(boxes[4], np.zeros(shape, np.uint8))  # background is an answer, too
    assert [labels.is_done(box) for box in boxes].index(True) == 4
    assert sum(map(labels.is_done, boxes)) == 1
    again, begun = store()
    assert begun
    assert again.is_done(boxes[4])


def test_chunks_of_a_block_are_files_of_their_own(store):
    labels, _ = store()
    boxes = list(labels.chunk_boxes())
    files = [file for box in boxes for file in labels.files(box)]
    assert len(set(files)) == len(files) == len(boxes)
    together = (slice(0, 10), slice(0, 8), slice(0, 8))
    assert len(list(labels.files(together))) == 2


def test_what_a_run_finds_out_is_kept_for_the_next(store):
    labels, _ = store()
    assert labels.values is None
    assert labels.state["state"] == "unfinished"
    labels.keep(values=None, more=[1, 2])
    assert LabelStore(labels.path).state["more"] == [1, 2]
    assert LabelStore(labels.path).state["key"] == KEY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "n"}, "begun with another model and"),
        ({"config": {"overlap": 0.25}}, "begun with other settings and"),
        ({"image": "j", "model": "n"}, "another model and another image"),
    ],
)
def test_other_things_do_not_go_on_with_it(store, changes, words):
    store()
    with pytest.raises(ValueError, match=words):
        store(**changes)


def test_finished_labels_are_kept(store):
    labels, _ = store()
    for box in labels.chunk_boxes():
        labels.write(box, np.ones(tuple(s.stop - s.start for s in box), np.uint8))
    labels.finish()
    assert LabelStore(labels.path).state["state"] == "finished"
    with pytest.raises(ValueError, match="there already and finished"):
        store()
