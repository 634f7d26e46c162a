"""The card of a model: what it finds, how well, what it expects, where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.example_picture import ExamplePicture, example_picture, fitting_sample
from napari_medseg.engine.lineage import Lineage, lineage
from napari_medseg.engine.score_table import score_tables
from napari_medseg.progress import Report
from napari_medseg.widgets.background import Task, quit_all
from napari_medseg.widgets.model_colours import ModelColours
from napari_medseg.widgets.model_words import about_page, finds_page, input_page, lineage_page
from napari_medseg.widgets.picture_view import PictureView
from napari_medseg.widgets.pieces import wrapped_label
from napari_medseg.widgets.score_view import ScoreView
from napari_medseg.widgets.sessions import when_gone

_PATIENCE = 250  # ms a card is looked at before its picture is made


class CardView(QWidget):
    """Shows one model; emits ``model_asked(sha256)`` when a parent or child is clicked.

    Picture and lineage are made in a thread, and only while somebody looks.
    """

    model_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._card: ModelCard | None = None
        self._path = Path()
        self._known: dict[Path, ModelCard] = {}
        self._line: Lineage | None = None
        self._colours = ModelColours()
        self._pictures: dict[str, ExamplePicture | None] = {}
        self._tasks: list[Task] = []
        self.message = wrapped_label()
        self.title = wrapped_label()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.description, self.split = wrapped_label(), wrapped_label()
        self.picture = PictureView()
        self.finds, self.expects = wrapped_label(rich=True), wrapped_label(rich=True)
        self.about, self.line = wrapped_label(rich=True), wrapped_label(rich=True)
        self.line.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction  # links by mouse and by key
        )
        self.line.linkActivated.connect(self.model_asked)
        self.scores = ScoreView()
        self.use = wrapped_label()
        self._headings: dict[QWidget, QLabel] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PATIENCE)
        self._later.timeout.connect(self._complete)
        when_gone(self, partial(quit_all, self._tasks))
        self._lay_out()

    def show_message(self, text: str) -> None:
        """Show a sentence instead of a card."""
        self._card = None
        self._stop()
        self.message.setText(text)
        self._fill()

    def show_model(self, card: ModelCard, path: Path, known: dict[Path, ModelCard]) -> None:
        """Show a card; `known` are the models among which parents and children are looked for."""
        same = card == self._card and path == self._path
        if same and known == self._known:
            return
        self._card, self._path, self._known = card, path, dict(known)
        self._stop()
        self._line = self._line if same else None
        self._fill()
        if self.isVisible():
            self._later.start()

    def set_colours(self, colours: ModelColours) -> None:
        """Draw in other colours from now on."""
        self._colours = colours
        self.scores.set_colours(colours)
        self._fill_line()

    def text(self) -> str:
        """Return all that is shown as text."""
        if self._card is None:
            return self.message.text()
        labels = (self.title, self.description, self.finds, self.expects, self.about, self.line)
        parts = [*(label.text() for label in labels), self.scores.text(), self.split.text()]
        return "\n".join([*parts, self.use.text()])

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        if self._card is not None:
            self._later.start()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self._stop()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget, heading in (
            (self.message, ""),
            (self.title, ""),
            (self.description, ""),
            (self.picture, ""),
            (self.finds, "Finds"),
            (self.scores, "How well"),
            (self.split, ""),
            (self.expects, "Expected image"),
            (self.about, "About"),
            (self.line, "Where it comes from"),
            (self.use, ""),
        ):
            if heading:
                label = QLabel(f"<b>{heading}</b>")
                label.setContentsMargins(0, 6, 0, 0)
                self._headings[widget] = label
                layout.addWidget(label)
            layout.addWidget(widget)
        layout.addStretch(1)
        self._fill()

    def _fill(self) -> None:
        card = self._card
        if card is not None:
            self.title.setText(card.title or card.name)
            self.description.setText(card.description)
            self.finds.setText(finds_page(card))
            self.scores.show_tables(score_tables(card), card)
            self.split.setText(f"Cases: {card.split}" if card.split else "")
            self.expects.setText(input_page(card))
            self.about.setText(about_page(card, self._path))
            self.use.setText(card.intended_use)
            self._show_picture(card)
        self._show(self.message, card is None)
        for label in (self.title, self.description, self.split, self.expects, self.about, self.use):
            self._show(label, card is not None and bool(label.text()))
        self._show(self.finds, card is not None)
        self._show(self.scores, card is not None and bool(card.scores))
        self._fill_line()

    def _fill_line(self) -> None:
        text = lineage_page(self._card, self._line, self._colours) if self._card else ""
        self.line.setText(text)
        self._show(self.line, bool(text))

    def _show(self, widget: QWidget, visible: bool) -> None:
        widget.setVisible(visible)
        if widget in self._headings:
            self._headings[widget].setVisible(visible)

    def _show_picture(self, card: ModelCard) -> None:
        key = card.to_json()
        if key in self._pictures:
            self.picture.show_picture(self._pictures[key])
        elif fitting_sample(card) is not None:
            self.picture.wait()
        else:
            self.picture.show_picture(None)

    def _complete(self) -> None:
        """Make what takes time, in threads that know nothing of this widget."""
        card = self._card
        if card is None:
            return
        key = card.to_json()
        if self._path in self._known and any(c.parent for c in self._known.values()):
            self._start(Task(partial(_line, key, self._path, self._known)), self._got_line)
        if key not in self._pictures and fitting_sample(card) is not None:
            self._start(Task(partial(_picture, key, card)), self._got_picture)

    def _start(self, task: Task, then: Callable[[Any], None]) -> None:
        task.returned.connect(then)
        self._tasks.append(task)
        task.start()

    def _stop(self) -> None:
        self._later.stop()
        quit_all(self._tasks)
        self._tasks.clear()

    def _got_picture(self, result: tuple[str, ExamplePicture | None]) -> None:
        key, picture = result
        self._pictures[key] = picture
        if self._card is not None and self._card.to_json() == key:
            self.picture.show_picture(picture)

    def _got_line(self, result: tuple[str, Path, Lineage | None]) -> None:
        key, path, line = result
        if self._card is not None and self._card.to_json() == key and path == self._path:
            self._line = line
            self._fill_line()


def _picture(key: str, card: ModelCard, report: Report) -> tuple[str, ExamplePicture | None]:
    return key, example_picture(card, report)


def _line(
    key: str, path: Path, known: dict[Path, ModelCard], report: Report
) -> tuple[str, Path, Lineage | None]:
    return key, path, lineage(path, known, report)
