"""What leaves a window: to a file a person chooses, or to the clipboard."""

from __future__ import annotations

import re
from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QWidget

_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')  # in names of files, on some computer


def ask_path(parent: QWidget, title: str, name: str, kinds: dict[str, str]) -> Path | None:
    """Ask where to save; the ending is added before the dialog asks whether to replace a file.

    Parameters
    ----------
    parent : QWidget
        Over which the dialog opens.
    title : str
        Of the dialog.
    name : str
        Proposed, without its ending; what no file may be called is left out.
    kinds : dict of str to str
        What stands in the list of kinds, and the ending of each.

    Returns
    -------
    Path or None
        None if the person changed their mind.
    """
    dialog = QFileDialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(list(kinds))
    first = next(iter(kinds.values()))
    dialog.setDefaultSuffix(first[1:])
    dialog.filterSelected.connect(lambda kind: dialog.setDefaultSuffix(kinds[kind][1:]))
    dialog.selectFile(f"{_FORBIDDEN.sub('_', name)}{first}")
    if not dialog.exec():
        return None
    chosen = dialog.selectedFiles()
    return Path(chosen[0]) if chosen else None


def copy_text(text: str) -> None:
    """Put text on the clipboard."""
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None  # there is one as long as there is a window
    clipboard.setText(text)


def say_written(path: Path) -> None:
    """Say which file was written, and where."""
    show_info(f"{path.name} written to {path.parent}")
