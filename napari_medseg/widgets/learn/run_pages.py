"""The pages of a run: while it learns, and what came of it; each is made a little before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.widgets.learn.pages import Pages
from napari_medseg.widgets.learn.running_page import RunningPage

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PAUSE = 300  # ms; what made a page likely is drawn by then


class RunPages(QObject):
    """Makes the two pages and passes on what is pressed there.

    Emits, of the page of a run, ``cases_wanted()``, ``pause_wanted()``, ``resume_wanted()``,
    ``stop_wanted()`` and ``preview_wanted(bool)``; of the page that judges it ``decided()`` when
    its model was promoted, ``discarded()``, which can be undone, and ``back()``.

    Parameters
    ----------
    viewer : Viewer
        Of the panel.
    pages : Pages
        Where they are shown.
    parent : QObject
        Whose end is the end of it.
    """

    cases_wanted = Signal()
    pause_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal()
    preview_wanted = Signal(bool)
    decided = Signal()
    discarded = Signal()
    back = Signal()

    def __init__(self, viewer: Viewer, pages: Pages, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._pages = viewer, pages
        self.running: RunningPage | None = None
        self.gate: Any = None
        self._next: Callable[[], object] = self.running_page
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAUSE)
        self._soon.timeout.connect(self._make_next)

    def prepare(self, page: Callable[[], object]) -> None:
        """Make a page soon, by itself: the window need not stop for it when it is wanted."""
        self._next = page
        self._soon.start()

    def running_page(self) -> RunningPage:
        """Return the page of a run; its charts take a moment."""
        if self.running is None:
            self.running = page = RunningPage(self._viewer)
            page.back.clicked.connect(self.cases_wanted)
            page.pause_wanted.connect(self.pause_wanted)
            page.resume_wanted.connect(self.resume_wanted)
            page.stop_wanted.connect(self.stop_wanted)
            page.preview_wanted.connect(self.preview_wanted)
            self._pages.insert(page)
        return self.running

    def gate_page(self) -> Any:
        """Return the page that judges what was learnt."""
        if self.gate is None:
            from napari_medseg.widgets.learn.gate import GatePage  # when something was learnt

            self.gate = gate = GatePage(self._viewer)
            gate.promoted.connect(self.decided)
            gate.discarded.connect(self.discarded)
            gate.back.connect(self.back)
            self._pages.insert(gate)
        return self.gate

    def _make_next(self) -> None:
        self._next()
