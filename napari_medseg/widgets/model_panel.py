"""The Model panel: which model, what it is, and where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.engine.stamps import known_hash
from napari_medseg.engine.zoo import user_directory
from napari_medseg.widgets.card_view import CardView
from napari_medseg.widgets.device_choice import DeviceChoice
from napari_medseg.widgets.model_actions import ModelActions
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.model_colours import ModelColours
from napari_medseg.widgets.model_rows import ModelRow, sections
from napari_medseg.widgets.model_shelf import ModelShelf
from napari_medseg.widgets.model_watch import ModelWatch
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import wrapped_label
from napari_medseg.widgets.sessions import connect_while_alive, runner_of, session_of, unwrapped
from napari_medseg.widgets.settings import follow_preferences, preferences
from napari_medseg.widgets.theme import follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NO_MODELS = "No models yet: open a model file, or train one with napari-medseg train."


class ModelPanel(QWidget):
    """Lists the models at hand, shows the card of one, and chooses where it runs."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = unwrapped(viewer)
        self.choice = model_choice_of(viewer)
        self._looked_at: Path | None = None  # a file that cannot be used, marked to see why
        self.shelf = ModelShelf()
        self.list, self.search = self.shelf.list, self.shelf.search
        self.open_button = self.shelf.open_button
        self.hint = wrapped_label()
        self.another = QPushButton("Choose another")
        self.another.setToolTip("Takes the model that fits the image best")
        self.files = ModelActions()
        self.device = DeviceChoice(session_of(viewer), runner_of(viewer))
        self.card = CardView()
        self._watch = ModelWatch(self)
        layout = QVBoxLayout(self)
        for widget in (self.shelf, self.hint, self.another, self.files, self.device, self.card):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._connect()
        self.refresh()

    def refresh(self, *_: object) -> None:
        """List what the model folders hold now; the choice stays while its file is usable."""
        self.choice.refresh()

    def show_chosen(self) -> None:
        """Show the models, mark the chosen one and show its card."""
        choice, row = self.choice, self._marked()
        self.shelf.show_sections(sections(choice.rows, choice.image), row.path if row else None)
        known = {r.path: r.card for r in choice.rows if r.card is not None and r.path.exists()}
        if row is None:
            self.card.show_message("Choose a model above." if choice.rows else _NO_MODELS)
        elif row.card is None:
            self.card.show_message(f"{row.path.name} cannot be used: {row.reason}.")
        else:
            self.card.show_model(row.card, row.path, known)
        self.files.show_row(row)
        hint = choice.hint()
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.another.setVisible(choice.lost is not None)
        self._watch.watch([r.path for r in choice.rows], user_directory())

    def choose_file(self, path: Path) -> None:
        """Use the checkpoint `path`; the list shows it from now on.

        Raises
        ------
        ValueError, OSError
            If it is no model that can be used here.
        """
        self._looked_at = None
        self.choice.open(path)

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()

    def _connect(self) -> None:
        self.shelf.picked.connect(self._pick)
        self.shelf.dropped.connect(self._open_files)
        self.shelf.menu_asked.connect(self._open_menu)
        self.open_button.clicked.connect(self._ask_for_file)
        self.shelf.import_button.imported.connect(self._open_imported)
        self.another.clicked.connect(self.choice.take_another)
        self.files.kept.connect(self._use_kept)
        self.files.taken_off.connect(self.choice.take_off)
        self.files.removed.connect(self._forget)
        self.files.files_changed.connect(self.refresh)
        self.card.model_asked.connect(self._use_relative)
        self._watch.changed.connect(self.refresh)
        connect_while_alive(self, self.choice.changed, self.show_chosen)
        follow_theme(self._viewer, self, self._set_colours)
        follow_preferences(self, self.refresh)

    def _marked(self) -> ModelRow | None:
        """Return the row in view: an unusable file somebody clicked, else the chosen model."""
        for row in self.choice.rows:
            if row.card is None and row.path == self._looked_at:
                return row
        return self.choice.current

    def _pick(self, row: ModelRow) -> None:
        self._looked_at = row.path if row.card is None else None
        if row.card is not None:
            self.choice.choose(row.chosen())
        else:
            self.show_chosen()

    def _ask_for_file(self) -> None:
        start = preferences().data_directory
        kinds = f"MedSeg models (*{SUFFIX})"
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", start, kinds)
        if path:
            self._open_files([Path(path)])

    def _open_files(self, paths: list[Path]) -> None:
        for path in paths:
            try:
                self.choose_file(path)
            except (ValueError, OSError) as error:
                show_failure(error)

    def _open_imported(self, path: Path) -> None:
        self._open_files([path])

    def _open_menu(self, at: QPoint) -> None:
        self.files.open_menu(at)

    def _use_kept(self, opened: Path, kept: Path) -> None:
        """Go on with the copy among the person's own models."""
        self._open_files([kept])
        self.choice.take_off(opened)

    def _forget(self, path: Path) -> None:
        self.choice.let_go(path)
        self.refresh()

    def _use_relative(self, digest: str) -> None:
        """Choose the parent or child that was clicked."""
        for row in self.choice.rows:
            if row.card is not None and known_hash(row.path) == digest:
                self._pick(row)
                return

    def _set_colours(self, *_: object) -> None:
        colours = ModelColours.of(self._viewer)
        self.list.set_colours(colours)
        self.card.set_colours(colours)
