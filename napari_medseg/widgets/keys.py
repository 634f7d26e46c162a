"""All keys of MedSeg: one table, how they are bound, and how buttons print them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakMethod

from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.settings import preferences

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class Key:
    """A key and what it does.

    Parameters
    ----------
    key : str
        As napari names it: "K", "Alt-K", "F4".
    words : str
        What it does, for buttons and the page of keys.
    """

    key: str
    words: str


KEYS: dict[str, Key] = {
    "previous_case": Key("J", "Previous case"),
    "next_case": Key("K", "Next case"),
}

_bound: WeakKeyDictionary[Any, dict[str, WeakMethod[Callable[[], Any]]]] = WeakKeyDictionary()


def key_of(action: str) -> str:
    """Return the key of an action: the one a person set, else the one of the table."""
    return preferences().keys.get(action) or KEYS[action].key


def label(action: str) -> str:
    """Return what a button says: what it does and its key, "Next case  [K]"."""
    return f"{KEYS[action].words}  [{key_of(action)}]"


def bind(viewer: Viewer, action: str, method: Callable[[], Any]) -> None:
    """Call `method` when the key of `action` is pressed in `viewer`, whatever layer is active.

    Parameters
    ----------
    action : str
        A key of `KEYS`.
    method : bound method
        Held weakly: the key does nothing any more when its object is gone.
    """
    viewer = unwrapped(viewer)
    _bound.setdefault(viewer, {})[action] = WeakMethod(method)
    viewer.bind_key(key_of(action), partial(_press, action), overwrite=True)


def _press(action: str, viewer: Viewer) -> None:
    method = _bound.get(unwrapped(viewer), {}).get(action)
    alive = method() if method is not None else None
    if alive is not None:
        alive()
