"""The cases that are kept: listed, ticked, weighed, taken off; those of an earlier day offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.casebook_file import CaseEntry
from napari_medseg.widgets.learn.case_list import CHANGED, NEXT_RUN, CaseList
from napari_medseg.widgets.learn.collect import Collect
from napari_medseg.widgets.learn.lesson import files_learnt_from
from napari_medseg.widgets.learn.shelf import shelf_of
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import wrapped_label

if TYPE_CHECKING:
    from napari.viewer import Viewer


class KeptCases(QWidget):
    """Shows the shelf of a viewer, and changes it as a person says.

    Parameters
    ----------
    viewer : Viewer
        Whose shelf.
    collect : Collect
        Knows whose labels were changed since.
    """

    def __init__(self, viewer: Viewer, collect: Collect) -> None:
        super().__init__()
        self._shelf, self._collect = shelf_of(viewer), collect
        self._learns = False
        self._remarks: dict[str, str] = {}
        self.list = CaseList()
        self.earlier = wrapped_label()
        self.take_earlier = QPushButton("Go on with them")
        self.take_earlier.setToolTip("Show the cases of that day again")
        line = QHBoxLayout()
        line.addWidget(self.earlier, 1)
        line.addWidget(self.take_earlier)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(line)
        column.addWidget(self.list)
        self.take_earlier.clicked.connect(self._take_earlier)
        self.list.use_changed.connect(self._use)
        self.list.weight_changed.connect(self._weigh)
        self.list.removed.connect(self._remove)

    def show_shelf(self) -> None:
        """List the cases that are there now."""
        book = self._shelf.book
        self._remarks = self._remarked()
        self.list.show_cases(book, self._remarks)
        earlier = [] if book.entries else self._shelf.earlier()
        if earlier:
            count = len(earlier[0].entries)
            cases = "1 case" if count == 1 else f"{count} cases"
            day = earlier[0].entries[-1].added[:10]
            self.earlier.setText(f"{cases} of {day} were not saved with a project.")
        for widget in (self.earlier, self.take_earlier):
            widget.setVisible(bool(earlier))

    def show_remarks(self, *, learns: bool | None = None) -> None:
        """Say of each case what is to be said now.

        Parameters
        ----------
        learns : bool, optional
            Whether a run learns from some of them, or waits to go on; as before if not said.
        """
        self._learns = self._learns if learns is None else learns
        remarks = self._remarked()
        if remarks != self._remarks:
            self._remarks = remarks
            self.list.show_cases(self._shelf.book, remarks)

    def show_picture(self, key: str, picture: np.ndarray) -> None:
        """Show the picture ``(H, W, 3)`` of a case."""
        self.list.show_picture(key, picture)

    def _remarked(self) -> dict[str, str]:
        """Return what is to be said of some cases."""
        entries = self._shelf.book.entries
        files = files_learnt_from(self._shelf.book.project) if self._learns else None
        later = {e.key: NEXT_RUN for e in entries if files is not None and e.file not in files}
        return later | {e.key: CHANGED for e in entries if self._collect.is_stale(e.key)}

    def _use(self, entry: CaseEntry, used: bool) -> None:
        self._change(entry, used=used)

    def _weigh(self, entry: CaseEntry, weight: float) -> None:
        self._change(entry, weight=weight)

    def _change(self, entry: CaseEntry, **changes: object) -> None:
        try:
            self._shelf.book.update(entry, **changes)
        except (ValueError, OSError) as error:
            show_failure(error)
        self._shelf.refresh()

    def _remove(self, entry: CaseEntry) -> None:
        try:
            self._shelf.book.remove(entry)
        except (ValueError, OSError) as error:
            show_failure(error)
        self._shelf.refresh()

    def _take_earlier(self) -> None:
        earlier = self._shelf.earlier()
        if earlier:
            self._shelf.take(earlier[0].project)
