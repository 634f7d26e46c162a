"""The list of models: two lines a row, headings between, files dropped onto it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent, QPainter
from qtpy.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from napari_medseg.widgets.model_colours import ModelColours
from napari_medseg.widgets.model_rows import ModelRow, Section, found
from napari_medseg.widgets.model_words import tip_page

ROW = Qt.ItemDataRole.UserRole
_PAD = 5
_FEW, _MANY = 2, 5  # rows the list has room for, at least and at most


class ModelList(QListWidget):
    """Shows sections of models; emits ``dropped(list of Path)`` for files dropped onto it."""

    dropped = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self._sections: list[Section] = []
        self._rows = RowPainter(self)
        self.setItemDelegate(self._rows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAcceptDrops(True)
        self.setToolTip("The models at hand; click one to use it, or drop a model file here")

    @property
    def current(self) -> ModelRow | None:
        """The marked row."""
        item = self.currentItem()
        return item.data(ROW) if item is not None else None

    def show_sections(self, sections: list[Section]) -> None:
        """Show other rows, if they are others; the mark is set by `mark`."""
        if sections == self._sections:
            return
        self._sections = sections
        marked = self.current
        bar = self.verticalScrollBar()
        at = bar.value() if bar is not None else 0
        self.blockSignals(True)
        self.clear()
        for section in sections:
            if section.heading:
                self._add_heading(section.heading)
            for row in section.rows:
                item = QListWidgetItem(row.text)
                item.setData(ROW, row)
                item.setToolTip(tip_page(row.tip))
                self.addItem(item)
        self.blockSignals(False)
        if marked is not None:
            self.mark(marked.path)
        if bar is not None:
            bar.setValue(at)

    def mark(self, path: Path | None) -> None:
        """Mark the row of a file, or none, without telling anybody."""
        self.blockSignals(True)
        items = [i for i in self._model_items() if i.data(ROW).path == path]
        self.setCurrentItem(items[0] if items else None)  # type: ignore[arg-type]  # None is fine
        self.blockSignals(False)

    def search(self, asked: str) -> bool:
        """Hide the rows that do not have the words `asked`; return whether any is left."""
        items = list(self._model_items())
        for item in items:
            item.setHidden(not found(item.data(ROW), asked))
        for heading in self._headings():
            heading.setHidden(bool(asked.strip()))
        return any(not item.isHidden() for item in items) or not items

    def height_wanted(self) -> int:
        """Return room for a few rows, the same whatever is searched for; more are scrolled to."""
        count = sum(len(section.rows) for section in self._sections)
        headings = sum(bool(section.heading) for section in self._sections)
        rows = min(max(count, _FEW), _MANY) * row_height(self)
        return rows + min(headings, 2) * heading_height(self) + 2 * self.frameWidth() + 2

    def set_colours(self, colours: ModelColours) -> None:
        """Draw in other colours from now on."""
        self._rows.colours = colours
        self.update()
        self.doItemsLayout()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and _files(event):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent | None) -> None:
        if event is not None and _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None and _files(event):
            event.acceptProposedAction()
            self.dropped.emit(_files(event))

    def _add_heading(self, text: str) -> None:
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setToolTip(tip_page(text))
        self.addItem(item)

    def _model_items(self) -> Iterable[QListWidgetItem]:
        return (i for i in self._items() if i.data(ROW) is not None)

    def _headings(self) -> Iterable[QListWidgetItem]:
        return (i for i in self._items() if i.data(ROW) is None)

    def _items(self) -> Iterable[QListWidgetItem]:
        return (item for i in range(self.count()) if (item := self.item(i)) is not None)


class RowPainter(QStyledItemDelegate):
    """Draws a model in two lines: name and score, then what it is for."""

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self._view = view
        self.colours = ModelColours()

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        is_row = index.data(ROW) is not None
        height = row_height(self._view) if is_row else heading_height(self._view)
        return QSize(100, height)  # the list's own width decides, not the longest name

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        if painter is None:
            return
        row = index.data(ROW)
        own = QStyleOptionViewItem(option)
        self.initStyleOption(own, index)
        own.text = ""
        style = self._view.style()
        if style is not None:
            style.drawControl(QStyle.ControlElement.CE_ItemViewItem, own, painter, self._view)
        painter.save()
        if row is not None and own.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(
                QRect(option.rect.topLeft(), QSize(3, option.rect.height())),
                QColor(self.colours.link),
            )
        area = option.rect.adjusted(_PAD, 0, -_PAD, 0)
        if row is None:
            self._text(painter, area, index.data(), self.colours.dim, bold=True)
        else:
            self._row(painter, area, row)
        painter.restore()

    def _row(self, painter: QPainter, area: QRect, row: ModelRow) -> None:
        colours = self.colours
        half = area.height() // 2
        upper = QRect(area.left(), area.top() + 2, area.width(), half - 2)
        lower = QRect(area.left(), area.top() + half, area.width(), half - 2)
        usable = row.card is not None
        right = self._text(painter, upper, row.badge, colours.dim, right=True)
        title = upper.adjusted(0, 0, -right, 0)
        self._text(
            painter, title, row.title, colours.text if usable else colours.warning, bold=True
        )
        right = self._text(painter, lower, row.origin_words, colours.dim, right=True)
        self._text(painter, lower.adjusted(0, 0, -right, 0), row.line, colours.dim)

    def _text(
        self,
        painter: QPainter,
        area: QRect,
        text: str,
        colour: str,
        *,
        bold: bool = False,
        right: bool = False,
    ) -> int:
        """Draw one line, shortened where there is no room; return the width it took."""
        font = self._view.font()
        font.setBold(bold)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        text = metrics.elidedText(" ".join(text.split()), Qt.TextElideMode.ElideRight, area.width())
        painter.setPen(QColor(colour))
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(area, int(side | Qt.AlignmentFlag.AlignVCenter), text)
        return metrics.horizontalAdvance(text) + 2 * _PAD if text else 0


def row_height(view: QListWidget) -> int:
    """Return the height of a model's two lines."""
    return 2 * view.fontMetrics().height() + 2 * _PAD


def heading_height(view: QListWidget) -> int:
    """Return the height of a heading."""
    return view.fontMetrics().height() + _PAD


def _files(event: QDropEvent) -> list[Path]:
    data = event.mimeData()
    urls = data.urls() if data is not None and data.hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
