"""Colours that follow napari's theme where its style sheet does not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from napari_medseg.widgets.sessions import connect_while_alive

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget


def follow_theme(viewer: Viewer, widget: QWidget, method: Callable[..., Any]) -> None:
    """Call `method` now and after every change of the theme, as long as `widget` lives.

    Whatever is painted, or styled with a colour of its own, asks for its colours there again.
    """
    method()
    connect_while_alive(widget, viewer.events.theme, method)


def colour(viewer: Viewer, name: str) -> QColor:
    """Return a colour of the theme in use.

    Parameters
    ----------
    name : str
        "text", "background", "foreground", "primary", "secondary", "highlight", "current",
        "warning", "error", "icon", or "link" for words one can click.
    """
    if name == "link":
        return _mixed(colour(viewer, "current"), colour(viewer, "text"))
    red, green, blue, *_ = getattr(get_theme(viewer.theme), name).as_rgb_tuple()
    return QColor(red, green, blue)


def _mixed(one: QColor, two: QColor) -> QColor:
    """Return the colour halfway: as blue as the theme's accent, as readable as its text."""
    return QColor(
        (one.red() + two.red()) // 2,
        (one.green() + two.green()) // 2,
        (one.blue() + two.blue()) // 2,
    )
