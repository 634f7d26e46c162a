"""The numbers of an evaluation: over cases, case by case, and as boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QSplitter, QVBoxLayout, QWidget

from napari_medseg.engine.evaluation import CaseScore, Evaluation
from napari_medseg.engine.metric_table import METRICS, Metric
from napari_medseg.widgets.evaluate.rows import CaseRows, SummaryRow, SummaryRows, worst_first
from napari_medseg.widgets.pieces import ElidedLabel, narrow_combo
from napari_medseg.widgets.plots import BoxChart, BoxGroup
from napari_medseg.widgets.sorted_table import SortedTable

_ALL = "all classes"
_WIDEST = 200  # pixels of a column: names may be long


class ResultView(QWidget):
    """Shows an evaluation.

    Emits ``picked()`` when a person picks a case, in the table or in the boxes, and ``wanted()``
    when they want to see it (double click, Enter).
    """

    picked = Signal()
    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._evaluation: Evaluation | None = None
        self._colours: Mapping[int, str] = {}
        self.metrics = narrow_combo("Which number is drawn, and by which the cases are sorted")
        self.classes = narrow_combo("Which class the table of cases shows")
        self.remark = ElidedLabel()
        self.summary_rows, self.case_rows = SummaryRows(), CaseRows()
        self.summary = SortedTable(self.summary_rows, "All cases in one number")
        self.summary.setSortingEnabled(False)
        self.cases = SortedTable(
            self.case_rows,
            "Click a heading to sort; double click a row to see where it is wrong",
        )
        self.chart = BoxChart("No numbers yet: choose what to compare, and press Evaluate")
        self.metrics.currentIndexChanged.connect(self._show_metric)
        self.classes.currentIndexChanged.connect(self._show_cases)
        self.cases.picked.connect(self._pick)
        self.cases.opened.connect(self._want)
        self.chart.chosen.connect(self._pick_point)
        self._lay_out()

    @property
    def evaluation(self) -> Evaluation | None:
        """What is shown."""
        return self._evaluation

    @property
    def case(self) -> CaseScore | None:
        """The chosen class of the chosen case."""
        row = self.cases.chosen
        return None if row is None else self.case_rows.cases[row]

    def show_evaluation(
        self, evaluation: Evaluation, colours: Mapping[int, str], summary: Sequence[SummaryRow]
    ) -> None:
        """Show an evaluation, with its rows over cases; the worst cases first."""
        self._evaluation, self._colours = evaluation, colours
        wanted = self._metric()
        for combo in (self.metrics, self.classes):
            combo.blockSignals(True)
            combo.clear()
        metrics, classes = evaluation.metrics, evaluation.classes
        for metric in metrics:
            self.metrics.addItem(metric.title, metric.name)
        self.metrics.setCurrentIndex(
            next((i for i, metric in enumerate(metrics) if metric is wanted), 0)
        )
        if len(classes) != 1:
            self.classes.addItem(_ALL, None)
        for value, name in classes.items():
            self.classes.addItem(name, value)
        for combo in (self.metrics, self.classes):
            combo.blockSignals(False)
            combo.setEnabled(combo.count() > 1)
        self.summary_rows.show_evaluation(evaluation, colours, summary)
        self.summary.fit_columns(_WIDEST)
        remarks = evaluation.remarks()
        more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
        self.remark.say(remarks[0] + more if remarks else "", "\n".join(remarks))
        self.remark.setVisible(bool(remarks))
        self._show_cases()

    def as_text(self) -> str:
        """Return both tables as one sees them as lines, with tabs between the columns."""
        over = self.summary_rows.as_text(self.summary.order())
        return f"{over}\n\n{self.case_rows.as_text(self.cases.order())}"

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        choice = QHBoxLayout()
        choice.addWidget(QLabel("Worst cases first by"))
        choice.addWidget(self.metrics, 1)
        choice.addWidget(QLabel("of"))
        choice.addWidget(self.classes, 2)
        cases = QWidget()
        left = QVBoxLayout(cases)
        left.setContentsMargins(0, 0, 0, 0)
        left.addLayout(choice)
        left.addWidget(self.cases, 1)
        boxes = QScrollArea()
        boxes.setWidget(self.chart)
        boxes.setWidgetResizable(True)
        boxes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        below = QSplitter(Qt.Orientation.Horizontal)
        below.addWidget(cases)
        below.addWidget(boxes)
        below.setSizes([560, 440])
        both = QSplitter(Qt.Orientation.Vertical)
        both.addWidget(self.summary)
        both.addWidget(below)
        both.setSizes([190, 300])
        for splitter in (below, both):
            splitter.setChildrenCollapsible(False)
        column.addWidget(both, 1)
        column.addWidget(self.remark)

    def _metric(self) -> Metric | None:
        return METRICS.get(self.metrics.currentData() or "")

    def _show_metric(self) -> None:
        """Draw another number, and sort the cases by it."""
        evaluation, metric = self._evaluation, self._metric()
        if evaluation is None or metric is None:
            self.chart.show_groups((), "")
            return
        self.chart.show_groups(
            [
                BoxGroup(
                    value,
                    name,
                    self._colours.get(value, "#888888"),
                    tuple(case.case for case in evaluation.of_class(value)),
                    tuple(evaluation.numbers(metric.name, value)),
                )
                for value, name in evaluation.classes.items()
            ],
            metric.heading(evaluation.unit, evaluation.dims),
            least=None if metric.higher_is_better is None else 0.0,
            most=1.0 if metric.kind == "share" else None,
            words=metric.shown,
        )
        column = self.case_rows.column_of(metric.name)
        self.cases.sortByColumn(column, worst_first(metric))
        if self.case_rows.rowCount():
            self.cases.show_column(column)

    def _show_cases(self) -> None:
        self.case_rows.show_evaluation(self._evaluation, self._colours, self.classes.currentData())
        self.cases.fit_columns(_WIDEST)
        remark, rows = self.case_rows.remark_column, range(self.case_rows.rowCount())
        says = any(self.case_rows.index(row, remark).data() for row in rows)
        self.cases.setColumnHidden(remark, not says)
        self._show_metric()
        self.picked.emit()

    def _pick(self, _row: int) -> None:
        case = self.case
        if case is not None:
            self.chart.select(case.value, case.case)
        self.picked.emit()

    def _pick_point(self, value: int, name: str) -> None:
        """Choose in the table what was clicked in the boxes."""
        chosen = self.classes.currentData()
        if chosen not in (None, value):
            self.classes.setCurrentIndex(self.classes.findData(value))
        cases = self.case_rows.cases
        row = next(i for i, c in enumerate(cases) if (c.value, c.case) == (value, name))
        self.cases.choose(row)
        self._pick(row)

    def _want(self, _row: int) -> None:
        self.wanted.emit()
