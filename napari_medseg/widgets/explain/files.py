"""Maps, curves and tables on their way to a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_medseg.progress import Report
from napari_medseg.widgets.explain import work
from napari_medseg.widgets.explain.asking import Wish
from napari_medseg.widgets.measure.saving import TABLE_KINDS
from napari_medseg.widgets.taking_out import ask_path

MAP_KINDS = {
    "Volume or picture in its place (*.nii.gz)": ".nii.gz",
    "TIFF (*.tif)": ".tif",
    "Picture of the first map in colour (*.png)": ".png",
    "Table of all values (*.csv)": ".csv",
}


def saving(panel: QWidget, what: Any) -> Wish | None:
    """Ask where an overlay, a table or curves are saved; None if a person changed their mind."""
    kinds = MAP_KINDS if hasattr(what, "place") else TABLE_KINDS
    path = ask_path(panel, f"Save {what.name}", what.name, kinds)
    if path is None:
        return None
    return Wish(f"save {path}", partial(_saved, what, path), by_hand=True, stays=True)


def _saved(what: Any, path: Path, known: object, report: Report) -> tuple[None, Path]:
    return None, work.saved(what, path, report)
