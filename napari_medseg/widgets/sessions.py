"""One `Session` and one `Runner` for each viewer, kept as long as the viewer lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_medseg.session import Session
from napari_medseg.widgets.background import Runner

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass
class _Shared:
    session: Session = field(default_factory=Session)
    runner: Runner = field(default_factory=Runner)


_shared: WeakKeyDictionary[Any, _Shared] = WeakKeyDictionary()


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


def _of(viewer: Viewer) -> _Shared:
    viewer = unwrapped(viewer)
    if viewer not in _shared:
        _shared[viewer] = _Shared()
    return _shared[viewer]
