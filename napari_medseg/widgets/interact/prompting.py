"""Prompts and what comes of them: given, taken back, accepted into the labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.interact.answering import Work
from napari_medseg.widgets.interact.given import Accepted, At, Given, given_of
from napari_medseg.widgets.interact.plane import Plane
from napari_medseg.widgets.interact.question import Ground, Reply
from napari_medseg.widgets.interact.queue import Asked, Queue
from napari_medseg.widgets.interact.regions import carry_on, segment_here
from napari_medseg.widgets.interact.writing import write_turns
from napari_medseg.widgets.layers import is_being_painted
from napari_medseg.widgets.learn.effort_watch import note_work
from napari_medseg.widgets.notices import as_sentence, sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

_OTHERS_SINCE = (
    "Something else was changed since: undo that first (Ctrl+Z), then take back prompts."
)
_OTHER_TIME = "Accept what you see at the other time first, or take it back."


class Prompting(QObject):
    """The prompts of one viewer.

    Emits ``changed()`` at anything that is seen, and ``told(text)`` with what people should know.

    Parameters
    ----------
    viewer : Viewer
        Whose layers they are.
    parent : QWidget
        With which it ends.
    ground : callable
        Returns the image and the model that answers go by.
    name_of : callable
        Returns what a class is called.

    Attributes
    ----------
    at_once : bool
        Whether each answer is written into the labels as it comes.
    """

    changed = Signal()
    told = Signal(str)

    def __init__(
        self,
        viewer: Viewer,
        parent: QWidget,
        ground: Callable[[], Ground],
        name_of: Callable[[int], str],
    ) -> None:
        super().__init__(parent)
        self._viewer, self._ground, self._name_of = viewer, ground, name_of
        self.queue = Queue(viewer, parent)
        self.queue.answered.connect(self._take)
        self.queue.changed.connect(self.changed)
        self._accept_soon: Labels | None = None
        self.at_once = False

    def set_at_once(self, on: bool) -> None:
        """Write each answer into the labels as it comes, or not."""
        self.at_once = on

    def all_of(self, layer: Labels) -> tuple[Prompt, ...]:
        """Return the prompts of a layer: accepted, answered, waiting."""
        given = given_of(layer)
        return (*given.prompts(), *given.pending(), *self.waiting(layer))

    def last(self, layer: Labels | None) -> Prompt | None:
        """Return the prompt a layer was given last."""
        prompts = () if layer is None else self.all_of(layer)
        return prompts[-1] if prompts else None

    def waiting(self, layer: Labels | None) -> tuple[Prompt, ...]:
        """Return the prompts of a layer that have no answer yet."""
        asked = self.queue.waiting(layer)
        return tuple(one.prompt for one in asked if one.prompt is not None)

    def give(self, prompt: Prompt, layer: Labels, at: At) -> None:
        """Ask for the answer to a prompt."""
        note_work(layer)
        self.told.emit("")
        if self._is_time(layer, at):
            self.queue.ask(Asked(layer, at, self._ground(), prompt))
            self.changed.emit()

    def segment_here(self, layer: Labels | None, at: At) -> None:
        """Ask the model about the box drawn last, or the object under the prompt given last."""
        last = self.last(layer)
        if layer is not None and last is not None:
            self._ask(partial(segment_here, last), layer, at)

    def carry_on(self, layer: Labels | None, plane: Plane | str, value: int) -> None:
        """Carry a class on a slice to its neighbours."""
        if layer is None or isinstance(plane, str) or plane.axis is None or plane.index is None:
            return
        self._ask(partial(carry_on, plane.index, plane.axis, value), layer, plane.step)

    def back(self, layer: Labels | None) -> None:
        """Take back the last prompt of a layer and all that came of it."""
        if layer is None:
            return
        self.told.emit("")
        given, waiting = given_of(layer), self.queue.waiting(layer)
        if waiting:
            self.queue.drop(waiting[-1:])
        elif given.turns:
            self._back_answered(layer, given)
        elif given.accepted:
            self._back_accepted(layer, given, given.accepted[-1])
        self.changed.emit()

    def accept(self, layer: Labels | None) -> None:
        """Write all answers of a layer as one step; what is computed yet, once it is there."""
        if layer is None:
            return
        if self.queue.waiting(layer):
            self._accept_soon = layer
            return
        self._accept_soon = None
        given = given_of(layer)
        if not given.turns:
            return
        values = dict.fromkeys(prompt.value for prompt in given.pending())
        name = ": ".join(filter(None, ["Prompts", ", ".join(map(self._name_of, values))]))
        try:
            changed = write_turns(layer, given.at, given.turns, name)
        except ValueError as error:
            self.told.emit(sentence(error))
            return
        given.accept(layer, changed)
        layer.visible = True
        self.told.emit(f"{changed:,} voxels changed." if changed else "Nothing to change.")
        self.changed.emit()

    def clear(self, layer: Labels | None) -> None:
        """Drop all prompts of a layer that are not accepted."""
        if layer is None:
            return
        self.told.emit("")
        self.queue.drop(self.queue.waiting(layer))
        given_of(layer).turns.clear()
        self._accept_soon = None
        self.changed.emit()

    def remove(self, layer: Labels | None, place: int) -> None:
        """Take out one prompt: of those accepted, then answered, then waiting, counted from 0.

        Answers that came after it are computed anew, without it.
        """
        if layer is None:
            return
        self.told.emit("")
        given = given_of(layer)
        accepted, pending = given.prompts(), given.pending()
        if place >= len(accepted) + len(pending):
            waiting = [a for a in self.queue.waiting(layer) if a.prompt is not None]
            self.queue.drop([waiting[place - len(accepted) - len(pending)]])
        elif place >= len(accepted):
            self._recompute(layer, given, place - len(accepted))
        else:
            self._remove_accepted(layer, given, place)
        self.changed.emit()

    def _ask(self, work: Work, layer: Labels, at: At) -> None:
        """Ask for something that becomes a preview as an answer to a prompt does."""
        self.told.emit("")
        if self._is_time(layer, at):
            self.queue.ask(Asked(layer, at, self._ground(), work=work))
            self.changed.emit()

    def _is_time(self, layer: Labels, at: At) -> bool:
        given = given_of(layer)
        if (given.turns or self.queue.waiting(layer)) and given.at != at:
            self.told.emit(_OTHER_TIME)
            return False
        given.at = at
        return True

    def _take(self, batch: tuple[Asked, ...], reply: Reply) -> None:
        layer = batch[0].layer
        if layer not in self._viewer.layers:
            self.told.emit("The labels are gone; nothing was changed.")
            return
        given = given_of(layer)
        given.turns.extend(reply.turns)
        notes = [reply.reason, *(note for turn in reply.turns for note in turn.notes)]
        self.told.emit("\n".join(as_sentence(note) for note in dict.fromkeys(notes) if note))
        if (self.at_once or self._accept_soon is layer) and not self.queue.waiting(layer):
            self.accept(layer)
        self.changed.emit()

    def _back_answered(self, layer: Labels, given: Given) -> None:
        """Take back the last prompt that is answered; those answered with it are answered anew."""
        if len(given.turns[-1].prompts) > 1:
            self._recompute(layer, given, len(given.pending()) - 1)
        else:
            given.turns.pop()

    def _back_accepted(self, layer: Labels, given: Given, last: Accepted) -> None:
        if given.last_step(layer) is last and not is_being_painted(layer):
            layer.undo()  # which takes it out of those accepted
            given.turns[:], given.at = last.turns, last.at
            if given.turns:
                self._back_answered(layer, given)
        elif given.is_written(last):
            self.told.emit(_OTHERS_SINCE)
        else:
            given.drop(last, len(last.prompts) - 1)

    def _remove_accepted(self, layer: Labels, given: Given, place: int) -> None:
        owner = given.accepted[0]
        for owner in given.accepted:
            if place < len(owner.prompts):
                break
            place -= len(owner.prompts)
        alone = not given.turns and not self.queue.waiting(layer)
        if given.last_step(layer) is owner and alone and not is_being_painted(layer):
            layer.undo()
            given.turns[:], given.at = owner.turns, owner.at
            self._recompute(layer, given, place)
            return
        given.drop(owner, place)
        self.told.emit("The prompt is out; what came of it stays in the labels.")

    def _recompute(self, layer: Labels, given: Given, place: int) -> None:
        """Leave out a prompt among those answered, and answer those after it anew."""
        first = 0
        while place >= len(given.turns[first].prompts):
            place -= len(given.turns[first].prompts)
            first += 1
        later = [prompt for turn in given.turns[first:] for prompt in turn.prompts]
        del later[place], given.turns[first:]
        ground = self._ground()
        alone = (prompt.replace(with_next=False) for prompt in later)
        self.queue.ask_again(*(Asked(layer, given.at, ground, prompt) for prompt in alone))
