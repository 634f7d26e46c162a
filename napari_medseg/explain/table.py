"""`Table`: numbers with words, where a map would say nothing."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medseg.io.atomic import atomic_path

Cell = str | float | int


@dataclass(frozen=True)
class Table:
    """Named columns of numbers.

    Parameters
    ----------
    name, words : str
        What it is, short, and what it shows.
    columns : tuple of str
        Names; the first says what a row is about.
    rows : tuple of tuple
        One value per column.
    definition : str
        How the numbers are computed, where that is a choice.
    kind : str
        "bars" (one number a row), "lines" (the second column is the abscissa of the others),
        "matrix" (see `matrices`) or "table".
    measure : str
        The column that says most, for a chart; empty is the last.

    Raises
    ------
    ValueError
        If a row has another length than the columns, or there is no column `measure`.
    """

    name: str
    words: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    definition: str = ""
    kind: str = "table"
    measure: str = ""

    def __post_init__(self) -> None:
        if self.measure and self.measure not in self.columns:
            raise ValueError(f"{self.name!r} has no column {self.measure!r} to draw")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"every row of {self.name!r} needs {len(self.columns)} values")

    def column(self, name: str) -> tuple[Cell, ...]:
        """Return the values of a column."""
        index = self.columns.index(name)
        return tuple(row[index] for row in self.rows)

    @property
    def drawn(self) -> str:
        """The column that says most."""
        return self.measure or self.columns[-1]

    def measured(self) -> list[tuple[str, float]]:
        """Return what each row is about, and its number in the column that says most."""
        values = self.column(self.drawn)
        return [(str(row[0]), float(value)) for row, value in zip(self.rows, values, strict=True)]

    def matrices(self) -> dict[str, np.ndarray]:
        """Return the matrices ``(R, C)`` of a table of kind "matrix", by their names.

        A row holds the name of its matrix, its own number and the values of its columns.
        """
        found: dict[str, list[tuple[Cell, ...]]] = {}
        for name, _, *values in self.rows:
            found.setdefault(str(name), []).append(tuple(values))
        return {name: np.array(rows, float) for name, rows in found.items()}

    def to_csv(self) -> str:
        """Return the table as text, a comment with the definition first."""
        lines = io.StringIO()
        for said in (self.words, self.definition):
            lines.write(f"# {said}\n" if said else "")
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return lines.getvalue()

    def save(self, path: str | Path) -> None:
        """Write ``.csv``; `ValueError` for any other name, `OSError` if it cannot be written."""
        path = Path(path)
        if path.suffix.lower() != ".csv":
            raise ValueError(f"{path.name}: a table is written as .csv; choose such a name")
        with atomic_path(path) as target:
            target.write_text(self.to_csv(), encoding="utf-8")
