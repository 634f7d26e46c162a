"""Labels on disk that are written block by block, by a run that may stop and go on.

A block is done when the files of its chunks are there: Zarr writes each under another name and
renames it, and nobody else writes it. So there is no journal that could disagree with the labels.
What the run was begun with is kept in the attributes of the array, which say that it is unfinished.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.engine.block_values import Values
from napari_medseg.engine.blocks import Blocks
from napari_medseg.engine.part import Box
from napari_medseg.io import Pyramid, create_labels, finish_pyramid, open_labels
from napari_medseg.io.atomic import unwritable
from napari_medseg.io.classes import ClassName
from napari_medseg.io.locking import try_lock
from napari_medseg.io.ome_zarr import OURS
from napari_medseg.io.ome_zarr_labels import remove_labels
from napari_medseg.io.turned import TurnedArray
from napari_medseg.progress import Report, silent

UNFINISHED, FINISHED = "unfinished", "finished"
_CALLED = {"model": "model", "image": "image", "config": "settings"}


class LabelStore:
    """The finest level of an OME-Zarr label image, block by block.

    Parameters
    ----------
    path : Path
        Of the label image, which is there.
    """

    def __init__(self, path: Path) -> None:
        import zarr

        self.path = path
        with zarr.config.set({"array.write_empty_chunks": True}):
            self.array = open_labels(path)
        dims, array = len(self.array.shape), self.array
        turned = isinstance(array, TurnedArray)
        self._stored = array.stored if turned else array
        self._order = array.order if turned else tuple(range(dims))
        self._flips = array.flips if turned else (False,) * dims

    @property
    def folder(self) -> Path:
        """Where the chunks lie."""
        return self.path / str(self._stored.path).split("/")[-1]

    @property
    def state(self) -> dict[str, Any]:
        """What the run was begun with, and whether it is finished; empty for other labels."""
        found = self._stored.attrs.get(OURS)
        return dict(found) if isinstance(found, dict) else {}

    @property
    def offset(self) -> tuple[int, ...]:
        """How many voxels the first chunk along D, H, W is short of, seen from the image."""
        return self._three(
            (-n) % chunk if flip else 0
            for n, chunk, flip in zip(self.array.shape, self.array.chunks, self._flips, strict=True)
        )

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels ``(D, H, W)`` of a chunk."""
        return (1, *map(int, self.array.chunks))[-3:]

    @property
    def values(self) -> Values | None:
        """What the image's values become, if an earlier run has found it."""
        found = self.state.get("values")
        return None if found is None else Values.from_dict(found)

    def keep(self, **more: Any) -> None:
        """Add to the state."""
        with self._explained():
            self._stored.attrs[OURS] = {**self.state, **more}

    def write(self, box: Box, labels: np.ndarray) -> None:
        """Write a block ``(D, H, W)`` of whole chunks.

        Raises
        ------
        OSError
            In words for a person: the disk is full, or gone.
        """
        flat = len(self.array.shape) == 2
        with self._explained():
            self.array[box[1:] if flat else box] = labels[0] if flat else labels

    def is_done(self, box: Box) -> bool:
        """Whether all chunks of a block are there."""
        return all(path.exists() for path in self.files(box))

    def finish(self, report: Report = silent) -> None:
        """Make the coarser levels and say that the labels are finished."""
        with self._explained():
            finish_pyramid(self.path, report=report)
            for stop in self.folder.glob(".stop-*"):  # of workers that were told to stop
                stop.unlink()
        self.keep(state=FINISHED)

    @contextlib.contextmanager
    def removed_if_empty(self) -> Iterator[None]:
        """Remove the labels if the block fails, not if it is stopped, before a chunk is there."""
        try:
            yield
        except (ValueError, OSError):
            if not any(map(self.is_done, self.chunk_boxes())):
                remove_labels(self.path)
            raise

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs from writing these labels inside the block.

        Raises
        ------
        ValueError
            If another run does so.
        """
        path, ours = self.folder / ".lock", False
        try:
            with self._explained(), path.open("wb") as file:
                ours = try_lock(file)
                if not ours:
                    raise ValueError(
                        f"{self.path} is being written by another run; wait for it or stop it"
                    )
                yield
        finally:
            if ours:
                with contextlib.suppress(OSError):
                    path.unlink()

    def chunk_boxes(self) -> Iterator[Box]:
        """Go through the boxes ``(D, H, W)`` of all chunks."""
        shape = (1, *map(int, self.array.shape))[-3:]
        return iter(Blocks(shape, self.chunks, 0, self.offset))

    def files(self, box: Box) -> Iterator[Path]:
        """Go through the files of a block's chunks."""
        sides = box[3 - len(self.array.shape) :]
        places: list[range] = [range(0)] * len(sides)
        for side, axis, flip, n in zip(
            sides, self._order, self._flips, self.array.shape, strict=True
        ):
            start, stop = (n - side.stop, n - side.start) if flip else (side.start, side.stop)
            chunk = int(self._stored.chunks[axis])
            places[axis] = range(start // chunk, -(-stop // chunk))
        key = self._stored.metadata.encode_chunk_key
        return (self.folder / key(place) for place in itertools.product(*places))

    def _three(self, values: Iterator[int]) -> tuple[int, ...]:
        return (0, *values)[-3:]

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.path, error) from error


def open_store(
    path: Path,
    like: Pyramid,
    key: dict[str, Any],
    *,
    dtype: np.dtype,
    chunks: Sequence[int],
    classes: Sequence[ClassName],
    provenance: dict[str, Any],
) -> tuple[LabelStore, bool]:
    """Make the label image of a run, or go on with one that was begun.

    Parameters
    ----------
    path : Path
        ``NAME.ome.zarr`` or ``IMAGE.ome.zarr/labels/NAME``.
    like : Pyramid
        The image.
    key : dict
        What a run must agree in to go on: model, image, config, as JSON values.
    dtype, chunks, classes, provenance
        As for `create_labels`.

    Returns
    -------
    tuple
        The store, and whether it was begun before.

    Raises
    ------
    ValueError
        If something else is there: finished labels, or those of another model, image or config.
    OSError
        If it cannot be written.
    """
    if path.exists():
        store = _begun(path)
        _check(store, key)
        return store, True
    create_labels(path, like, dtype=dtype, chunks=chunks, classes=classes, provenance=provenance)
    try:
        store = LabelStore(path)
        store.keep(state=UNFINISHED, key=key)
    except OSError:
        remove_labels(path)
        raise
    return store, False


def _begun(path: Path) -> LabelStore:
    """Open labels that a run has begun, or refuse what is at `path`."""
    with contextlib.suppress(ValueError, OSError, AttributeError):
        store = LabelStore(path)
        if store.state.get("state") in (UNFINISHED, FINISHED):
            return store
    raise ValueError(
        f"{path} is there already and holds no unfinished labels; choose another name or remove it"
    )


def _check(store: LabelStore, key: dict[str, Any]) -> None:
    """Raise a `ValueError` if a run cannot go on with labels begun with other things."""
    if store.state["state"] == FINISHED:
        raise ValueError(
            f"{store.path} is there already and finished; choose another name or remove it"
        )
    begun = store.state.get("key") or {}
    other = [_CALLED.get(name, name) for name, value in key.items() if begun.get(name) != value]
    if other:
        raise ValueError(
            f"{store.path} was begun with {_another(other)} and is not finished; give the same "
            "again to go on, choose another name, or remove it to begin anew"
        )


def _another(names: Sequence[str]) -> str:
    """Say that things differ: "another model and other settings"."""
    words = [f"other {name}" if name.endswith("s") else f"another {name}" for name in names]
    return " and ".join(words)
