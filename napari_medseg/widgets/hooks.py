"""Keys and the mouse: what is pressed on the canvas reaches us, what is napari's stays its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import napari.layers
from napari.layers import Layer
from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding

if TYPE_CHECKING:
    from app_model.types import KeyBinding
    from napari.viewer import Viewer

# what napari's menus listen to; a test compares them with the menus
MENU_KEYS = (
    *(f"Ctrl-{key}" for key in [*"MNOQSUW0=-,/", "F11"]),
    *(f"Ctrl-Shift-{key}" for key in "OPCT"),
    *(f"Ctrl-Alt-{key}" for key in "OPS"),
    *(f"{shift}Alt-{key}" for key in "CST" for shift in ("", "Shift-")),
)
_LAYERS = ("Layer", "Image", "Labels", "Points", "Shapes", "Surface", "Tracks", "Vectors")


def bind_key(owner: Viewer | Layer, key: str, call: Callable[[Any], Any]) -> None:
    """Call `call` with the owner when `key` is pressed.

    A key of a viewer works with any layer; a key of a layer only while that layer is active.

    Parameters
    ----------
    key : str
        As napari names it: "K", "Alt-K", ".", "F4".

    Raises
    ------
    ValueError
        If there is no such key, it never arrives, or napari itself listens to it.
    """
    binding = _existing(key)
    taken_by = taken_keys(owner).get(str(binding))
    if taken_by:
        raise ValueError(f"the key {key} is napari's own ({taken_by}); choose another one")
    owner.bind_key(binding, call, overwrite=True)


def unbind_key(owner: Viewer | Layer, key: str) -> None:
    """Let `key` do nothing any more for `owner`; it need not have done anything before."""
    owner.bind_key(_existing(key), None)


def taken_keys(owner: Viewer | Layer) -> dict[str, str]:
    """Return the keys that napari listens to where `owner` has its own, and what they do."""
    taken = {str(coerce_keybinding(key)): "a menu" for key in MENU_KEYS}
    for action, bindings in get_settings().shortcuts.shortcuts.items():
        for binding in bindings:
            taken[str(coerce_keybinding(binding))] = str(action).split(":")[-1].replace("_", " ")
    kinds = [getattr(napari.layers, name) for name in _LAYERS]
    for kind in (*kinds, *type(owner).__mro__):
        for binding, call in getattr(kind, "class_keymap", {}).items():
            taken[str(binding)] = str(getattr(call, "__name__", kind.__name__)).replace("_", " ")
    return taken


def _existing(key: str) -> KeyBinding:
    binding = coerce_keybinding(key)
    names = [str(part.key) for part in binding.parts] or ["unknown"]
    shifted = binding.parts and binding.parts[0].shift and len(names[0]) == 1
    if names[0] in ("unknown", "Tab") or (shifted and not names[0].isalpha()):
        raise ValueError(
            f"no key '{key}' ever reaches napari's canvas; name it as napari does: 'Enter' "
            "(not Return), '.' (not Period), and no Tab or Shift with a digit"
        )
    return binding


@dataclass(frozen=True)
class Drag:
    """A moment of a drag on the canvas.

    Parameters
    ----------
    phase : {"press", "move", "release"}
        Moves come at most every 5 ms: join them by lines.
    position : tuple of float
        In world coordinates, one for each axis of the viewer; ``layer.world_to_data`` converts.
    button : int
        1 left, 2 right, 3 middle.
    modifiers : frozenset of str
        "Shift", "Control", "Alt", "Meta".
    displayed : tuple of int
        The axes of the viewer that are shown.
    click : bool
        At the release: whether the mouse hardly moved since the press.
    """

    phase: Literal["press", "move", "release"]
    position: tuple[float, ...]
    button: int
    modifiers: frozenset[str]
    displayed: tuple[int, ...]
    click: bool = False


def on_drag(
    viewer: Viewer,
    call: Callable[[Drag], Any],
    *,
    button: int = 1,
    when: Callable[[], bool] = lambda: True,
) -> Callable[[], None]:
    """Give the drags on the canvas to `call` instead of napari, until told to stop.

    While it is on, the active layer is in its "pan and zoom" mode, for a Labels layer in paint
    mode would paint as well; afterwards it has its own mode again.

    Parameters
    ----------
    button : int
        1 left, 2 right, 3 middle.
    when : callable
        Asked when the button is pressed: whether this drag is ours; else it is napari's.

    Returns
    -------
    callable
        Stops it; a second call does nothing.
    """
    return _Drags(viewer, call, button, when).stop


class _Drags:
    def __init__(
        self, viewer: Viewer, call: Callable[[Drag], Any], button: int, when: Callable[[], bool]
    ) -> None:
        self._viewer, self._call, self._button, self._when = viewer, call, button, when
        self._mode: tuple[Layer, Any] | None = None
        self._on = True
        viewer.mouse_drag_callbacks.append(self._drag)
        viewer.layers.selection.events.active.connect(self._take_active)
        self._take_active()

    def stop(self) -> None:
        if not self._on:
            return
        self._on = False
        self._viewer.layers.selection.events.active.disconnect(self._take_active)
        self._viewer.mouse_drag_callbacks.remove(self._drag)
        self._give_back()

    def _take_active(self, _event: object = None) -> None:
        self._give_back()
        layer = self._viewer.layers.selection.active
        if layer is not None:
            self._mode = layer, layer.mode
            layer.mode = "pan_zoom"

    def _give_back(self) -> None:
        if self._mode is not None:
            layer, mode = self._mode
            self._mode = None
            if layer.mode == "pan_zoom":  # else somebody chose another tool meanwhile
                layer.mode = mode

    def _drag(self, _viewer: Any, event: Any) -> Iterator[None] | None:
        ours = event.button == self._button and self._when()
        return self._moments(event) if ours else None

    def _moments(self, event: Any) -> Iterator[None]:
        start = event.pos
        event.handled = True
        self._call(_moment("press", event))
        yield
        while event.type == "mouse_move":
            event.handled = True
            self._call(_moment("move", event))
            yield
        far = abs(event.pos[0] - start[0]) + abs(event.pos[1] - start[1])
        self._call(_moment("release", event, click=bool(far < 3)))


def _moment(phase: Literal["press", "move", "release"], event: Any, click: bool = False) -> Drag:
    return Drag(
        phase,
        tuple(float(p) for p in event.position),
        int(event.button),
        frozenset(str(m) for m in event.modifiers),
        tuple(event.dims_displayed),
        click,
    )
