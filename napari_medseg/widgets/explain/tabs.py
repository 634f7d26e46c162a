"""Pages of which one is seen, as high as that one; a tab widget is as high as the highest."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTabBar, QVBoxLayout, QWidget


class Tabs(QWidget):
    """A bar of titles over the page that is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QTabBar()
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self._pages: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignLeft)
        self.bar.currentChanged.connect(self._turn)

    def add(self, title: str, tip: str) -> QVBoxLayout:
        """Add a page and return what its parts are laid out in."""
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        self._pages.append(page)
        self._column.addWidget(page)
        self.bar.setTabToolTip(self.bar.addTab(title), tip)
        self._turn(self.bar.currentIndex())
        return column

    def choose(self, index: int) -> None:
        """Show a page, as a click on its title does."""
        self.bar.setCurrentIndex(index)

    def _turn(self, index: int) -> None:
        for i, page in enumerate(self._pages):
            page.setVisible(i == index)
