"""Labels written block by block are those of a run in memory, however it was cut or stopped."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from napari_medseg.engine.block_store import LabelStore
from napari_medseg.engine.blockwise import segment_blockwise
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import open_pyramid, read_labels, read_volume, write_image
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

EXACT = InferenceConfig(exact=True)
CASES = {  # dims, card, config, shape, chunks, spacing, dtype
    "windows, zscore": (3, {"window": (8, 16, 16)}, {}, (12, 20, 40), (8, 16, 32), None, "uint16"),
    "small overlap": (
        3,
        {"window": (8, 16, 16), "normalise": "none"},
        {"overlap": 0.25},
        (12, 21, 50),
        (8, 16, 32),
        None,
        "float32",
    ),
    "no overlap": (
        3,
        {"window": (8, 16, 16)},
        {"overlap": 0.0},
        (24, 32, 16),
        (16, 16, 16),
        None,
        "int16",
    ),
    "window larger than the image": (
        3,
        {"window": (32, 16, 16)},
        {},
        (16, 32, 32),
        (8, 32, 16),
        None,
        "uint8",
    ),
    "whole": (3, {}, {}, (16, 20, 36), (16, 16, 16), None, "uint8"),
    "percentiles": (
        3,
        {"window": (8, 16, 16), "clip_percentiles": (1.0, 99.0)},
        {},
        (20, 17, 24),
        (16, 16, 16),
        None,
        "float32",
    ),
    "mirrored": (
        3,
        {"window": (8, 16, 16)},
        {"flips": True},
        (16, 16, 24),
        (16, 16, 16),
        None,
        "uint8",
    ),
    "slices": (2, {"window": (16, 16)}, {}, (12, 24, 40), (8, 16, 32), None, "uint16"),
    "slices along W": (
        2,
        {"window": (16, 16)},
        {"slice_axis": 2},
        (12, 24, 40),
        (8, 16, 32),
        None,
        "uint16",
    ),
    "whole slices": (2, {}, {}, (20, 20, 32), (8, 16, 32), None, "uint16"),
    "resized slices": (2, {"size": (16, 16)}, {}, (12, 20, 40), (8, 16, 32), None, "uint16"),
    "finer": (
        3,
        {"window": (8, 16, 16), "spacing": (1.0, 1.0, 1.0)},
        {},
        (10, 20, 36),
        (8, 16, 32),
        (2.0, 1.5, 1.3),
        "uint16",
    ),
    "coarser": (
        3,
        {"window": (8, 16, 16), "spacing": (2.0, 3.1, 2.5)},
        {},
        (24, 28, 24),
        (16, 16, 16),
        (1.0, 1.0, 1.0),
        "float32",
    ),
    "a picture": (2, {"window": (32, 32)}, {}, (100, 90), (64, 64), None, "uint8"),
}


@pytest.fixture
def image(zarr_image):
    """Write an image of waves and noise."""

    def make(shape, chunks, spacing=None, dtype="uint16", channels=0, seed=5):
        random = np.random.default_rng(seed)
        places = np.meshgrid(*(np.linspace(0, 5, n) for n in shape), indexing="ij")
        waves = sum(np.sin((axis + 2) * p) for axis, p in enumerate(places))
        values = 90 + 20 * waves + random.normal(0, 5, (max(channels, 1), *shape))
        array = values.astype(dtype)
        return zarr_image(array if channels else array[0], chunks, spacing)

    return make


def labels_of(path):
    return read_volume(path).array[0]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_labels_are_those_of_a_run_in_memory(case, tiny_segmenter, image, tmp_path):
    dims, card, config, shape, chunks, spacing, dtype = case
    segmenter = tiny_segmenter(dims, **card)
    path = image(shape, chunks, spacing, dtype)
    config = InferenceConfig(exact=True, **config)
    result = segment_blockwise(segmenter, path, tmp_path / "out.ome.zarr", config, memory=1)
    expected = segmenter.segment(read_volume(path), config).labels
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(labels_of(result.path), expected)
    assert result.blocks > 1


@pytest.mark.parametrize("memory", [1, 300_000, 1 << 30])
def test_labels_do_not_depend_on_how_the_image_is_cut(tiny_segmenter, image, tmp_path, memory):
    segmenter = tiny_segmenter(3, window=(8, 16, 16))
    path = image((16, 24, 36), (8, 16, 32))
    segment_blockwise(segmenter, path, tmp_path / "out.ome.zarr", EXACT, memory=memory)
    expected = segmenter.segment(read_volume(path), EXACT).labels
    np.testing.assert_array_equal(labels_of(tmp_path / "out.ome.zarr"), expected)


def test_an_image_with_channels_and_nan_is_segmented_as_in_memory(
    tiny_segmenter, zarr_image, tmp_path
):
    array = np.random.default_rng(0).normal(5, 2, (2, 16, 32, 48)).astype(np.float32)
    array[0, 3, 4, 5] = np.nan
    path = zarr_image(array, (8, 16, 32))
    segmenter = tiny_segmenter(3, channels=2, window=(8, 16, 16))
    result = segment_blockwise(segmenter, path, tmp_path / "out.ome.zarr", EXACT, memory=1)
    expected = segmenter.segment(read_volume(path), EXACT)
    np.testing.assert_array_equal(labels_of(result.path), expected.labels)
    assert any("1 NaN" in note for note in result.notes)


def test_labels_can_be_put_inside_their_image(tiny_segmenter, image):
    path = image((8, 32, 32), (8, 16, 32))
    segment_blockwise(tiny_segmenter(3, window=(8, 16, 16)), path, path / "labels" / "found", EXACT)
    assert open_pyramid(path).labels == ("found",)
    assert open_pyramid(path / "labels" / "found").shape() == (8, 32, 32)


def stop_after(blocks):
    """Return what is told of blocks, and a report that stops once so many were written."""
    written = []

    def report(step):
        if len(written) >= blocks:
            raise Cancelled

    return written, report


def test_a_stopped_run_says_so_and_goes_on_where_it_was(tiny_segmenter, image, tmp_path):
    segmenter, path, out = (
        tiny_segmenter(3, window=(8, 16, 16)),
        image((16, 40, 36), (8, 16, 32)),
        tmp_path / "o.ome.zarr",
    )
    written, report = stop_after(5)
    with pytest.raises(Cancelled):
        segment_blockwise(
            segmenter, path, out, EXACT, memory=1, on_block=written.append, report=report
        )
    assert any("not finished" in note for note in open_pyramid(out).notes)
    before = {
        file: file.stat().st_mtime_ns for file in (out / "0" / "c").rglob("*") if file.is_file()
    }
    assert 5 <= len(before) < 12
    notes, again = [], []
    result = segment_blockwise(
        segmenter,
        path,
        out,
        EXACT,
        memory=1,
        on_block=again.append,
        report=lambda step: notes.append(step.note),
    )
    assert result.resumed == len(before)
    assert f"resuming: {len(before)} of 12 blocks are done" in notes
    assert len(again) == 12 - len(before)
    assert all(file.stat().st_mtime_ns == when for file, when in before.items())
    expected = segmenter.segment(read_volume(path), EXACT).labels
    np.testing.assert_array_equal(labels_of(out), expected)
    assert not any("not finished" in note for note in open_pyramid(out).notes)


def test_a_lost_block_in_the_middle_is_done_again(tiny_segmenter, image, tmp_path):
    segmenter, path, out = (
        tiny_segmenter(3, window=(8, 16, 16)),
        image((16, 40, 36), (8, 16, 32)),
        tmp_path / "o.ome.zarr",
    )
    written, report = stop_after(9)
    with pytest.raises(Cancelled):
        segment_blockwise(
            segmenter, path, out, EXACT, memory=1, on_block=written.append, report=report
        )
    store = LabelStore(out)
    for box in written[1], written[7]:
        for file in store.files(box):
            file.unlink()
    segment_blockwise(segmenter, path, out, EXACT, memory=200_000)
    expected = segmenter.segment(read_volume(path), EXACT).labels
    np.testing.assert_array_equal(labels_of(out), expected)


def begun(segmenter, path, out, config=EXACT):
    """Begin a run and stop it after two blocks."""
    written, report = stop_after(2)
    with pytest.raises(Cancelled):
        segment_blockwise(
            segmenter, path, out, config, memory=1, on_block=written.append, report=report
        )


def test_other_models_images_and_settings_do_not_go_on_with_what_was_begun(
    tiny_segmenter, image, tmp_path
):
    segmenter, out = tiny_segmenter(3, window=(8, 16, 16)), tmp_path / "out.ome.zarr"
    path = image((16, 40, 36), (8, 16, 32))
    begun(segmenter, path, out)
    overlap = InferenceConfig(exact=True, overlap=0.25)
    with pytest.raises(ValueError, match="begun with other settings and is not finished"):
        segment_blockwise(segmenter, path, out, overlap)
    other = tiny_segmenter(3, classes=3, window=(8, 16, 16))
    with pytest.raises(ValueError, match="begun with another model"):
        segment_blockwise(other, path, out, EXACT)
    path = image((16, 40, 36), (8, 16, 32), seed=6)
    with pytest.raises(ValueError, match=r"another image .* give the same again to go on"):
        segment_blockwise(segmenter, path, out, EXACT)


def test_what_is_there_already_is_not_written_over(tiny_segmenter, image, tmp_path):
    segmenter, out = tiny_segmenter(3, window=(8, 16, 16)), tmp_path / "out.ome.zarr"
    path = image((8, 16, 32), (8, 16, 16))
    segment_blockwise(segmenter, path, out, EXACT)
    with pytest.raises(ValueError, match="is there already and finished"):
        segment_blockwise(segmenter, path, out, EXACT)
    with pytest.raises(ValueError, match="holds no unfinished labels"):
        segment_blockwise(segmenter, path, path, EXACT)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="holds no unfinished labels"):
        segment_blockwise(segmenter, path, tmp_path / "folder", EXACT)


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(
    tiny_segmenter, image, tmp_path, monkeypatch
):
    from zarr.storage import _local

    segmenter, out = tiny_segmenter(3, window=(8, 16, 16)), tmp_path / "out.ome.zarr"
    path, put, count = image((16, 40, 36), (8, 16, 32)), _local._put, []

    def full(target, *args, **kwargs):
        if "/0/c/" in str(target):
            count.append(target)
            if len(count) > 4:
                raise OSError(errno.ENOSPC, "No space left on device")
        return put(target, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(_local, "_put", full)
        with pytest.raises(OSError, match="the disk is full; free some space"):
            segment_blockwise(segmenter, path, out, EXACT, memory=1)
    result = segment_blockwise(segmenter, path, out, EXACT, memory=1)
    assert result.resumed == 4
    expected = segmenter.segment(read_volume(path), EXACT).labels
    np.testing.assert_array_equal(labels_of(out), expected)


def test_damaged_chunks_and_states_are_said(tiny_segmenter, image, tmp_path):
    segmenter, out = tiny_segmenter(3, window=(8, 16, 16)), tmp_path / "out.ome.zarr"
    path = image((16, 40, 36), (8, 16, 32))
    begun(segmenter, path, out)
    chunk = path / "0" / "c" / "1" / "2" / "1"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:40])
    with pytest.raises(ValueError, match="cut off or damaged"):
        segment_blockwise(segmenter, path, out, EXACT, memory=1)
    chunk.write_bytes(whole)
    metadata = out / "0" / "zarr.json"
    metadata.write_text(metadata.read_text()[:100])
    with pytest.raises(ValueError, match="choose another name or remove it"):
        segment_blockwise(segmenter, path, out, EXACT, memory=1)


def test_two_runs_do_not_write_the_same_labels_at_once(tiny_segmenter, image, tmp_path):
    segmenter, out = tiny_segmenter(3, window=(8, 16, 16)), tmp_path / "out.ome.zarr"
    path = image((16, 40, 36), (8, 16, 32))
    begun(segmenter, path, out)
    with (
        LabelStore(out).alone(),
        pytest.raises(ValueError, match="being written by another run"),
    ):
        segment_blockwise(segmenter, path, out, EXACT)


@pytest.mark.parametrize(
    ("config", "words"),
    [({"probabilities": True}, "leave them out"), ({"uncertainty": True}, "leave them out")],
)
def test_maps_larger_than_the_image_are_refused(tiny_segmenter, image, tmp_path, config, words):
    path, out = image((8, 16, 32), (8, 16, 16)), tmp_path / "out.ome.zarr"
    with pytest.raises(ValueError, match=words):
        segment_blockwise(tiny_segmenter(3), path, out, InferenceConfig(**config))
    assert not out.exists()


def test_an_image_that_does_not_lie_in_pieces_is_refused(tiny_segmenter, tmp_path):
    path = tmp_path / "case.nii"
    write_image(path, Volume(np.zeros((1, 4, 4, 4), np.uint8), (1.0,) * 3))
    with pytest.raises(ValueError, match="does not lie in pieces"):
        segment_blockwise(tiny_segmenter(3), path, tmp_path / "out.ome.zarr")


def test_an_answer_that_is_no_number_is_said(tiny_segmenter, image, tmp_path):
    segmenter = tiny_segmenter(3, window=(8, 16, 16))
    segmenter.network.head.bias.data[0] = float("nan")
    path = image((8, 16, 32), (8, 16, 16))
    with pytest.raises(ValueError, match="is not a number"):
        segment_blockwise(segmenter, path, tmp_path / "out.ome.zarr")


_KILLED = """
import os, signal, sys
from napari_medseg.engine.blockwise import segment_blockwise
from napari_medseg.engine.inference_config import InferenceConfig
model, image, out = sys.argv[1:]
written = []
def kill(box):
    written.append(box)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
segment_blockwise(model, image, out, InferenceConfig(exact=True), memory=1, on_block=kill)
"""


def test_a_killed_run_loses_only_open_blocks(tiny_3d, image, tmp_path):
    path, out = image((16, 48, 32), (8, 16, 32), channels=2), tmp_path / "out.ome.zarr"
    ended = subprocess.run([sys.executable, "-c", _KILLED, tiny_3d, path, out], check=False)
    assert ended.returncode == -signal.SIGKILL
    result = segment_blockwise(tiny_3d, path, out, EXACT, memory=1)
    assert (result.resumed, result.blocks) == (3, 6)
    expected = Segmenter.load(tiny_3d).segment(read_volume(path), EXACT).labels
    np.testing.assert_array_equal(labels_of(out), expected)


def test_an_image_that_lies_backwards_in_its_file_gets_its_labels_backwards(
    tiny_segmenter, image, tmp_path
):
    import zarr

    path, out = image((12, 20, 40), (8, 16, 32)), tmp_path / "out.ome.zarr"
    group = zarr.open_group(path, mode="r+")
    ome = dict(group.attrs["ome"])
    ways = ("superior-to-inferior", "posterior-to-anterior", "left-to-right")
    for axis, way in zip(ome["multiscales"][0]["axes"], ways, strict=True):
        axis["orientation"] = {"type": "anatomical", "value": way}
    group.attrs["ome"] = ome
    segmenter = tiny_segmenter(3, window=(8, 16, 16))
    stored = np.asarray(group["0"])
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array[0], stored[::-1, ::-1, ::-1])
    begun(segmenter, path, out)
    result = segment_blockwise(segmenter, path, out, EXACT, memory=1)
    assert result.resumed >= 2
    expected = segmenter.segment(volume, EXACT).labels
    np.testing.assert_array_equal(labels_of(out), expected)
    labels = np.asarray(zarr.open_group(out, mode="r")["0"])
    np.testing.assert_array_equal(labels, expected[::-1, ::-1, ::-1])


@pytest.mark.parametrize("inside", [False, True])
def test_labels_that_cannot_be_begun_leave_nothing_behind(
    tiny_segmenter, image, tmp_path, monkeypatch, inside
):
    """A full disk while they are made, a full disk at the first block, and a damaged image."""
    from zarr.storage import _local

    segmenter, put = tiny_segmenter(3, window=(8, 16, 16)), _local._put
    path = image((16, 32, 32), (8, 16, 32))
    out = path / "labels" / "l" if inside else tmp_path / "out.ome.zarr"
    before = everything(tmp_path)

    for room in range(1, 30):  # for so many files of the labels

        def full(target, *args, room=room, count=[], **kwargs):  # noqa: B006
            count.append(target)
            if len(count) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return put(target, *args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(_local, "_put", full)
            with pytest.raises(OSError, match=f"^cannot write {out}: the disk is full"):
                segment_blockwise(segmenter, path, out, EXACT, memory=1)
        if out.exists():
            break  # a block is there: it is kept for when there is room
        assert everything(tmp_path) == before
    assert "not finished" in read_labels(out).notes[0]
    shutil.rmtree(out.parent if inside else out)
    chunk = path / "0" / "c" / "1" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="damaged"):
        segment_blockwise(segmenter, path, out, EXACT, memory=1)
    assert everything(tmp_path) == before


def everything(folder):
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}
