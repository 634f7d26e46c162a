"""Blocks on a dask.distributed cluster: where they lie travels, voxels do not.

Every worker opens model, image and labels by their paths, once, and writes what it computes. What
is done is seen by the files of the labels, as when a run is resumed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medseg.config import Config
from napari_medseg.engine.block_run import BlockRun
from napari_medseg.engine.block_store import LabelStore
from napari_medseg.engine.block_values import Values
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import open_pyramid
from napari_medseg.progress import Cancelled, Report, Step

_EVERY = 0.5  # seconds between two looks at what is done, and at whether to stop
_PATIENCE = 10  # seconds to reach a scheduler
_RETRIES = 2  # of neighbouring blocks that failed


@dataclass(frozen=True, kw_only=True)
class Job(Config):
    """What workers must know, as plain values.

    Parameters
    ----------
    model, image, labels : str
        Paths (or the model's name) that mean the same to all workers.
    sha256 : str
        Of the model, so that no worker takes another.
    device : str
        Where workers run it.
    config : InferenceConfig
        How.
    values : Values
        What becomes of the image's values.
    time : int
        Which time point.
    """

    model: str
    sha256: str
    image: str
    labels: str
    device: str
    config: InferenceConfig
    values: Values
    time: int = 0


@contextlib.contextmanager
def cluster(scheduler: str | None, workers: int) -> Iterator[Any]:
    """Give a client of the cluster at `scheduler`, or of `workers` processes on this machine.

    Raises
    ------
    ValueError
        If dask.distributed is not installed.
    OSError
        If nothing answers at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ValueError(
            "running on several workers needs dask.distributed: "
            "pip install 'napari-medseg[cluster]'"
        ) from error
    with contextlib.ExitStack() as stack:
        address: Any = scheduler
        if scheduler is None:
            threads = str(max(1, (os.cpu_count() or 1) // workers))
            address = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,
                    dashboard_address="127.0.0.1:0",  # None takes 8787, or warns if it is taken
                    silence_logs=logging.CRITICAL,
                    env={"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
                )
            )
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise OSError(
                f"no dask scheduler answers at {scheduler}; start one with 'dask scheduler' and "
                "give the address it prints, such as tcp://host:8786"
            ) from error
        yield stack.enter_context(client)


def run_on(
    client: Any,
    job: Job,
    left: Sequence[Sequence[Box]],
    done: Callable[[Box], None],
    report: Report,
) -> list[str]:
    """Have the workers of `client` do all stretches of blocks; return notes.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    job : Job
        What the workers do.
    left : sequence of sequence of box
        Neighbouring blocks of a column that are to be done.
    done : callable
        Told of every block that is found done.
    report : Report
        Called twice a second; may raise `Cancelled`: workers then stop within a window.

    Raises
    ------
    ValueError, OSError
        What went wrong on a worker, again and again.
    """
    store = LabelStore(Path(job.labels))
    stop = store.folder / f".stop-{secrets.token_hex(4)}"
    futures = [
        client.submit(_do, job.to_dict(), _plain(boxes), stop.name, retries=_RETRIES, pure=False)
        for boxes in left
    ]
    waiting = [list(boxes) for boxes in left]
    total = sum(map(len, left))
    notes: list[str] = []
    try:
        while futures:
            report(Step(total - sum(map(len, waiting)), total, "block"))
            _wait(client, futures)
            for ended in [future for future in futures if future.done()]:
                notes += _outcome(ended)
                futures.remove(ended)
            for boxes in waiting:
                while boxes and store.is_done(boxes[0]):
                    done(boxes.pop(0))
    except BaseException:
        stop.touch()
        client.cancel(futures)
        raise
    return list(dict.fromkeys(notes))


def _wait(client: Any, futures: Sequence[Any]) -> None:
    from distributed import wait

    with client.as_current(), contextlib.suppress(TimeoutError):
        wait(futures, timeout=_EVERY, return_when="FIRST_COMPLETED")


def _outcome(future: Any) -> list[str]:
    from distributed import KilledWorker

    try:
        notes: list[str] = future.result()
        return notes
    except (ValueError, OSError):
        raise
    except KilledWorker as error:
        raise OSError(
            "a worker died again and again at the same blocks, mostly for want of memory; give "
            "less --memory or larger workers, then go on with the same command"
        ) from error
    except Exception as error:
        raise OSError(
            f"a worker failed: {error}; see its own messages, then go on with the same command"
        ) from error


def _do(job: dict[str, Any], boxes: list[list[list[int]]], stop: str) -> list[str]:
    """Do what is not done yet of neighbouring blocks: the task of a worker."""
    run, store, values = _opened(json.dumps(job))
    path, looked = store.folder / stop, time.monotonic()

    def watch(step: Step) -> None:
        nonlocal looked
        if time.monotonic() - looked >= _EVERY:
            looked = time.monotonic()
            if path.exists():
                raise Cancelled

    notes: list[str] = []
    every = [tuple(slice(*ends) for ends in box) for box in boxes]
    with contextlib.suppress(Cancelled):
        for is_done, group in itertools.groupby(every, store.is_done):
            if not is_done:
                notes += run.column(list(group), values, store.write, watch)
    return notes


@functools.lru_cache(maxsize=1)
def _opened(text: str) -> tuple[BlockRun, LabelStore, Values]:
    """Open what a job names, once in a worker for all its blocks."""
    job = Job.from_dict(json.loads(text))
    pyramid = open_pyramid(job.image) if Path(job.image).exists() else None
    if pyramid is None or not Path(job.labels).exists():
        raise OSError(
            f"a worker does not see {job.image} and {job.labels}; put them into a folder that all "
            "workers have under the same path"
        )
    segmenter = Segmenter.load(job.model, job.device)
    if segmenter.sha256 != job.sha256:
        raise ValueError(
            f"a worker has another model as {job.model}; put the model's file into a folder that "
            "all workers have under the same path"
        )
    run = BlockRun.of(segmenter, pyramid, job.config, time=job.time)
    return run, LabelStore(Path(job.labels)), job.values


def _plain(boxes: Sequence[Box]) -> list[list[list[int]]]:
    return [[[side.start, side.stop] for side in box] for box in boxes]
