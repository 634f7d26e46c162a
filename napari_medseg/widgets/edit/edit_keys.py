"""The keys of the Edit panel: a tool each, Apply, and the classes of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets import keys

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Press(QObject):
    """Calls something with a name, when a key is pressed."""

    def __init__(self, call: Callable[[Any], Any], name: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._call, self._name = call, name

    def press(self) -> None:
        """Call it."""
        self._call(self._name)


def bind_keys(
    viewer: Viewer,
    parent: QObject,
    *,
    tool: Callable[[str], Any],
    apply: Callable[[], Any],
    choose_class: Callable[[int], Any],
) -> None:
    """Bind the keys of the table to what they do, as long as `parent` lives.

    Parameters
    ----------
    tool : callable
        Called with the name of a tool.
    choose_class : callable
        Called with the place of a class in the table, from 1.
    """
    presses = {name: Press(tool, name, parent) for name in TOOLS if name in keys.KEYS}
    for n in range(1, 10):
        presses[f"class_{n}"] = Press(choose_class, n, parent)
    for action, press in presses.items():
        keys.bind(viewer, action, press.press)
    keys.bind(viewer, "apply_tool", apply)
