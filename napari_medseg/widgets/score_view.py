"""The scores of a model as small tables; what a metric means is said by its heading."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.score_table import MEAN, ScoreTable, metric_words, score_text
from napari_medseg.widgets.model_colours import ModelColours
from napari_medseg.widgets.model_words import tip_page
from napari_medseg.widgets.pieces import ElidedLabel, wrapped_label

_ABREAST = 3  # metrics beside each other; more go below


class ScoreView(QWidget):
    """Shows score tables: a row per class, a column per metric."""

    def __init__(self) -> None:
        super().__init__()
        self._tables: list[ScoreTable] = []
        self._colours_of: dict[str, str] = {}
        self._colours = ModelColours()
        self._body = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._body)

    def show_tables(self, tables: list[ScoreTable], card: ModelCard) -> None:
        """Show the tables of a card."""
        self._tables = tables
        self._colours_of = {c.name: c.colour for c in card.classes}
        self._build()

    def set_colours(self, colours: ModelColours) -> None:
        """Draw in other colours from now on."""
        self._colours = colours
        self._build()

    def text(self) -> str:
        """Return all that is shown as text."""
        lines = []
        for table in self._tables:
            lines.append(table.title)
            lines += [
                f"{name}: " + ", ".join(f"{c} {score_text(c, v)}" for c, v in row.items())
                for name, row in table.rows.items()
            ]
            lines += [f"{name} {value}" for name, value in table.others.items()]
        return "\n".join(lines)

    def _build(self) -> None:
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for table in self._tables:
            title = wrapped_label(table.title)
            title.setStyleSheet(f"color: {self._colours.dim};")
            layout.addWidget(title)
            for first in range(0, len(table.columns), _ABREAST):
                layout.addWidget(self._grid(table, table.columns[first : first + _ABREAST]))
            if table.others:
                others = ", ".join(f"{name}: {value}" for name, value in table.others.items())
                layout.addWidget(wrapped_label(others))
        whole = self.layout()
        assert whole is not None
        whole.replaceWidget(self._body, body)
        self._body.deleteLater()
        self._body.hide()
        self._body = body

    def _grid(self, table: ScoreTable, columns: list[str]) -> QFrame:
        frame = QFrame()
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 4, 4)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(1, 1)
        for c, column in enumerate(columns):
            heading = QLabel(column)
            heading.setTextFormat(Qt.TextFormat.PlainText)
            heading.setToolTip(tip_page(_tip(column)))
            heading.setStyleSheet(f"color: {self._colours.dim};")
            grid.addWidget(heading, 0, 2 + c, Qt.AlignmentFlag.AlignRight)
        for r, (name, row) in enumerate(table.rows.items(), start=1):
            chip = QLabel("■" if name in self._colours_of else "")
            chip.setStyleSheet(f"color: {self._colours_of.get(name, self._colours.text)};")
            grid.addWidget(chip, r, 0)
            title = ElidedLabel()
            title.setTextFormat(Qt.TextFormat.PlainText)
            title.say("mean of all" if name == MEAN else name, tip_page(name))
            grid.addWidget(title, r, 1)
            for c, column in enumerate(columns):
                value = QLabel(score_text(column, row[column]) if column in row else "–")
                value.setToolTip(tip_page(_tip(column)))
                grid.addWidget(value, r, 2 + c, Qt.AlignmentFlag.AlignRight)
        return frame


def _tip(column: str) -> str:
    words = metric_words(column)
    return f"{column}: {words}." if words else column
