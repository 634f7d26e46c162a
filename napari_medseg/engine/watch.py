"""Reports from inside a network's forward pass, so that Cancel does not wait for a long window."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from torch import nn

from napari_medseg.progress import Report, Step


@contextlib.contextmanager
def report_from_modules(
    network: nn.Module, report: Report, *, every: float = 0.2
) -> Iterator[Report]:
    """Yield a report that is repeated from within `network` while it computes.

    Every module repeats the last step before its own forward pass, at most once in `every`
    seconds and only in this thread; a `Cancelled` raised there ends the pass. The hooks are gone
    when the block is left, however it is left.
    """
    thread = threading.get_ident()
    last: Step | None = None
    when = time.monotonic()

    def outer(step: Step) -> None:
        nonlocal last, when
        last, when = step, time.monotonic()
        report(step)

    def inner(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if last is None or threading.get_ident() != thread:
            return
        if time.monotonic() - when >= every:
            outer(last)

    hooks = [module.register_forward_pre_hook(inner) for module in network.modules()]
    try:
        yield outer
    finally:
        for hook in hooks:
            hook.remove()
