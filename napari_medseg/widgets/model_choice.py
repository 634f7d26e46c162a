"""Which models a viewer has at hand and which one is chosen; shared by all panels of the viewer.

Until a person chooses, a model is proposed that fits the image, or none. A chosen model whose file
goes away is let go of, and taken again when the file is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from napari_medseg.engine.checkpoint import read_card
from napari_medseg.engine.fit import NOT, ImageKind, best_fit
from napari_medseg.engine.zoo import survey
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.image_kind import chosen_image, kind_of
from napari_medseg.widgets.model_rows import ModelRow, rows_of
from napari_medseg.widgets.notices import warn_once
from napari_medseg.widgets.sessions import session_of, unwrapped
from napari_medseg.widgets.settings import preferences

if TYPE_CHECKING:
    from napari.viewer import Viewer

_choices: WeakKeyDictionary[Any, ModelChoice] = WeakKeyDictionary()


def model_choice_of(viewer: Viewer) -> ModelChoice:
    """Return the one `ModelChoice` of a viewer; from now on it follows the viewer's images."""
    viewer = unwrapped(viewer)
    if viewer not in _choices:
        _choices[viewer] = ModelChoice(viewer)
        _choices[viewer].refresh()
    return _choices[viewer]


class ModelChoice:
    """The models of a viewer and the choice among them.

    Emits ``changed()`` when what a list of models should show is different.

    Attributes
    ----------
    rows : list of ModelRow
        The models at hand, and files that should be models.
    image : str
        Name of the image they are judged for; empty without one.
    lost : ChosenModel or None
        The chosen model whose file went away or was damaged.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._session = session_of(viewer)
        self._opened: list[Path] = []
        self._proposed: Path | None = None  # the model in use, if no person chose it
        self._kind: ImageKind | None = None
        self._busy = False
        self.rows: list[ModelRow] = []
        self.image = ""
        self.lost: ChosenModel | None = None
        layers = viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            event.connect(self._look_at_image)
        layers.selection.events.active.connect(self._look_at_image)
        self._session.events.images.connect(self._look_at_image)
        self._session.events.model.connect(self._on_model)
        self._see_image()

    @property
    def current(self) -> ModelRow | None:
        """The row of the session's model."""
        model = self._session.model
        usable = (row for row in self.rows if row.card is not None)
        return next((r for r in usable if model is not None and r.chosen() == model), None)

    def refresh(self) -> None:
        """Look into the folders; keep the choice true to the files and the image."""
        if self._busy:  # what is set below is told to everybody, and to us
            return
        self._busy = True
        try:
            settings = preferences()
            entries, unreadable = survey(settings.data_directory)
            self._remember_chosen({entry.path for entry in entries.values()})
            self.rows = rows_of(entries, unreadable, self._opened, self._kind)
            self._follow_files()
            self._propose(settings.default_model)
        finally:
            self._busy = False
        self.changed.emit()

    def choose(self, model: ChosenModel) -> None:
        """Take a person's choice; it stays whatever image comes."""
        self._proposed, self.lost = None, None
        self._session.model = model
        self.refresh()

    def open(self, path: Path) -> None:
        """Choose the checkpoint `path`; it is listed from now on.

        Raises
        ------
        ValueError, OSError
            If it is no model that can be used here.
        """
        self.choose(ChosenModel(path, read_card(path)))

    def take_off(self, path: Path) -> None:
        """Take an opened file off the list; the file stays where it is."""
        self._opened = [one for one in self._opened if one != path]
        self.let_go(path)
        self.refresh()

    def let_go(self, path: Path) -> None:
        """Choose no model if it is this one: a person does not want it any more."""
        if self.lost is not None and self.lost.path == path:
            self.lost = None
        if self._session.model is not None and self._session.model.path == path:
            self._session.model = None

    def take_another(self) -> None:
        """Propose another model instead of the one that is lost."""
        self.lost = None
        self.refresh()

    def hint(self) -> str:
        """Return what a person should know about the choice, or nothing."""
        if self.lost is not None:
            name = self.lost.path.name
            reasons = [row.reason for row in self.rows if row.path == self.lost.path]
            if reasons and self.lost.path.exists():
                return f"{reasons[0]}. Choose another model, or put the right file back."
            return (
                f"The file {name} is gone: it was moved or deleted. Choose another model, or put "
                "the file back."
            )
        row, usable = self.current, any(row.card is not None for row in self.rows)
        if row is None and self._session.model is None and self.image and usable:
            return (
                f"No model here was made for images like {self.image}. Choose one all the same, "
                "or open another."
            )
        if row is not None and row.fit is not None and row.fit.level == NOT:
            return f"{row.title} may not suit {self.image}: {row.fit.reason}."
        return ""

    def _look_at_image(self, *_: object) -> None:
        before = self._kind, self.image
        self._see_image()
        if (self._kind, self.image) != before:
            self.refresh()

    def _see_image(self) -> None:
        viewer = self._viewer()
        image = chosen_image(viewer, self._session.images) if viewer is not None else None
        self.image = image.name if image is not None else ""
        self._kind = kind_of(image, viewer) if image is not None and viewer is not None else None

    def _on_model(self, *_: object) -> None:
        if self._busy:
            return
        if self._session.model is not None and self.current is None:
            self.refresh()  # somebody else chose a file we do not know
        else:
            self.changed.emit()

    def _remember_chosen(self, listed: set[Path]) -> None:
        model = self._session.model
        before = {row.path for row in self.rows}  # one of these is not new, but may be gone
        if model is None or model.path in listed | before or model.path in self._opened:
            return
        if len(model.path.parts) > 1:  # else it is the name of one to be downloaded
            self._opened.append(model.path)

    def _follow_files(self) -> None:
        """Take the new card of a file written anew; let go of one that is gone."""
        usable = {m.path: m for m in self._usable().values()}
        model = self._session.model
        if model is not None and model.path not in usable:
            self.lost, self._session.model = model, None
        elif model is not None:
            self.lost, self._session.model = None, usable[model.path]
        elif self.lost is not None and self.lost.path in usable:  # it is back
            self._session.model, self.lost = usable[self.lost.path], None

    def _propose(self, wished: str) -> None:
        """Propose a model for the image, or none, unless a person has chosen or lost one."""
        model = self._session.model
        if self.lost is not None or (model is not None and model.path != self._proposed):
            return
        usable = self._usable()
        if wished and wished not in usable:
            warn_once(
                f"There is no model '{wished}', with which MedSeg should start. Choose another "
                "one in File > Preferences > MedSeg."
            )
        if self._kind is None:
            if model is not None or wished not in usable:
                return
            name: str | None = wished
        else:
            row = self.current
            if row is not None and row.fit is not None and row.fit.level != NOT:
                return
            name = best_fit({n: m.card for n, m in usable.items()}, self._kind, wished)
        proposed = usable[name] if name is not None else None
        self._proposed = proposed.path if proposed is not None else None
        self._session.model = proposed

    def _usable(self) -> Mapping[str, ChosenModel]:
        return {row.name: row.chosen() for row in self.rows if row.card is not None}
