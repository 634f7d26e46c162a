"""All keys of MedSeg: one table, how they are bound, and how buttons print them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakMethod

from qtpy.compat import isalive
from qtpy.QtCore import QObject

from napari_medseg.widgets.layers import bind_key, unbind_key
from napari_medseg.widgets.notices import warn_once
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


@dataclass
class _Bound:
    key: str
    methods: list[WeakMethod[Callable[[], Any]]]


KEYS: dict[str, Key] = {
    "previous_case": Key("J", "Previous case"),
    "next_case": Key("K", "Next case"),
    "apply_tool": Key("W", "Apply the tool"),
    "keep_largest": Key("Q", "Keep largest"),
    "keep_clicked": Key("Alt-Q", "Keep clicked"),
    "remove_small": Key("Shift-Q", "Remove small"),
    "fill_holes": Key("H", "Fill holes"),
    "grow": Key("G", "Grow"),
    "shrink": Key("Shift-G", "Shrink"),
    "smooth": Key("U", "Smooth"),
    "interpolate": Key("Shift-U", "Fill between"),
    "copy_next": Key("Alt-.", "Copy to next"),
    "copy_previous": Key("Alt-,", "Copy to previous"),
    "threshold": Key("F5", "Threshold"),
    "grow_region": Key("F6", "Grow from a click"),
    "split": Key("F7", "Split at necks"),
    "next_place": Key(".", "Next doubtful place"),
    "previous_place": Key(",", "Previous doubtful place"),
    "looks_right": Key("N", "The place looks right"),
    "slice_reviewed": Key("Shift-N", "This slice is right"),
    "prompt_point": Key("Shift-J", "Point: a prompt by a click"),
    "prompt_scribble": Key("Shift-K", "Scribble: a prompt by a line"),
    "prompt_box": Key("Shift-H", "Box: a prompt around an object"),
    "prompt_lasso": Key("Shift-W", "Lasso: a prompt drawn around it"),
    "accept_prompts": Key("F2", "Accept what the prompts outlined"),
    "prompt_back": Key("F3", "Take back the last prompt"),
    "segment_here": Key("F8", "Segment here"),
    "carry_on": Key("F9", "Carry the slice on to its neighbours"),
    "orthogonal_views": Key("F4", "Show or hide the orthogonal views"),
    **{f"class_{n}": Key(f"Alt-{n}", f"Choose class {n} of the table") for n in range(1, 10)},
}

_bound: WeakKeyDictionary[Any, dict[str, _Bound]] = WeakKeyDictionary()


def key_of(action: str) -> str:
    """Return the key of an action: the one a person set, else the one of the table."""
    return preferences().keys.get(action) or KEYS[action].key


def label(action: str) -> str:
    """Return what a button says: what it does and its key, "Next case  [K]"."""
    return f"{KEYS[action].words}  [{key_of(action)}]"


def with_key(words: str, action: str) -> str:
    """Return `words` with the key of an action, "Grow  [G]"; alone where it has none."""
    return f"{words}  [{key_of(action)}]" if action in KEYS else words


def bind(viewer: Viewer, action: str, method: Callable[[], Any]) -> None:
    """Call `method` when the key of `action` is pressed in `viewer`, whatever layer is active.

    A key of the settings that cannot be used is said once, and the one of the table stands in.

    Parameters
    ----------
    action : str
        A key of `KEYS`.
    method : bound method
        Held weakly. When several objects of a viewer ask for the same action, as a panel in the
        workbench and the same panel alone do, the latest that still lives is called.
    """
    viewer = unwrapped(viewer)
    actions = _bound.setdefault(viewer, {})
    if action in actions:
        actions[action].methods.append(WeakMethod(method))
        return
    actions[action] = _Bound(_attach(viewer, action), [WeakMethod(method)])


def rebind(viewer: Viewer) -> None:
    """Bind what is bound in `viewer` to the keys the settings say now."""
    viewer = unwrapped(viewer)
    actions = _bound.get(viewer, {})
    for bound in actions.values():
        unbind_key(viewer, bound.key)
    for action, bound in actions.items():
        bound.key = _attach(viewer, action)


def _attach(viewer: Viewer, action: str) -> str:
    """Bind the key of an action, and return which one it is."""
    wanted, standing_in = key_of(action), KEYS[action].key
    twin = next((a for a in KEYS if a != action and key_of(a).lower() == wanted.lower()), None)
    try:
        if twin is not None and wanted != standing_in:
            raise ValueError(f"the key {wanted} is that of '{KEYS[twin].words}', too")
        bind_key(viewer, wanted, _pressed(action))
        return wanted
    except ValueError as error:
        warn_once(f"{KEYS[action].words} keeps the key {standing_in}: {error}")
    bind_key(viewer, standing_in, _pressed(action))
    return standing_in


def _pressed(action: str) -> Callable[[Viewer], None]:
    def press(viewer: Viewer) -> None:
        _press(action, viewer)

    press.__name__ = action  # napari asks every key of a viewer for its name
    return press


def _press(action: str, viewer: Viewer) -> None:
    methods = _bound[unwrapped(viewer)][action].methods
    for method in reversed(methods):
        alive = method()
        if alive is not None and _is_there(alive.__self__):
            alive()
            return


def _is_there(owner: object) -> bool:
    """Whether the Qt half of a widget is there still; its Python half may outlive it."""
    return not isinstance(owner, QObject) or isalive(owner)  # type: ignore[no-untyped-call]
