"""Records on disk: each has a length and a checksum, so that a torn end is seen and left out."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

MAGIC = b"MEDSEGJ1"
_FRAME = struct.Struct("<II")  # bytes of the content, and their CRC-32
_WORDS = struct.Struct("<I")  # bytes of the JSON text with which the content begins
_LARGEST = 1 << 32
_WORTH_ZIPPING = 256  # bytes


@dataclass(frozen=True, eq=False)
class Record:
    """One entry of a journal.

    Parameters
    ----------
    kind : str
        What it is about.
    about : mapping
        JSON.
    arrays : mapping
        By name.
    """

    kind: str
    about: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def encode(record: Record) -> bytes:
    """Return the bytes of a record, arrays compressed, to be appended to a file.

    Raises
    ------
    ValueError
        If it is larger than 4 GiB compressed.
    """
    parts, tables = [], []
    for name, array in record.arrays.items():
        values = np.ascontiguousarray(array)
        raw = values.tobytes() if values.nbytes <= _WORTH_ZIPPING else zlib.compress(values.data, 1)
        tables.append([name, values.dtype.str, values.shape, len(raw)])
        parts.append(raw)
    words = json.dumps({"kind": record.kind, "about": record.about, "arrays": tables}).encode()
    content = b"".join([_WORDS.pack(len(words)), words, *parts])
    if len(content) >= _LARGEST:
        raise ValueError("this step is too large to be kept safe; save the labels now")
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def check_magic(file: IO[bytes]) -> None:
    """Read how a journal begins.

    Raises
    ------
    ValueError
        If the file is none.
    OSError
        If it cannot be read.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("the file is no journal of MedSeg")


def read_records(file: IO[bytes], *, arrays: bool = True) -> Iterator[tuple[Record, int]]:
    """Yield the records from where an open file is, each with the place where it ends.

    It ends at the first one that is torn or damaged: what follows hangs on it. Without `arrays`
    they hold none, and less is to be done.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(start)
    while len(frame := file.read(_FRAME.size)) == _FRAME.size:
        length, checksum = _FRAME.unpack(frame)
        if length > end - file.tell():  # also a damaged one, which could ask for 4 GiB of memory
            return
        content = file.read(length)
        if len(content) < length or zlib.crc32(content) != checksum:
            return
        yield _decoded(content, arrays), file.tell()


def _decoded(content: bytes, wanted: bool) -> Record:
    start = _WORDS.size + _WORDS.unpack_from(content)[0]
    words = json.loads(content[_WORDS.size : start])
    arrays = {}
    for name, dtype, shape, length in words["arrays"] if wanted else ():
        raw = content[start : start + length]
        start += length
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        values = raw if count <= _WORTH_ZIPPING else zlib.decompress(raw)
        arrays[name] = np.frombuffer(values, dtype).reshape(shape)
    return Record(words["kind"], words["about"], arrays)
