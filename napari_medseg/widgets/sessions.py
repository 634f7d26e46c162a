"""One `Session` and one `Runner` for each viewer, kept as long as the viewer lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, WeakMethod

from napari_medseg.session import Session
from napari_medseg.widgets.activity import Activity
from napari_medseg.widgets.background import Runner

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget


class Connectable(Protocol):
    """A psygnal signal or a napari event emitter."""

    def connect(self, callback: Callable[..., Any], /) -> Any: ...
    def disconnect(self, callback: Callable[..., Any], /) -> Any: ...


@dataclass
class _Shared:
    session: Session
    runner: Runner = field(default_factory=Runner)


_shared: WeakKeyDictionary[Any, _Shared] = WeakKeyDictionary()
_farewells: set[Callable[..., None]] = set()


def unwrapped(viewer: Viewer) -> Viewer:
    """Return the viewer itself: napari hands plugins a proxy, which is equal but not the same."""
    real: Viewer = getattr(viewer, "__wrapped__", viewer)
    return real


def session_of(viewer: Viewer) -> Session:
    """Return what the panels of `viewer` share."""
    return _of(viewer).session


def runner_of(viewer: Viewer) -> Runner:
    """Return what runs the work of `viewer`, one piece at a time."""
    return _of(viewer).runner


def connect_while_alive(widget: QWidget, signal: Connectable, method: Callable[..., Any]) -> None:
    """Call `method` at every `signal` until the Qt half of `widget` is gone.

    Qt disconnects its own signals by itself; psygnal signals and napari's events know nothing of
    Qt, and would call a panel whose window has been closed. Nothing is kept alive by this.

    Parameters
    ----------
    widget : QWidget
        Whose end is the end of the connection.
    signal : psygnal signal or napari event emitter
        ``session.events.model``, ``viewer.layers.events.inserted``, ...
    method : bound method
        Usually of `widget`.
    """
    signal.connect(method)
    listener = WeakMethod(method)

    def disconnect() -> None:
        alive = listener()
        if alive is not None:
            signal.disconnect(alive)

    when_gone(widget, disconnect)


def when_gone(widget: QWidget, call: Callable[[], None]) -> None:
    """Call `call` once the Qt half of `widget` is gone; it must not keep `widget` alive."""

    def leave(*_: object) -> None:
        _farewells.discard(leave)
        call()

    # A widget that only the garbage collector finds is cleared piece by piece: a function that only
    # its signal holds may have lost its variables when the signal comes, and Python crashes.
    _farewells.add(leave)
    widget.destroyed.connect(leave)


def _of(viewer: Viewer) -> _Shared:
    viewer = unwrapped(viewer)
    if viewer not in _shared:
        from napari_medseg.widgets.settings import preferences

        _shared[viewer] = shared = _Shared(Session(device=preferences().device))
        Activity(shared.runner)
    return _shared[viewer]
