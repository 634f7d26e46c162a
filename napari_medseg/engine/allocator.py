"""Keep big blocks of memory while a network runs, give them back afterwards (glibc only).

glibc gets every block above 32 MB from the system anew and the system clears it page by page:
a 3D U-Net on the CPU spends a quarter of its time there. With the two thresholds raised the blocks
are kept for the next layer; `malloc_trim` returns them when the run ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD in malloc.h
_ARENA_MAX = -8  # M_ARENA_MAX
_KEEP_ALL = 2**31 - 1
# where glibc's own adjusting ends in a process that uses big blocks; it cannot be resumed
_USUAL_MMAP, _USUAL_TRIM = 32 << 20, 64 << 20

_lock = threading.Lock()
_runs = 0


@contextlib.contextmanager
def keep_memory() -> Iterator[None]:
    """Keep freed memory for reuse inside the block; nests, and counts runs in other threads."""
    libc = _glibc()
    if libc is None:
        yield
        return
    _enter(libc)
    try:
        yield
    finally:
        _leave(libc)


def share_memory(arenas: int = 2) -> None:
    """Let threads use each other's freed memory from now on, instead of each keeping its own."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_ARENA_MAX, arenas)


def runs() -> int:
    """Return how many runs hold memory at the moment."""
    return _runs


def _enter(libc: ctypes.CDLL) -> None:
    global _runs
    with _lock:
        _runs += 1
        if _runs == 1:
            libc.mallopt(_MMAP_THRESHOLD, _KEEP_ALL)
            libc.mallopt(_TRIM_THRESHOLD, _KEEP_ALL)


def _leave(libc: ctypes.CDLL) -> None:
    global _runs
    with _lock:
        _runs -= 1
        if _runs == 0:
            libc.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP)
            libc.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
            libc.malloc_trim(0)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
