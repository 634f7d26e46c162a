"""What keeps a run from beginning, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medseg.casebook import Casebook
    from napari_medseg.widgets.learn.forecast import Forecast


def obstacle(book: Casebook, forecast: Forecast | None, *, busy: bool, told: str) -> str:
    """Return why no run can begin; empty if one can.

    Parameters
    ----------
    forecast : Forecast or None
        None while the cases are looked at.
    busy : bool
        Whether something else runs.
    told : str
        What was said last: why there is no forecast, where one could not be asked for.
    """
    if busy:
        return "A run is going; wait for it or cancel it below."
    if not book.entries:
        return "No case yet: add an image you corrected."
    if not book.used:
        return "All cases are left out; tick one in the list."
    if forecast is None:
        return told or "The cases are being looked at; a moment."
    if not forecast.may_start:
        return "This cannot be learnt yet: see above what is in the way."
    return ""
