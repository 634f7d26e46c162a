"""The *File* button: where one saves labels, and saves and opens projects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QMenu, QToolButton

from napari_medseg.widgets.keeping import menu
from napari_medseg.widgets.keeping.following import follow, keepers_of
from napari_medseg.widgets.keeping.keeper import Keeper
from napari_medseg.widgets.keeping.opening import forget_missing, open_project, recent_projects
from napari_medseg.widgets.keeping.saving import labels_to_save, saves_of
from napari_medseg.widgets.sessions import connect_while_alive, unwrapped

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer
    from qtpy.QtGui import QAction


_TEXTS = ("File", "File ●", "Saving…")
_PADDING = 14  # pixels, of napari's style


class FileButton(QToolButton):
    """Opens the menu of files; a dot says that labels are not saved.

    Parameters
    ----------
    viewer : Viewer
        Whose labels they are.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = unwrapped(viewer)
        follow(viewer)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.file_menu = QMenu(self)
        self.file_menu.setToolTipsVisible(True)
        self.save = self._add("Save labels", "Save the selected labels where they were saved last")
        self.save_as = self._add("Save labels as…", "Save the selected labels in another file")
        self.file_menu.addSeparator()
        self.open_project = self._add(
            "Open project…", "Bring back images, labels, classes, reviews, model and view"
        )
        self.recent = QMenu("Recent projects", self.file_menu)
        self.file_menu.addMenu(self.recent)
        self.save_project = self._add(
            "Save project", "Save everything that is open, to go on another day"
        )
        self.save_project_as = self._add("Save project as…", "Save the project in another file")
        self.setMenu(self.file_menu)
        for action, act in (
            (self.save, menu.save_labels),
            (self.save_as, menu.save_labels_as),
            (self.open_project, menu.open_a_project),
            (self.save_project, menu.save_the_project),
            (self.save_project_as, menu.save_the_project_as),
        ):
            action.triggered.connect(_without_state(partial(act, viewer)))
        self.file_menu.aboutToShow.connect(self.refresh)
        self._followed: WeakSet[Keeper] = WeakSet()
        saves_of(viewer).changed.connect(self.say)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            connect_while_alive(self, event, self._follow_layers)
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self._follow_layers()

    def sizeHint(self) -> QSize:
        widest = max(self.fontMetrics().horizontalAdvance(text) for text in _TEXTS)
        return QSize(widest + _PADDING, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()  # nothing beside it moves when the text changes

    def say(self) -> None:
        """Say whether labels are being saved, or are not saved yet."""
        running = bool(saves_of(self._viewer).running)
        unsaved = [keeper for keeper in keepers_of(self._viewer) if keeper.outstanding.in_labels]
        self.setText(_TEXTS[2 if running else 1 if unsaved else 0])
        lines = ["Save labels; open and save projects"]
        for keeper in unsaved:
            counts = keeper.outstanding
            steps = counts.corrections + counts.answers
            lines.append(f"'{keeper.layer.name}' has {steps} steps that are not saved yet")
        self.setToolTip("\n".join(lines))

    def refresh(self) -> None:
        """Enable what can be done now, and list the projects one worked on last."""
        layer = labels_to_save(self._viewer)
        why = "" if layer is not None else "There are no labels yet: segment or paint first"
        for action in (self.save, self.save_as):
            action.setEnabled(layer is not None)
        self.save.setText("Save labels" if layer is None else f"Save '{_short(layer.name)}'")
        self.save.setToolTip(why or "Save these labels where they were saved last")
        self.save_as.setToolTip(why or "Save these labels in another file")
        there = len(self._viewer.layers) > 0
        for action in (self.save_project, self.save_project_as):
            action.setEnabled(there)
        self.recent.clear()
        for path in recent_projects():
            self._add_recent(path)
        self.recent.setEnabled(not self.recent.isEmpty())

    def _add(self, text: str, tip: str) -> QAction:
        action = self.file_menu.addAction(text)
        assert action is not None
        action.setToolTip(tip)
        return action

    def _add_recent(self, path: Path) -> None:
        action = self.recent.addAction(_short(path.name.removesuffix(".medseg.json")))
        assert action is not None
        action.setToolTip(str(path))
        action.triggered.connect(_without_state(partial(self._open_recent, path)))

    def _open_recent(self, path: Path) -> None:
        open_project(self._viewer, path)
        forget_missing()

    def _follow_layers(self, _event: object = None) -> None:
        for keeper in keepers_of(self._viewer):
            if keeper not in self._followed:
                self._followed.add(keeper)
                connect_while_alive(self, keeper.changed, self.say)
        self.say()


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"


def _without_state(act: Callable[[], Any]) -> Callable[[bool], None]:
    def press(_checked: bool = False) -> None:
        act()

    return press
