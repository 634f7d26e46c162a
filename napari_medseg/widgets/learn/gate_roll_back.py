"""One click back to the model that the chosen one was made from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.lineage import Relative, lineage
from napari_medseg.progress import Report
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.background import Task, forget, quit_all
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.pieces import enable, wrapped_label
from napari_medseg.widgets.sessions import connect_while_alive, session_of, when_gone

if TYPE_CHECKING:
    from napari.viewer import Viewer


class RollBack(QWidget):
    """Says what the chosen model was made from, with a button to go back; else it is not there.

    Parameters
    ----------
    viewer : Viewer
        Whose model is chosen.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._choice = model_choice_of(viewer)
        self._session = session_of(viewer)
        self._asked: ChosenModel | None = None
        self._parent: Relative | None = None
        self._tasks: list[Task] = []
        self.says = wrapped_label()
        self.button = QPushButton("Go back")
        self.button.clicked.connect(self.go_back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.says)
        column.addWidget(self.button)
        when_gone(self, partial(quit_all, self._tasks))
        connect_while_alive(self, self._choice.changed, self.refresh)
        connect_while_alive(self, self._session.events.model, self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Find out in a thread what the chosen model was made from: files must be read for it."""
        model = self._session.model
        if model is None or not model.card.parent:
            self._asked, self._parent = model, None
            self._reveal(False)
            return
        known = {row.path: row.card for row in self._choice.rows if row.card is not None}
        if model.path not in known:
            return
        if model != self._asked:
            self._asked, self._parent = model, None
            self._say("It is being looked for")
        task = Task(partial(_find, model, known))
        task.returned.connect(self._take)
        task.finished.connect(partial(forget, self._tasks, task))
        self._tasks.append(task)
        task.start()

    def _take(self, found: tuple[ChosenModel, Relative | None]) -> None:
        """Offer the model that was found, if that is still the question."""
        model, parent = found
        if model != self._asked:
            return
        self._parent = parent
        there = parent is not None and parent.path is not None
        self._say("" if there else "The model it was made from is not on this computer any more")

    def go_back(self) -> None:
        """Choose the model that the chosen one was made from; both files stay."""
        parent = self._parent
        if parent is not None and parent.path is not None and parent.card is not None:
            self._choice.choose(ChosenModel(parent.path, parent.card))

    def _say(self, why_not: str) -> None:
        assert self._asked is not None
        model, parent = self._asked, self._parent
        known = parent.card if parent is not None else None
        origin = known.name if known is not None else "an earlier model"
        date = f" on {model.card.created[:10]}" if model.card.created else ""
        self.says.setText(f"{model.card.name} was made from {origin}{date}.")
        self.button.setText("Go back" if known is None else f"Go back to {_short(known.name)}")
        tip = f"Use {origin} again; {model.card.name} stays in the list of models"
        enable(self.button, why_not, tip)
        self._reveal(True)

    def _reveal(self, there: bool) -> None:
        for piece in (self.says, self.button):  # a row without a window yet would become one
            piece.setVisible(there)


def _find(
    model: ChosenModel, known: dict[Path, ModelCard], report: Report
) -> tuple[ChosenModel, Relative | None]:
    line = lineage(model.path, known, report)
    return model, line.parents[-1] if line is not None and line.parents else None


def _short(name: str, at_most: int = 18) -> str:
    return name if len(name) <= at_most else f"{name[: at_most - 1]}…"
