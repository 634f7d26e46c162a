"""What waits for an answer: one task at a time, the latest prompts together, nothing stale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakMethod

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.classes.stored import locked_of
from napari_medseg.widgets.interact.answering import Work, answers, met, readied, run
from napari_medseg.widgets.interact.given import At, given_of
from napari_medseg.widgets.interact.question import Ground, Known, Question, Reply
from napari_medseg.widgets.interact.writing import painted_at
from napari_medseg.widgets.sessions import session_of, when_gone

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class Asked:
    """Something to compute: for which labels, and on which image.

    Parameters
    ----------
    prompt : Prompt or None
        A prompt to answer.
    work : callable
        What computes it.
    """

    layer: Labels
    at: At
    ground: Ground
    prompt: Prompt | None = None
    work: Work = answers

    def goes_with(self, other: Asked) -> bool:
        """Whether one task can do both."""
        alike = self.at == other.at and self.ground.key == other.ground.key
        both = self.prompt is not None and other.prompt is not None
        return both and alike and self.layer is other.layer


class Queue(QObject):
    """Computes what is asked for, the oldest first.

    What is dropped while it is computed is stopped, and nothing of it is told; what was computed
    together with it is computed again.

    Emits ``answered(tuple of Asked, Reply)``, and ``changed()`` when it begins or ends to work.
    """

    answered = Signal(object, object)
    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session_of(viewer)
        when_gone(parent, partial(_end, WeakMethod(self.clear)))
        self._known: Known | None = None
        self._waiting: list[Asked] = []
        self._batch: tuple[Asked, ...] = ()  # of those, what is computed now
        self._task: Task | None = None
        self._ready: Ground | None = None  # about which nothing was asked yet

    @property
    def busy(self) -> bool:
        """Whether something is computed now."""
        return self._task is not None

    def waiting(self, layer: Labels | None) -> list[Asked]:
        """Return what a layer waits for."""
        return [asked for asked in self._waiting if asked.layer is layer]

    def prepare(self, ground: Ground) -> None:
        """Make ready what the first answer on `ground` needs, unless something runs."""
        if self._task is None and (self._known is None or self._known.key != ground.key):
            self._ready = ground
            self._run(Task(partial(met, ground)))

    def ask(self, *asked: Asked) -> None:
        """Compute something, after all that waits."""
        self._waiting += asked
        self._next()

    def ask_again(self, *asked: Asked) -> None:
        """Compute something before all that waits, and anew what is computed now."""
        self._waiting = [*asked, *self._waiting]
        self._stop()
        self._next()

    def drop(self, dropped: Sequence[Asked]) -> None:
        """Forget what was asked for."""
        self._waiting = [asked for asked in self._waiting if asked not in dropped]
        if any(asked in dropped for asked in self._batch):
            self._stop()

    def forget_image(self) -> None:
        """Let go of the image answers went by: it may be gone."""
        self._known = None

    def clear(self) -> None:
        """Forget everything; nobody waits any more."""
        self._waiting.clear()
        self._stop()

    def _stop(self) -> None:
        """End what is computed now; what still waits then begins anew."""
        self._batch = ()
        if self._task is not None:
            self._task.quit()

    def _next(self) -> None:
        if self._task is not None or not self._waiting:
            return
        self._ready = None
        first = self._waiting[0]
        count = 1
        while count < len(self._waiting) and first.goes_with(self._waiting[count]):
            count += 1
        self._batch = tuple(self._waiting[:count])
        question = _question(self._batch, self._known)
        self._run(Task(partial(run, first.work, question)))

    def _run(self, task: Task) -> None:
        self._task = task
        task.returned.connect(self._take)
        task.errored.connect(self._fail)
        task.finished.connect(self._end)
        task.start()
        self.changed.emit()

    def _take(self, reply: Reply | None) -> None:
        if reply is None:
            return
        if reply.known is not None:
            self._known = reply.known
            if reply.known.loaded is not None:
                self._session.loaded = reply.known.loaded
        done = len(self._batch)
        if reply.known is not None:  # what is not a prompt has one turn of none
            done = sum(max(len(turn.prompts), 1) for turn in reply.turns) + bool(reply.reason)
        batch, self._batch = self._batch[:done], ()
        self._waiting = [asked for asked in self._waiting if asked not in batch]
        if batch:
            self.answered.emit(batch, reply)

    def _fail(self, _error: Exception) -> None:  # the task itself has said so
        self._waiting = [asked for asked in self._waiting if asked not in self._batch]

    def _end(self) -> None:
        self._task, self._batch = None, ()
        self._next()
        ground, self._ready = self._ready, None
        known = self._known
        if ground is not None and known is not None and known.key == ground.key:
            self._run(Task(partial(readied, known, ground.middle)))
        self.changed.emit()


def _end(clear: WeakMethod[Callable[[], None]]) -> None:
    """End what is computed for a panel that is gone."""
    alive = clear()
    if alive is not None:
        alive()


def _question(batch: tuple[Asked, ...], known: Known | None) -> Question:
    """Return what is asked, as the labels are now."""
    first = batch[0]
    layer, given = first.layer, given_of(first.layer)
    return Question(
        ground=first.ground,
        known=known,
        labels=layer.data[first.at],
        turns=tuple(given.turns),
        earlier=(*given.prompts(first.at), *given.pending()),
        new=tuple(asked.prompt for asked in batch if asked.prompt is not None),
        locked=locked_of(layer),
        painted=painted_at(layer, first.at),
    )
