"""The colours in which models are listed and described, readable in napari's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtGui import QColor

from napari_medseg.widgets.theme import colour

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class ModelColours:
    """Colours as ``#rrggbb``.

    Parameters
    ----------
    text, dim, link, warning : str
        Of text, of less important text, of what can be clicked, of what cannot be used.
    """

    text: str = "#f0f1f2"
    dim: str = "#a8aab0"
    link: str = "#9aa8db"
    warning: str = "#ead485"

    @classmethod
    def of(cls, viewer: Viewer) -> ModelColours:
        """Return the colours that are readable now; ask again when the theme changes."""
        text, back = colour(viewer, "text"), colour(viewer, "background")
        return cls(
            text=text.name(),
            dim=_between(text, back, 0.3),
            link=colour(viewer, "link").name(),
            warning=_between(colour(viewer, "warning"), text, 0.5),
        )


def _between(one: QColor, other: QColor, share: float) -> str:
    """Return the colour that lies `share` of the way from `one` to `other`."""
    pairs = (
        (one.red(), other.red()),
        (one.green(), other.green()),
        (one.blue(), other.blue()),
    )
    return QColor(*(round(a + share * (b - a)) for a, b in pairs)).name()
