"""The table of measures: sorted by a click on a heading, a click on a row says which."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal

from napari_medseg.measures.table import Measure, Measures
from napari_medseg.widgets.measure.rows import MeasureRows
from napari_medseg.widgets.sorted_table import SortedTable


class MeasureTable(SortedTable):
    """Shows measures; emits ``told(Measure)`` when a person picks a row, by mouse or arrow keys.

    It emits ``told(None)`` when other rows are shown.
    """

    told = Signal(object)

    def __init__(self) -> None:
        self.rows = MeasureRows()
        super().__init__(
            self.rows,
            "Click a row to go there, a heading to sort; the tip of a heading says what it means",
        )
        self.picked.connect(self._say)

    @property
    def row(self) -> Measure | None:
        """The chosen row."""
        return None if self.chosen is None else self.rows.rows[self.chosen]

    def show_measures(
        self, measures: Measures | None, colours: Mapping[int, str], *, by_object: bool
    ) -> None:
        """Show these measures, unsorted; None empties the table."""
        self.unsort()
        self.rows.show_measures(measures, colours, by_object=by_object)
        self.resizeColumnsToContents()
        self.told.emit(None)

    def as_text(self) -> str:
        """Return the table as one sees it as lines, with tabs between the columns."""
        return self.rows.as_text(self.order())

    def _say(self, row: int) -> None:
        self.told.emit(self.rows.rows[row])
