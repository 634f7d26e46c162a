"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LATE = 2.0  # seconds threads get at most to notice that another one's writing failed
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EFBIG: "the file would be larger than that disk allows; choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EACCES: "there is no permission to write there; choose another folder",
    errno.EPERM: "there is no permission to write there; choose another folder",
    errno.EROFS: "that disk is read-only; choose another folder",
    errno.ENOTDIR: "a part of its folder's path is a file; choose another folder",
    errno.EEXIST: "a part of its folder's path is a file; choose another folder",
    errno.EISDIR: "that path is a folder; give a file name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


class UnwritableFile(OSError):
    """A file that cannot be written, in a sentence for people; `errno` says why for programs."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; it becomes `path` if the block succeeds.

    The temporary name keeps every suffix (``.nii.gz``) and starts with a dot. If the block raises,
    the temporary file is removed and whatever was at `path` stays as it was.

    Parameters
    ----------
    path : path
        The file to write; missing folders are made, and removed again if the block raises.

    Yields
    ------
    Path
        Write here.

    Raises
    ------
    UnwritableFile
        If the file cannot be written, in one sentence naming `path`; `errno` is kept.
    """
    path = Path(path)
    suffixes = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    temporary = path.with_name(f".{secrets.token_hex(8)}{suffixes}")
    missing = missing_folders(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        yield temporary
        os.replace(temporary, path)
    except UnwritableFile:  # another one, written inside the block
        raise
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        _remove(temporary)
        remove_empty(missing)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder's path beside `path`; it becomes `path` if the block succeeds.

    A folder that is at `path` is replaced; whether it may be is for the caller to check. If the
    block raises, the temporary folder is removed and whatever was at `path` stays as it was.

    Parameters
    ----------
    path : path
        The folder to make; missing folders above are made, and removed again if the block raises.

    Yields
    ------
    Path
        Write here; nothing is there yet.

    Raises
    ------
    UnwritableFile
        If it cannot be written, in one sentence naming `path`; `errno` is kept.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    earlier = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    missing = missing_folders(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            raise UnwritableFile(f"cannot write {path}: that path is a file; choose another name")
        yield temporary
        if path.exists():
            path.rename(earlier)
        try:
            temporary.rename(path)
        except OSError:
            if earlier.exists():
                earlier.rename(path)
            raise
    except UnwritableFile:
        raise
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        remove_folder(temporary)
        if path.exists():
            shutil.rmtree(earlier, ignore_errors=True)
        remove_empty(missing)


def remove_folder(folder: Path) -> None:
    """Remove a folder and what is in it, also what threads that have not heard yet write into it.

    zarr writes many chunks at once, and raises when the first of them fails.
    """
    end = time.monotonic() + _LATE
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_LATE / 40)


def missing_folders(path: Path) -> list[Path]:
    """Return the folders above a path that are not there, the innermost first."""
    return [folder for folder in path.parents if not folder.exists()]


def remove_empty(folders: list[Path]) -> None:
    """Remove folders that were made for something that was not written after all."""
    with suppress(OSError):  # not empty, or never made
        for folder in folders:
            folder.rmdir()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:  # nothing can be there
        return


def unwritable(path: Path, error: OSError) -> UnwritableFile:
    """Return what to say when `path` cannot be written, and what helps."""
    code = error.errno
    if code is None and "requested and" in str(error):  # numpy's short write on a full disk
        code = errno.ENOSPC
    why = _ADVICE.get(code or 0, error.strerror or str(error))
    explained = UnwritableFile(f"cannot write {path}: {why}")
    explained.errno = code
    return explained
