"""Before and after, case by case; classes under a fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_medseg.engine.finetune_result import CaseResult, FineTuned
from napari_medseg.engine.finetune_scores import Scored
from napari_medseg.engine.finetune_verdict import scored_at

_ROWS = 9  # seen at once, at most
_ROUND = 20  # from here on a distance is told without decimals: the names need the room


class CaseTable(QTreeWidget):
    """Dice and HD95 of every case with the old model and with a mix."""

    def __init__(self) -> None:
        super().__init__()
        self.setColumnCount(3)
        self.setHeaderLabels(["Case", "Dice", "HD95"])
        self.setIndentation(8)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip("Old model → this mix; open a case to see its classes")
        head = self.headerItem()
        assert head is not None  # it was just made
        head.setToolTip(1, "How much of the labels both share, 0 to 1; mean over classes")
        head.setToolTip(
            2,
            "How far the outlines lie apart (95 % of them), smaller is better; in mm, or in pixels "
            "(px) where the size of a voxel is not known",
        )
        header = self.header()
        assert header is not None
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)

    def show_mix(self, tuned: FineTuned, alpha: float) -> None:
        """Show a mix; what was unfolded stays so."""
        opened = self._opened()
        at = self._scrolled()
        self.clear()
        held_out = [case for case in tuned.cases if case.held_out]
        learnt = [case for case in tuned.cases if not case.held_out]
        for title, tip, cases in (
            ("Unseen", "Not learnt from: each was kept out of the run that judges it", held_out),
            ("Learnt", "A model is often good at what it learnt from", learnt),
            ("Guards", "Guard cases of what the old model knew", tuned.guards),
        ):
            if cases:
                self._add_group(title, tip, cases, alpha)
        self._open(opened)
        self._fit_height(at)

    def _add_group(self, title: str, tip: str, cases: Sequence[CaseResult], alpha: float) -> None:
        scored = [(case.before, scored_at(case, alpha)) for case in cases]
        known = [(b, a) for b, a in scored if a is not None]
        group = QTreeWidgetItem([f"{title} ({len(cases)})"])
        group.setToolTip(0, tip)
        self.addTopLevelItem(group)
        if known and len(cases) > 1:
            before, after = (_flat(pair[side] for pair in known) for side in (0, 1))
            units = {case.unit for case in cases}
            _fill(group, before, after, units.pop() if len(units) == 1 else None)
        font = group.font(0)
        font.setBold(True)
        for column in range(3):
            group.setFont(column, font)
        for case, (old, new) in zip(cases, scored, strict=True):
            row = QTreeWidgetItem([case.name or "case"])
            row.setToolTip(0, case.name)
            group.addChild(row)
            _fill(row, old, new, case.unit)
            for index, one in enumerate(old if len(old) > 1 else ()):
                child = QTreeWidgetItem([one.name])
                child.setToolTip(0, one.name)
                row.addChild(child)
                _fill(child, (one,), None if new is None else (new[index],), case.unit)
        group.setExpanded(True)

    def _rows(self) -> Iterable[tuple[str, QTreeWidgetItem]]:
        for i in range(self.topLevelItemCount()):
            group = self.topLevelItem(i)
            assert group is not None
            title = group.text(0).rsplit(" (", 1)[0]
            yield title, group
            for j in range(group.childCount()):
                row = group.child(j)
                assert row is not None
                yield f"{title}\n{j}\n{row.text(0)}", row

    def _opened(self) -> dict[str, bool]:
        return {key: row.isExpanded() for key, row in self._rows()}

    def _open(self, opened: dict[str, bool]) -> None:
        for key, row in self._rows():
            row.setExpanded(opened.get(key, row.isExpanded()))

    def _scrolled(self) -> int:
        bar = self.verticalScrollBar()
        return 0 if bar is None else bar.value()

    def _fit_height(self, at: int) -> None:
        header, bar = self.header(), self.verticalScrollBar()
        assert header is not None
        assert bar is not None
        rows = sum(1 for _ in self._rows())
        row = max(self.sizeHintForRow(0), self.fontMetrics().height())
        height = header.sizeHint().height() + row * min(max(rows, 2), _ROWS) + 6
        self.setFixedHeight(height)
        bar.setValue(at)

    def sizeHint(self) -> QSize:
        return QSize(200, self.minimumHeight())


def _flat(scored: Iterable[Scored]) -> Scored:
    return tuple(one for case in scored for one in case)


def _fill(row: QTreeWidgetItem, before: Scored, after: Scored | None, unit: str | None) -> None:
    """Write old and new means into a row; an arrow says where it is better or worse.

    Distances in several units (`unit` is None) have no mean.
    """
    columns = ((1, "dice", 3, 1), (2, "hd95", 1, -1))
    for column, name, digits, sign in columns if unit is not None else columns[:1]:
        old = float(np.mean([getattr(one, name) for one in before]))
        own = f" {unit}" if column == 2 else ""
        row.setTextAlignment(
            column, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        )
        if after is None:
            row.setText(column, f"{_short(old, digits)} → –{own}")
            row.setToolTip(column, "This mix was not measured on this case")
            continue
        new = float(np.mean([getattr(one, name) for one in after]))
        shown = _short(old, digits), _short(new, digits)
        mark, words = "   ", "the same"
        if shown[0] != shown[1]:
            mark, words = (" ▲", "better") if sign * (new - old) > 0 else (" ▼", "worse")
        row.setText(column, f"{shown[0]} → {shown[1]}{own}{mark}")
        row.setToolTip(
            column, f"{words}: {old:.{digits}f} → {new:.{digits}f}{own} ({new - old:+.{digits}f})"
        )


def _short(number: float, digits: int) -> str:
    return f"{number:.{digits if number < _ROUND else 0}f}"
