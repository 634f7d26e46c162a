"""The journal of one label layer as the scribe's thread sees it: no layer, no widget."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_medseg.edits import Marks, Piece
from napari_medseg.journal import (
    Identity,
    Journal,
    Outstanding,
    Record,
    base_record,
    journal_directory,
)
from napari_medseg.journal.identity import stamp
from napari_medseg.journal.steps import restart_record
from napari_medseg.packed import PackedArray

_log = logging.getLogger(__name__)
_PENDING = 256 << 20  # bytes kept in memory while no disk takes them
_AGAIN = 10.0  # seconds, before all is tried anew


class Ledger:
    """Begins a journal when something is written, and ends it when all is saved.

    Every method is called in the scribe's thread.

    Parameters
    ----------
    complain : callable
        Called with the error when what a person does cannot be kept; once until it can again.
    ask_whole : callable
        Called when only a copy of the labels as they are now helps: somebody calls `restart`.
    """

    def __init__(self, complain: Callable[[OSError], None], ask_whole: Callable[[], None]) -> None:
        self._complain, self._ask_whole = complain, ask_whole
        self._labels: PackedArray | None = None
        self._marks: Marks | None = None
        self._journal: Journal | None = None
        self._pending: list[Record] = []
        self._complained = self._broken = False
        self._asked = 0.0

    @property
    def path(self) -> Path | None:
        """Where the journal is, if there is one."""
        return self._journal.path if self._journal is not None else None

    def begin(self, labels: np.ndarray, marks: Marks | None) -> None:
        """Take what the labels are now as the beginning; a person may paint meanwhile."""
        self._labels = PackedArray(labels) if labels.any() else None
        self._marks = marks

    def correct(self, pieces: Sequence[Piece], shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Take out of the beginning what was painted while it was read: the first step."""
        labels = np.zeros(shape, dtype) if self._labels is None else np.array(self._labels)
        if any((labels[p.box][p.mask] != p.old).any() for p in pieces):
            for piece in pieces:
                labels[piece.box][piece.mask] = piece.old
            self._labels = PackedArray(labels) if labels.any() else None

    def write(self, identity: Identity, records: Sequence[Record]) -> None:
        """Append records, into a new journal if there is none yet."""
        self._pending += records
        if self._broken:
            self._ask()
            return
        try:
            if self._journal is None:
                self._journal = self._begun(identity)
            self._journal.append(self._pending)
        except OSError as error:
            _log.debug("a journal cannot be written", exc_info=True)
            beside_the_image = self.path is not None and self.path.parent != journal_directory()
            too_much = sum(_nbytes(record) for record in self._pending) > _PENDING
            if beside_the_image or too_much:
                self._broken = True
                self._pending.clear()
            if beside_the_image:
                self._ask()
            else:
                self._say(error)
        else:
            self._pending.clear()
            self._complained = False

    def restart(
        self, labels: np.ndarray, marks: Marks, outstanding: Outstanding, identity: Identity
    ) -> None:
        """Go on in the user's own folder: the disk of the image is full, or gone."""
        base = np.zeros_like(labels)
        if self._labels is not None and np.shape(self._labels) == labels.shape:
            base = np.asarray(self._labels)
        try:
            fresh = Journal.create([journal_directory()], _stamped(identity))
            _append(fresh, [restart_record(labels, base, marks, outstanding)])
        except OSError as error:
            self._say(error)
            return
        before, self._journal = self._journal, fresh
        self._pending.clear()
        self._broken = self._complained = False
        if before is not None:
            _delete(before)

    def saved(
        self, labels: np.ndarray, marks: Marks | None, since: Sequence[Record], identity: Identity
    ) -> None:
        """Begin anew with what was saved, and what was done since it was copied for that."""
        self.begin(labels, marks)
        self._pending.clear()
        self._broken = False
        before, self._journal = self._journal, None
        if since:
            self.write(identity, since)
        if before is not None:
            _delete(before)

    def forget(self) -> None:
        """Delete the journal: nobody wants what is in it."""
        self._pending.clear()
        if self._journal is not None:
            _delete(self._journal)
            self._journal = None

    def close(self) -> None:
        """Leave the journal, if there is one, for the next opening of its image."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def sync(self) -> bool:
        """Bring to the disk what the system still holds; returns whether all is there."""
        if self._journal is not None:
            try:
                self._journal.sync()
            except OSError:  # the next record will tell
                return False
        return not (self._pending or self._broken)

    def _begun(self, identity: Identity) -> Journal:
        path = identity.image_path or identity.labels_path
        folders = [Path(path).parent] if path else []
        labels = None if self._labels is None else np.asarray(self._labels)
        try:
            journal = Journal.create([*folders, journal_directory()], _stamped(identity))
            _append(journal, [base_record(labels, self._marks)])
        except OSError:
            if not folders:
                raise
            journal = Journal.create([journal_directory()], _stamped(identity))
            _append(journal, [base_record(labels, self._marks)])
        return journal

    def _ask(self) -> None:
        now = time.monotonic()
        if now - self._asked > _AGAIN:
            self._asked = now
            self._ask_whole()

    def _say(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self._complain(error)


def _append(journal: Journal, records: Sequence[Record]) -> None:
    """Write the beginning of a journal, or leave none."""
    try:
        journal.append(records)
    except OSError:
        _delete(journal)
        raise


def _stamped(identity: Identity) -> Identity:
    return replace(
        identity,
        image_stamp=stamp(identity.image_path),
        labels_stamp=stamp(identity.labels_path),
    )


def _delete(journal: Journal) -> None:
    try:
        journal.discard()
    except OSError:  # the disk is gone, and the journal with it
        _log.debug("a journal cannot be deleted", exc_info=True)


def _nbytes(record: Record) -> int:
    return sum(array.nbytes for array in record.arrays.values())
