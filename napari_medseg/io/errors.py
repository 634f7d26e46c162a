"""Whatever a decoder trips over becomes one sentence about the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UnusableFile(ValueError):
    """A file that cannot be read or is not what is needed, in a sentence for people."""


def broken(path: Path, what: str) -> UnusableFile:
    """Return the error of a file that `what` ("is cut off") is true of."""
    return UnusableFile(f"{path.name} {what}; copy or export the file again")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what decoders raise on bad files, which can be anything, into clear errors.

    Raises
    ------
    UnusableFile
        As raised inside, or if a decoder fails for a reason in the file's content.
    OSError
        If the system cannot read the file.
    """
    try:
        yield
    except UnusableFile:
        raise
    except MemoryError as error:
        raise UnusableFile(
            f"{path.name} claims more voxels than fit into this computer's memory; "
            "crop or resample it first, or copy it again if that cannot be"
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(f"cannot read {path}: {error.strerror}") from error
        raise broken(path, "is cut off or damaged") from error
