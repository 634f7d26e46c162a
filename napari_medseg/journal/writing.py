"""`Journal`: an append-only file that only its maker writes."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from napari_medseg.io.atomic import unwritable
from napari_medseg.io.locking import try_lock
from napari_medseg.journal.claims import LOCKED_BYTE, journal_name
from napari_medseg.journal.identity import Identity
from napari_medseg.journal.records import MAGIC, Record, encode
from napari_medseg.journal.state import VERSION, read_journal
from napari_medseg.journal.steps import classes_record, note_record

_ROOM = 16 << 20  # bytes; a journal is not rewritten before it is larger
_TRIES = 50  # of 10 ms, to lock a file that was made just now
_GROWTH = 4  # times what it was after it was rewritten last


class Journal:
    """What is done to one label layer, on disk as it happens.

    A record that was appended is there if the program dies, be it by ``kill -9``: the system has
    it. It is there after a loss of power once `sync` returned. A record that is being written in
    that moment is torn, and left out when the journal is read.

    Parameters
    ----------
    path : Path
        The file; there must be none.
    identity : Identity
        Whose journal it is.

    Raises
    ------
    UnwritableFile
        If the file cannot be made.
    """

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path, self.identity = path, identity
        self._size = self._size_rewritten = 0
        self._synced = True
        try:
            self._file: IO[bytes] = open(path, "xb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise unwritable(path, error) from error
        _lock(self._file)
        try:
            self._write(MAGIC + encode(_about(identity)))
        except OSError:
            self.discard()
            raise

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    @classmethod
    def create(cls, folders: Sequence[Path], identity: Identity) -> Journal:
        """Make a journal in the first of some folders that can be written.

        Raises
        ------
        UnwritableFile
            If none can; it says why for the last one.
        """
        for folder in folders[:-1]:
            with suppress(OSError):
                return cls(folder / journal_name(identity.image or identity.layer), identity)
        try:
            folders[-1].mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folders[-1], error) from error
        return cls(folders[-1] / journal_name(identity.image or identity.layer), identity)

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._size

    def append(self, records: Iterable[Record]) -> None:
        """Write records; all of them or, if that fails, none.

        Raises
        ------
        UnwritableFile
            If they cannot be written. The journal is as it was before.
        """
        self._write(b"".join(encode(record) for record in records))
        if self._size > max(_ROOM, _GROWTH * self._size_rewritten):
            self.rewrite()

    def sync(self) -> None:
        """Wait until all that was written would survive a loss of power.

        Raises
        ------
        UnwritableFile
            If the disk does not take it.
        """
        if self._synced:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._synced = True

    def rewrite(self) -> None:
        """Put one record of the present state in the place of all; whole, or not at all."""
        temporary = self.path.with_name(f"{self.path.name}.new")
        unsaved = read_journal(self.path)
        try:
            temporary.unlink(missing_ok=True)
            fresh = Journal(temporary, self.identity)
        except OSError:
            self._size_rewritten = self._size  # not at once again
            return
        try:
            records = [unsaved.rewritten()]
            records += [] if unsaved.classes is None else [classes_record(unsaved.classes)]
            records += [note_record(name, content) for name, content in unsaved.notes.items()]
            fresh._write(b"".join(encode(record) for record in records))
            fresh.sync()
            if sys.platform == "win32":  # which renames no open file
                fresh.close()
                self.close()
            os.replace(temporary, self.path)
        except OSError:
            fresh.discard()
            if self._file.closed:
                self._reopen()
            self._size_rewritten = self._size  # not at once again
            return
        self._file, fresh._file = fresh._file, self._file
        if self._file.closed:
            self._reopen()
        self._size = self._size_rewritten = fresh._size

    def close(self) -> None:
        """End the journal and leave it for the next opening of its image."""
        if not self._file.closed:
            with suppress(OSError):
                self.sync()
            self._file.close()

    def discard(self) -> None:
        """Delete the journal: all is saved, or not wanted.

        Raises
        ------
        OSError
            If it cannot be deleted.
        """
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _reopen(self) -> None:
        """Go on with the file at the path, which nobody else is to claim."""
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
        _lock(self._file)

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise unwritable(self.path, error) from error
        self._size += len(content)
        self._synced = False


def _lock(file: IO[bytes]) -> None:
    """Lock a journal; another window that looks at it just now lets go of it at once."""
    for _ in range(_TRIES):
        if try_lock(file, LOCKED_BYTE):
            return
        time.sleep(0.01)


def _about(identity: Identity) -> Record:
    about = {
        "program": "napari-medseg",
        "version": VERSION,
        "identity": identity.to_dict(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "process": os.getpid(),
        "computer": socket.gethostname(),
    }
    return Record("about", about)
