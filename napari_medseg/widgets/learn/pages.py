"""Pages of which one is seen."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget


class Pages(QVBoxLayout):
    """Shows one page at a time, in the whole of its widget."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.setContentsMargins(0, 0, 0, 0)
        self._pages: list[QWidget] = []

    @property
    def shown(self) -> QWidget:
        """The page that is shown."""
        return next(page for page in self._pages if not page.isHidden())

    def insert(self, page: QWidget) -> None:
        """Take a page; the first one is shown, others when `turn_to` says so."""
        page.setVisible(not self._pages)
        self._pages.append(page)
        self.addWidget(page)

    def turn_to(self, wanted: QWidget) -> None:
        """Show another page."""
        for page in self._pages:
            if page is not wanted:
                page.setVisible(False)
        wanted.setVisible(True)
