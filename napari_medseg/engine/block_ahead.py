"""Doing the next thing while the last one is used: one thread, a bounded queue."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def ahead(items: Iterable[T], depth: int = 1) -> Iterator[Iterator[T]]:
    """Go through `items` in a thread of their own, at most `depth` of them ahead of who takes them.

    What `items` raises is raised where the next one is taken. When the block is left the thread
    ends after the item it is making.
    """
    made: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(found: tuple[bool, T | BaseException | None]) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                made.put(found, timeout=0.1)
                return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            put((False, error))

    def take() -> Iterator[T]:
        while True:
            there, found = made.get()
            if there:
                yield found  # type: ignore[misc]  # `there` says that it is an item
            elif isinstance(found, BaseException):
                raise found
            else:
                return

    thread = threading.Thread(target=make, name="read ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stopped.set()
        thread.join()
