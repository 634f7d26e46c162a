"""The strip that asks about labels on another grid; there only while there are some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medseg.widgets.grids.questions import grid_questions
from napari_medseg.widgets.strips import Strip

if TYPE_CHECKING:
    from napari.viewer import Viewer


class GridStrip(Strip):
    """Asks whether labels on another grid are put onto their image.

    Parameters
    ----------
    viewer : Viewer
        Whose layers are looked at.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, "medseg_grids")
        self._questions = questions = grid_questions(viewer)
        self.place = self.add_button("", "", questions.place)
        self.keep = self.add_button("", "", questions.keep)
        questions.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Ask the first question, say that its answer is being worked on, or hide."""
        question, busy = self._questions.first(), self._questions.busy is not None
        if question is not None:
            more = len(self._questions.found) - 1
            words = "Placing the labels …" if busy else question.words
            self.text.setText(f"{words} ({more} more)" if more and not busy else words)
            self.place.setText(question.verb)
            self.place.setToolTip(question.tip)
            self.keep.setText(question.keep_words)
            self.keep.setToolTip(question.keep_tip)
            for button in (self.place, self.keep):
                button.setEnabled(not busy)
        self.setVisible(question is not None)
