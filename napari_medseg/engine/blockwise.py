"""`segment_blockwise`: an image larger than memory, from an OME-Zarr to an OME-Zarr of labels.

The labels are those of `Segmenter.segment` with ``exact=True``, whatever the blocks: windows lie
where they lie for the whole image and see values that are normalised by the whole image.
"""

from __future__ import annotations

import hashlib
import itertools
import time as clock
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.engine.allocator import share_memory
from napari_medseg.engine.block_run import BlockRun
from napari_medseg.engine.block_store import LabelStore, open_store
from napari_medseg.engine.block_values import Values
from napari_medseg.engine.blocks import Blocks
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box
from napari_medseg.engine.readout import Readout
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.host_memory import host_memory
from napari_medseg.io import Pyramid, open_pyramid
from napari_medseg.io.classes import ClassName
from napari_medseg.progress import Report, Step, silent

if TYPE_CHECKING:
    from napari_medseg.engine.block_cluster import Job

OnBlock = Callable[[Box], None]
"""Told where ``(D, H, W)`` a block of labels was written; called in other threads, too."""

_MOST_MEMORY = 1 << 30  # bytes beside the network, unless asked for more
_PROBES = 8  # places of an image that tell it from others


@dataclass(frozen=True)
class Blockwise:
    """How a run over blocks went.

    Parameters
    ----------
    path : Path
        Of the labels.
    blocks : int
        How many there are.
    resumed : int
        How many of them an earlier run had done.
    seconds : float
        How long this run took.
    notes : tuple of str
        What a person should know of it.
    """

    path: Path
    blocks: int
    resumed: int
    seconds: float
    notes: tuple[str, ...] = ()


def segment_blockwise(
    model: Segmenter | str | Path,
    image: Pyramid | str | Path,
    out: str | Path,
    config: InferenceConfig | None = None,
    *,
    device: str = "auto",
    memory: int | None = None,
    time: int = 0,
    scheduler: str | None = None,
    workers: int = 0,
    on_block: OnBlock | None = None,
    report: Report = silent,
) -> Blockwise:
    """Segment an image that may be larger than memory and write its labels block by block.

    A run that was stopped, or killed, goes on where it was when it is asked for again with the
    same model, image and config; blocks that were done stay as they are.

    Parameters
    ----------
    model : Segmenter, str or Path
        The model, its file or its name; a file or a name for a cluster.
    image : Pyramid, str or Path
        An OME-Zarr or a TIFF in pieces.
    out : str or Path
        Where the labels go: ``NAME.ome.zarr``, or ``IMAGE.ome.zarr/labels/NAME``.
    config : InferenceConfig or None
        How to run the model; labels only, and the air around a body is not left out.
    device : str
        Where to run a model given by file or name.
    memory : int or None
        Bytes for image, sums and labels beside what the network itself needs; None is a quarter of
        what is free, at most 1 GiB. The more, the less is computed twice.
    time : int
        Which time point, counted from 0.
    scheduler : str or None
        Address of a dask.distributed cluster ("tcp://host:8786"). Its workers must see model,
        image and labels by the same paths; no voxels travel.
    workers : int
        So many processes on this machine instead; 0 is none beside this one.
    on_block : callable or None
        Told of every block that is written.
    report : Report
        Called before every window; may raise `Cancelled`, which leaves labels to go on with.

    Raises
    ------
    ValueError
        If model, image and config do not go together, or `out` holds something else.
    OSError
        If the image cannot be read, the labels cannot be written, or memory is not enough.
    """
    begun, config = clock.monotonic(), config or InferenceConfig()
    if isinstance(model, Segmenter) and (scheduler or workers):
        raise ValueError("workers load the model themselves; give its file or name")
    share_memory()  # before there are threads that keep their own
    pyramid = image if isinstance(image, Pyramid) else open_image(image)
    segmenter = model if isinstance(model, Segmenter) else Segmenter.load(model, device)
    run = BlockRun.of(segmenter, pyramid, config, time=time)
    store, again = _opened(run, Path(out), pyramid, config, time)
    with store.alone(), store.removed_if_empty():
        values = _values(run, store, report)
        columns = max(1, 2 * workers)
        blocks = run.cut(memory or _budget(), columns=columns, offset=store.offset)
        left = stretches(blocks, store)
        done = len(blocks) - sum(map(len, left))
        notes = list(run.notes + values.notes)
        if again:
            notes.append(f"resuming: {done} of {len(blocks)} blocks are done")
            report(Step(0, 0, "block", notes[-1]))
        if scheduler is None and not workers:
            notes += _run_here(run, values, left, _told(store, on_block), report)
        elif left:
            job = _job(str(model), run, Path(out), values, device)
            notes += _run_elsewhere(job, scheduler, workers, left, on_block or _nothing, report)
        store.finish(report)
    return Blockwise(
        Path(out), len(blocks), done, clock.monotonic() - begun, tuple(dict.fromkeys(notes))
    )


def open_image(path: str | Path) -> Pyramid:
    """Open an image that lies in pieces.

    Raises
    ------
    ValueError
        If it is none.
    OSError
        If it cannot be read.
    """
    pyramid = open_pyramid(path)
    if pyramid is None:
        raise ValueError(
            f"{Path(path).name} does not lie in pieces that can be read one by one; segment it as "
            "a whole, or convert it to OME-Zarr first"
        )
    return pyramid


def stretches(blocks: Blocks, store: LabelStore) -> list[list[Box]]:
    """Return what is left to do: neighbouring blocks of a column that are not done yet."""
    found = []
    for index in range(blocks.columns):
        for done, group in itertools.groupby(blocks.column(index), store.is_done):
            if not done:
                found.append(list(group))
    return found


def _run_here(
    run: BlockRun,
    values: Values,
    left: Sequence[Sequence[Box]],
    write: Callable[[Box, np.ndarray], None],
    report: Report,
) -> list[str]:
    """Do one stretch of blocks after the other in this process; return notes."""
    totals = [run.windows(boxes) for boxes in left]
    notes: list[str] = []
    before = 0
    for boxes, total in zip(left, totals, strict=True):

        def counted(step: Step, before: int = before) -> None:
            report(Step(before + step.done, sum(totals), "window", step.note))

        notes += run.column(boxes, values, write, counted)
        before += total
    return notes


def _run_elsewhere(
    job: Job,
    scheduler: str | None,
    workers: int,
    left: list[list[Box]],
    on_block: OnBlock,
    report: Report,
) -> list[str]:
    """Have the stretches done by a cluster, or by processes of this machine; return notes."""
    from napari_medseg.engine.block_cluster import cluster, run_on

    with cluster(scheduler, workers) as client:
        return run_on(client, job, left, on_block, report)


def _budget() -> int:
    """Return the bytes to take where nobody says how many."""
    return min(_MOST_MEMORY, (host_memory()[0] or 4 * _MOST_MEMORY) // 4)


def _job(model: str, run: BlockRun, out: Path, values: Values, device: str) -> Job:
    """Return what workers must know; they open everything themselves."""
    from napari_medseg.engine.block_cluster import Job

    source = run.source
    again = open_image(source.pyramid.path)
    if (again.shape(), again.channel_count) != (
        source.pyramid.shape(),
        source.pyramid.channel_count,
    ):
        raise ValueError("workers read the image themselves; give its path")
    return Job(
        model=str(Path(model).resolve()) if Path(model).exists() else model,
        sha256=run.segmenter.sha256,
        image=str(Path(source.pyramid.path).resolve()),
        labels=str(out.resolve()),
        device=device,
        config=run.config,
        values=values,
        time=source.time,
    )


def _nothing(box: Box) -> None:
    """Tell nobody."""


def _opened(
    run: BlockRun, out: Path, pyramid: Pyramid, config: InferenceConfig, time: int
) -> tuple[LabelStore, bool]:
    card = run.segmenter.card
    key = {
        "model": run.segmenter.sha256 or _hash_of(run.segmenter),
        "image": _fingerprint(run, time),
        "config": config.replace(exact=True, crop_to_body=False).to_dict(),  # as it is run
    }
    return open_store(
        out,
        pyramid,
        key,
        dtype=Readout((0, 0, 0), card).labels.dtype,
        chunks=run.label_chunks[-pyramid.spatial_dims :],
        classes=[ClassName(c.value, c.name, c.colour) for c in card.classes],
        provenance=run.segmenter.provenance(run.template, config, run.plan, notes=run.notes),
    )


def _values(run: BlockRun, store: LabelStore, report: Report) -> Values:
    """Return the statistics of the image, from an earlier run or by going through it now."""
    values = store.values
    if values is None:
        values = run.measure(report)
        store.keep(values=values.to_dict())
    return values


def _told(store: LabelStore, on_block: OnBlock | None) -> Callable[[Box, np.ndarray], None]:
    def write(box: Box, labels: np.ndarray) -> None:
        store.write(box, labels)
        if on_block is not None:
            on_block(box)

    return write


def _hash_of(segmenter: Segmenter) -> str:
    """Return what tells a model that is in no file from others: card and weights."""
    digest = hashlib.sha256(segmenter.card.to_json().encode())
    for name, tensor in segmenter.network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _fingerprint(run: BlockRun, time: int) -> str:
    """Return what tells an image from others wherever it lies: its grid and some of its values."""
    source, volume = run.source, run.template
    digest = hashlib.sha256(
        repr((volume.array.shape, volume.array.dtype.str, volume.spacing, time)).encode()
    )
    for at in _places(source.shape):
        digest.update(source.read(at).tobytes())
    return digest.hexdigest()


def _places(shape: Sequence[int]) -> Iterator[Box]:
    """Go through some small boxes along the diagonal of an image."""
    for probe in range(_PROBES):
        corner = [int((probe + 0.5) / _PROBES * n) for n in shape]
        yield tuple(slice(c, min(c + 8, n)) for c, n in zip(corner, shape, strict=True))
