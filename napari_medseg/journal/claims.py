"""Journals that were left behind: found in a folder, and claimed by one window at a time."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from napari_medseg.io.locking import try_lock
from napari_medseg.journal.identity import Identity
from napari_medseg.journal.state import Unsaved, read_identity, read_open

SUFFIX = ".medseg-journal"
LOCKED_BYTE = 0x7FFF0000  # beyond what is read, for Windows lets nobody read a locked byte
_NAME = 40  # characters of the image's name in that of its journal


class Claim:
    """A journal that nobody writes any more, held by this window until it is let go."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self._file = path, file

    def __del__(self) -> None:
        self._file.close()

    def identity(self) -> Identity:
        """Return whose it is; as `read`, but only the beginning is read."""
        self._file.seek(0)
        return read_identity(self.path, self._file)[0]

    def read(self, *, arrays: bool = True) -> Unsaved:
        """Return what it says.

        Raises
        ------
        ValueError
            If it is damaged from the start, or a newer version of this program wrote it.
        OSError
            If it cannot be read.
        """
        self._file.seek(0)
        return read_open(self.path, self._file, arrays=arrays)

    def release(self) -> None:
        """Leave the journal for another time."""
        self._file.close()

    def delete(self) -> None:
        """Delete the journal: what it holds is saved, or is not wanted.

        Raises
        ------
        OSError
            If it cannot be deleted.
        """
        self._file.close()
        self.path.unlink(missing_ok=True)


def claim(path: Path) -> Claim | None:
    """Take a journal for this window; None while another one writes or claims it.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    file = open(path, "r+b")  # noqa: SIM115  # open as long as it is claimed
    # one that is empty yet is being made in this moment
    if os.fstat(file.fileno()).st_size and try_lock(file, LOCKED_BYTE):
        return Claim(path, file)
    file.close()
    return None


def journal_directory() -> Path:
    """Return where journals lie of images whose folder cannot be written, or that have none.

    ``NAPARI_MEDSEG_JOURNALS`` overrides the platform's data directory.
    """
    import platformdirs

    override = os.environ.get("NAPARI_MEDSEG_JOURNALS")
    return Path(override or Path(platformdirs.user_data_dir("napari-medseg")) / "journals")


def find_journals(folders: Iterable[Path]) -> list[Path]:
    """Return the journals in some folders, the oldest first; folders may be missing."""
    found: dict[Path, float] = {}
    for folder in dict.fromkeys(folders):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX) and entry.is_file():
                    with suppress(OSError):
                        found[Path(entry.path)] = entry.stat().st_mtime
    return sorted(found, key=lambda path: (found[path], path))


def journal_name(image: str) -> str:
    """Return a new file name for a journal, hidden where names with a dot are."""
    plain = re.sub(r"[^\w-]+", "_", image)[:_NAME]
    return f".{plain}.{secrets.token_hex(6)}{SUFFIX}"
