"""What every dock of MedSeg has in common, the workbench as well as a panel opened alone."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QVBoxLayout, QWidget

from napari_medseg.widgets import drawing_context, painted
from napari_medseg.widgets.drops import Drops
from napari_medseg.widgets.keeping import following as keeping
from napari_medseg.widgets.keeping.closing import Closing
from napari_medseg.widgets.keys import bind, rebind
from napari_medseg.widgets.layers import limit_history
from napari_medseg.widgets.learn import effort_watch
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.panels import PANELS, PanelPage
from napari_medseg.widgets.reader_choice import prefer_our_reader
from napari_medseg.widgets.run_bar import RunBar
from napari_medseg.widgets.sessions import (
    runner_of,
    session_of,
    unwrapped,
    when_gone,
)
from napari_medseg.widgets.settings import PLUGIN, follow_preferences, preferences
from napari_medseg.widgets.warm_up import start_warm_up, thaw

if TYPE_CHECKING:
    from napari.viewer import Viewer

WIDTH = 380  # pixels; a third of a laptop's window
_WARM_UP_AFTER = 1000  # ms after the first paint

_open: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


class Dock(QWidget):
    """A dock of MedSeg: the viewer's session and runner, a run bar, panels made when needed.

    Parameters
    ----------
    napari_viewer : Viewer
        Given by napari, when it is opened from the menu or by `add_plugin_dock_widget`.
    panels : sequence of str
        Keys of `PANELS`.
    """

    def __init__(self, napari_viewer: Viewer, panels: tuple[str, ...]) -> None:
        super().__init__()
        self.viewer = viewer = unwrapped(napari_viewer)
        self.session, self.runner = session_of(viewer), runner_of(viewer)
        self.run_bar = RunBar(self.runner)
        self.pages = {name: PanelPage(self._maker(name)) for name in panels}
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(4, 4, 4, 4)
        self.setMinimumWidth(WIDTH)
        self._drops = Drops(self, viewer)
        self._closing = Closing(self, viewer)
        self._warm_up = QTimer(self)
        self._warm_up.setSingleShot(True)
        self._warm_up.timeout.connect(start_warm_up)
        self._warm_up.timeout.connect(prefer_our_reader)
        _open[viewer] = _open.get(viewer, 0) + 1
        when_gone(self, _farewell(viewer))
        follow_preferences(self, self._on_setting)
        limit_history(preferences().undo_memory << 20)
        drawing_context.follow(viewer)
        painted.follow(viewer)
        keeping.follow(viewer)
        effort_watch.follow(viewer)
        bind(viewer, "orthogonal_views", self.toggle_views)
        model_choice_of(viewer)  # from now on a model is proposed for the image in view

    def panel(self, name: str) -> QWidget:
        """Return a panel of this dock, made now if it was not yet."""
        return self.pages[name].panel

    def go_to(self, name: str) -> None:
        """Show a panel, wherever it is.

        Parameters
        ----------
        name : str
            A key of `PANELS`.
        """
        show_panel(self.viewer, name)

    def toggle_views(self) -> None:
        """Open or close the orthogonal views."""
        from napari_medseg.widgets.views import toggle_views  # makes canvases: when asked for

        toggle_views(self.viewer)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 600)  # the panels scroll; without this the dock becomes much wider

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._warm_up.start(_WARM_UP_AFTER)
        self._drops.follow(self.window())
        self._closing.follow(self)

    def _maker(self, name: str) -> Callable[[], QWidget]:
        def make() -> QWidget:
            panel = PANELS[name].make(self.viewer)
            for other in PANELS:
                wanted = getattr(panel, f"{other}_wanted", None)
                if wanted is not None:
                    wanted.connect(partial(self.go_to, other))
            return panel

        return make

    def _on_setting(self, name: str) -> None:
        if name == "general.device":
            self.session.device = preferences().device
        elif name == "general.undo_memory":
            limit_history(preferences().undo_memory << 20)
        elif name == "general.open_files":
            prefer_our_reader()
        elif name.startswith("keys."):
            rebind(self.viewer)


def docks_of(viewer: Viewer) -> list[Dock]:
    """Return what MedSeg has docked in the window of `viewer`, hidden or not."""
    window = getattr(unwrapped(viewer), "window", None)  # a viewer model has none
    widgets = window.dock_widgets.values() if window is not None else ()
    return [widget for widget in widgets if isinstance(widget, Dock)]


def show_panel(viewer: Viewer, name: str) -> QWidget:
    """Show a panel of `viewer`: in the dock that has it, the workbench first.

    Where no dock has it, it gets one of its own beside them; where there is none, the workbench.

    Parameters
    ----------
    name : str
        A key of `PANELS`.

    Returns
    -------
    QWidget
        The panel.
    """
    viewer = unwrapped(viewer)
    docks = docks_of(viewer)
    having = sorted((d for d in docks if name in d.pages), key=lambda d: -len(d.pages))
    if having:
        dock = having[0]
    else:
        alone = PANELS[name].title if docks else "Workbench"
        _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, alone, tabify=bool(docks))
    dock.go_to(name)
    reveal(dock)
    return dock.panel(name)


def reveal(widget: QWidget) -> None:
    """Bring the dock of `widget` to the front, also after somebody closed it with its cross."""
    dock: Any = widget
    while dock is not None and not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    if dock is not None:
        dock.show()
        dock.raise_()


def _farewell(viewer: Viewer) -> Callable[[], None]:
    """Return what is called when a dock is gone for good; the last one of a viewer ends its run."""
    runner, listener = runner_of(viewer), weakref.ref(viewer)

    def leave() -> None:
        alive = listener()
        left = 0 if alive is None else _open[alive] - 1
        if alive is not None:
            _open[alive] = left
        if not left:
            runner.cancel()
            thaw()

    return leave
