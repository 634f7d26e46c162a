"""Workers write the same labels as one process; what goes wrong on them is said."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_medseg.engine import block_cluster
from napari_medseg.engine.block_cluster import Job, cluster
from napari_medseg.engine.block_store import LabelStore
from napari_medseg.engine.blockwise import segment_blockwise
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import read_volume
from napari_medseg.progress import Cancelled

EXACT = InferenceConfig(exact=True)


@pytest.fixture
def image(zarr_image):
    values = np.random.default_rng(2).normal(90, 30, (2, 16, 48, 32))
    return zarr_image(values.astype(np.uint8), (8, 16, 32))


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_workers_give_the_labels_of_a_run_in_memory(tiny_3d, image, tmp_path, workers):
    out, told = tmp_path / "out.ome.zarr", []
    result = segment_blockwise(
        tiny_3d, image, out, EXACT, memory=1, workers=workers, on_block=told.append
    )
    expected = Segmenter.load(tiny_3d).segment(read_volume(image), EXACT).labels
    found = read_volume(out).array[0]
    assert (found != expected).mean() < 1e-3  # as many threads as there are add up in their order
    assert len(told) == result.blocks == 6


def test_a_missing_library_is_named(tiny_3d, image, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'napari-medseg\[cluster\]'"):
        segment_blockwise(tiny_3d, image, tmp_path / "out.ome.zarr", EXACT, workers=2)


def test_a_scheduler_that_does_not_answer_is_said(monkeypatch):
    monkeypatch.setattr(block_cluster, "_PATIENCE", 0.2)
    with (
        pytest.raises(OSError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"),
        cluster("tcp://127.0.0.1:9", 0),
    ):
        pass


def test_workers_cannot_be_given_a_model_in_memory(tiny_segmenter, image, tmp_path):
    with pytest.raises(ValueError, match="give its file or name"):
        segment_blockwise(tiny_segmenter(3), image, tmp_path / "out.ome.zarr", EXACT, workers=2)
    assert not (tmp_path / "out.ome.zarr").exists()


@pytest.fixture
def begun(tiny_3d, image, tmp_path):
    """Begin a run, stop it at once, and return the job of its workers and all its blocks."""
    out = tmp_path / "out.ome.zarr"

    def stop(step):
        if step.unit == "window":
            raise Cancelled

    with pytest.raises(Cancelled):
        segment_blockwise(tiny_3d, image, out, EXACT, memory=1, report=stop)
    store = LabelStore(out)
    assert store.values is not None
    return Job(
        model=str(tiny_3d),
        sha256=store.state["key"]["model"],
        image=str(image),
        labels=str(out),
        device="cpu",
        config=EXACT,
        values=store.values,
    )


BOXES = [[[0, 8], [0, 16], [0, 32]], [[8, 16], [0, 16], [0, 32]]]


def test_a_worker_does_what_is_not_done_yet_and_nothing_twice(begun):
    assert block_cluster._do(begun.to_dict(), BOXES[:1], ".stop") == []
    store = LabelStore(begun_path(begun))
    (file,) = store.files(tuple(slice(*ends) for ends in BOXES[0]))
    when = file.stat().st_mtime_ns
    block_cluster._do(begun.to_dict(), BOXES, ".stop")
    assert file.stat().st_mtime_ns == when
    assert all(store.is_done(tuple(slice(*ends) for ends in box)) for box in BOXES)


def test_a_worker_that_is_told_to_stop_leaves_the_rest(begun, monkeypatch):
    monkeypatch.setattr(block_cluster, "_EVERY", 0)
    store = LabelStore(begun_path(begun))
    (store.folder / ".stop").touch()
    assert block_cluster._do(begun.to_dict(), BOXES, ".stop") == []
    assert not any(store.is_done(tuple(slice(*ends) for ends in box)) for box in BOXES)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image": "/not/here.ome.zarr"}, OSError, "put them into a folder that all workers"),
        ({"sha256": "other"}, ValueError, "another model"),
    ],
)
def test_a_worker_that_sees_other_files_says_so(begun, change, error, words):
    with pytest.raises(error, match=words):
        block_cluster._do(begun.replace(**change).to_dict(), BOXES, ".stop")


class Future:
    """Stands for a task that failed."""

    def __init__(self, error):
        self.error = error

    def result(self):
        raise self.error


def test_what_failed_on_a_worker_is_a_sentence():
    from distributed import KilledWorker

    killed = KilledWorker("block", None, 3)
    for error, kind, words in [
        (killed, OSError, "a worker died again and again"),
        (KeyError("x"), OSError, "a worker failed"),
        (ValueError("the model"), ValueError, "^the model$"),
    ]:
        with pytest.raises(kind, match=words):
            block_cluster._outcome(Future(error))


def begun_path(job):
    from pathlib import Path

    return Path(job.labels)
