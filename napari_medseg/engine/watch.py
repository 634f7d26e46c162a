"""Reports from inside a network, so that Cancel does not wait for a long window or step."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from napari_medseg.progress import Report, Step

_EVERY = 0.2  # seconds


@contextlib.contextmanager
def report_from_modules(
    network: nn.Module, report: Report, *, every: float = _EVERY
) -> Iterator[Report]:
    """Yield a report that is repeated from within `network` while it computes.

    Every module repeats the last step before its own forward pass, at most once in `every`
    seconds and only in this thread; a `Cancelled` raised there ends the pass. The hooks are gone
    when the block is left, however it is left.
    """
    last: Step | None = None

    def outer(step: Step) -> None:
        nonlocal last
        last = step
        report(step)

    def repeat() -> None:
        if last is not None:
            report(last)

    with _between_layers(network, repeat, every):
        yield outer


@contextlib.contextmanager
def whole_step(network: nn.Module, tell: Callable[[], object]) -> Iterator[None]:
    """Take a step of learning whole or not at all, though it can be stopped in its midst.

    `tell` is called on the way forth and back, as modules are in `report_from_modules`. If it
    raises, or anything else does, the buffers of `network` (statistics, gates) are what they were;
    the gradients are left as they came.
    """
    before = [(buffer, buffer.detach().clone()) for buffer in network.buffers()]
    with _between_layers(network, tell, _EVERY):
        try:
            yield
        except BaseException:
            for buffer, value in before:
                buffer.copy_(value)
            raise


@contextlib.contextmanager
def _between_layers(network: nn.Module, tell: Callable[[], object], every: float) -> Iterator[None]:
    """Call `tell` before modules compute, and when weights that learn have their gradients."""
    thread, when = threading.get_ident(), time.monotonic()

    def inner(*_: object) -> None:
        nonlocal when
        if threading.get_ident() == thread and time.monotonic() - when >= every:
            when = time.monotonic()
            tell()

    hooks = [module.register_forward_pre_hook(inner) for module in network.modules()]
    learning = [p for p in network.parameters() if p.requires_grad and torch.is_grad_enabled()]
    hooks += [weight.register_post_accumulate_grad_hook(inner) for weight in learning]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
