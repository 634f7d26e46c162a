"""What one can do with a class: the menu of a right click in the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari.layers import Labels
from qtpy.QtWidgets import QMenu, QWidget

from napari_medseg.widgets.classes.class_list import (
    classes_of,
    set_hidden,
    tell_apart,
)
from napari_medseg.widgets.classes.stored import hidden_of, locked_of, set_all_locked
from napari_medseg.widgets.layers import why_not_editable


@dataclass(frozen=True)
class Entry:
    """A line of the menu; with a reason why it cannot be used it is grey."""

    words: str
    call: Callable[[], object]
    why_not: str = ""


def class_menu(
    parent: QWidget, layer: Labels, value: int, own: list[Entry], remove: Callable[[], object]
) -> QMenu:
    """Return the menu for a class.

    Parameters
    ----------
    value : int
        The class clicked on.
    own : list of Entry
        What the table does itself: rename, colour, go there.
    remove : callable
        Asks, and removes the class.
    """
    values = {c.value for c in classes_of(layer)}
    others = values - {value}
    hidden, locked = hidden_of(layer), locked_of(layer)
    alone = "there is no other class" if not others else ""
    entries: list[Entry | None] = [
        *own,
        None,
        Entry("Show only this class", lambda: set_hidden(layer, others), alone),
        Entry(
            "Show all classes",
            lambda: set_hidden(layer, set()),
            "" if hidden else "no class is hidden",
        ),
        Entry("Lock all other classes", lambda: set_all_locked(layer, others), alone),
        Entry(
            "Unlock all classes",
            lambda: set_all_locked(layer, set()),
            "" if locked else "no class is locked",
        ),
        Entry("Colours that all people tell apart", lambda: tell_apart(layer)),
        None,
        Entry("Remove class…", remove, _why_not_removable(layer, value)),
    ]
    menu = QMenu(parent)
    menu.setToolTipsVisible(True)
    for entry in entries:
        if entry is None:
            menu.addSeparator()
            continue
        action = menu.addAction(entry.words)
        assert action is not None
        action.triggered.connect(lambda _=False, call=entry.call: call())
        action.setEnabled(not entry.why_not)
        action.setToolTip(entry.why_not)
    return menu


def _why_not_removable(layer: Labels, value: int) -> str:
    if value in locked_of(layer):
        return "it is locked; unlock it first"
    return why_not_editable(layer)
