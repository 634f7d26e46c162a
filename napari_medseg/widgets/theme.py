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
        "warning", "error", "icon", or "link": words one can click, readable on the background.
    """
    if name == "link":
        dark = colour(viewer, "background").lightness() < colour(viewer, "text").lightness()
        return QColor("#8ab4ff" if dark else "#0a4bb5")
    red, green, blue, *_ = getattr(get_theme(viewer.theme), name).as_rgb_tuple()
    return QColor(red, green, blue)
