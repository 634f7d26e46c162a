"""Scrolls to what a person asked for, once it has its place."""

from __future__ import annotations

from qtpy.QtCore import QObject, QPoint, QTimer
from qtpy.QtWidgets import QScrollArea, QScrollBar, QWidget

_SOON = 500  # ms in which new parts find their place


class Bringing(QObject):
    """Brings a part of a panel to the top of what one sees of it.

    Parameters
    ----------
    part : QWidget
        Somewhere in a scroll area, or in none: then nothing is done.
    """

    def __init__(self, part: QWidget) -> None:
        super().__init__(part)
        self._part = part
        self._area: QScrollArea | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)

    def bring(self) -> None:
        """Scroll there, and again when the parts are laid out anew shortly after."""
        bar = self._bar()
        if bar is not None:
            self._soon.start()
            self._scroll()

    def _bar(self) -> QScrollBar | None:
        page: QWidget | None = self._part
        while page is not None and not isinstance(page, QScrollArea):
            page = page.parentWidget()
        if page is not None and page is not self._area:
            self._area = page
            bar = page.verticalScrollBar()
            if bar is not None:
                bar.rangeChanged.connect(self._scroll)
        return None if page is None else page.verticalScrollBar()

    def _scroll(self, *_: object) -> None:
        inside = None if self._area is None else self._area.widget()
        bar = self._bar()
        if self._soon.isActive() and inside is not None and bar is not None:
            bar.setValue(self._part.mapTo(inside, QPoint(0, 0)).y())
