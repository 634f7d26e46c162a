"""Which labels a journal is of, and how an image that is opened again is known."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

_SAMPLES = 4096  # voxels looked at


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which labels a journal is of.

    Parameters
    ----------
    layer : str
        Name of the labels, for people.
    shape : tuple of int
        Of the labels.
    dtype : str
        As numpy names it.
    spacing : tuple of float
        mm, one for each spatial axis.
    labels_path : str
        The file the labels were read from or saved in last; empty if there is none.
    labels_stamp : str
        `stamp` of that file then.
    labels_key : str
        `content_key` of the labels when they were shown first.
    image : str
        Name of the image they lie on; empty if there is none.
    image_path : str
        Its file; empty if there is none.
    image_stamp : str
        `stamp` of that file.
    image_key : str
        `content_key` of the image.
    """

    layer: str
    shape: tuple[int, ...]
    dtype: str
    spacing: tuple[float, ...] = ()
    labels_path: str = ""
    labels_stamp: str = ""
    labels_key: str = ""
    image: str = ""
    image_path: str = ""
    image_stamp: str = ""
    image_key: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Return what `to_dict` wrote; what is unknown is left out."""
        known = {f.name: content[f.name] for f in fields(cls) if f.name in content}
        known["shape"] = tuple(int(n) for n in known["shape"])
        known["spacing"] = tuple(float(s) for s in known.get("spacing", ()))
        return cls(**known)


def content_key(values: Any) -> str:
    """Return a key of an image's content: of its shape, its type, and a sample of its values.

    Two images of the same shape that agree in all sampled voxels are taken for the same one.
    """
    steps = [max(1, round(side / _SAMPLES ** (1 / values.ndim))) for side in values.shape]
    sample = np.ascontiguousarray(values[tuple(slice(None, None, step) for step in steps)])
    found = hashlib.sha256(f"{tuple(values.shape)} {sample.dtype.str}".encode())
    found.update(sample.data)
    return found.hexdigest()[:32]


def stamp(path: str) -> str:
    """Return size and time of a file, to see whether it changed; empty if it is not there."""
    try:
        found = Path(path).stat() if path else None
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}" if found is not None else ""
