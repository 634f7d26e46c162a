"""One question at a time: the newest of a kind replaces older ones, stale answers are dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.progress import Step
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.sessions import when_gone

if TYPE_CHECKING:
    from napari_medseg.widgets.explain.known import Known

Work = Callable[..., tuple["Known | None", Any]]
"""Called in a thread with ``known=`` and ``report=``; returns what is known then, and an answer.

None in place of what is known leaves it as it is.
"""


@dataclass(frozen=True, eq=False)
class Wish:
    """Something to compute.

    Parameters
    ----------
    kind : str
        A newer wish of the same kind takes its place.
    work : callable
        What computes it; holds no layer and no widget.
    about : Any
        What the answer is shown with; stays in the GUI thread.
    by_hand : bool
        Whether a person pressed a button for it and waits; what is asked for otherwise fails
        quietly: it is told here, not by a notice.
    stays : bool
        Whether it is about nothing in the viewer and is carried out whatever changes there.
    """

    kind: str
    work: Work
    about: Any = field(default=None)
    by_hand: bool = False
    stays: bool = False


class Asking(QObject):
    """Computes wishes, the oldest kind first.

    Emits ``answered(Wish, answer)``, ``failed(Wish, exception)``, ``progressed(Step)`` and
    ``changed()`` when something is asked for, or ends.
    """

    answered = Signal(object, object)
    failed = Signal(object, object)
    progressed = Signal(object)
    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.known: Known | None = None
        self._waiting: dict[str, Wish] = {}
        self._now: Wish | None = None  # None also while a stale one is being stopped
        self._task: Task | None = None
        when_gone(parent, partial(_call, WeakMethod(self.end)))

    @property
    def busy(self) -> bool:
        """Whether something is computed, or waits."""
        return self._task is not None or bool(self._waiting)

    def wants(self, kind: str, *, by_hand: bool = False) -> bool:
        """Whether a wish of this kind is computed or waits; `by_hand`: that a person waits for."""
        wishes = [self._waiting.get(kind), self._now]
        return any(
            wish is not None and wish.kind == kind and wish.by_hand >= by_hand for wish in wishes
        )

    def ask(self, wish: Wish) -> None:
        """Compute a wish instead of any older one of its kind."""
        self.drop(wish.kind)
        self._waiting[wish.kind] = wish
        self._next()
        self.changed.emit()

    def drop(self, *kinds: str) -> None:
        """Forget the wishes of some kinds; what is computed for one is stopped."""
        for kind in kinds:
            self._waiting.pop(kind, None)
        if self._now is not None and self._now.kind in kinds:
            self._stop()

    def clear(self) -> None:
        """Forget all wishes and what is known of the image; what is to be saved still is."""
        self._waiting = {kind: wish for kind, wish in self._waiting.items() if wish.stays}
        self.known = None
        if self._now is not None and not self._now.stays:
            self._stop()

    def end(self) -> None:
        """Forget everything: nobody waits any more."""
        self._waiting.clear()
        self.known = None
        self._stop()

    def _stop(self) -> None:
        self._now = None
        if self._task is not None:
            self._task.quit()

    def _next(self) -> None:
        if self._task is not None or not self._waiting:
            return
        self._now = wish = self._waiting.pop(next(iter(self._waiting)))
        work = wish.work if wish.by_hand else partial(_quietly, wish.work)
        self._task = task = Task(partial(work, known=self.known))
        task.progressed.connect(self._tell)
        task.returned.connect(self._take)
        task.errored.connect(self._fail)
        task.finished.connect(self._end)
        task.start()

    def _tell(self, step: Step) -> None:
        if self._now is not None:
            self.progressed.emit(step)

    def _take(self, found: tuple[Known | None, Any] | None) -> None:
        wish, self._now = self._now, None  # the next of its kind may be asked for from now on
        if wish is None or found is None:
            return
        known, answer = found
        if isinstance(answer, _Failed):
            self.failed.emit(wish, answer.error)
            return
        self.known = self.known if known is None else known
        self.answered.emit(wish, answer)

    def _fail(self, error: Exception) -> None:
        wish, self._now = self._now, None
        if wish is not None:
            self.failed.emit(wish, error)

    def _end(self) -> None:
        self._task = self._now = None
        self._next()
        self.changed.emit()


@dataclass(frozen=True, eq=False)
class _Failed:
    """An error that is meant for people, as an answer."""

    error: Exception


def _quietly(work: Work, **given: Any) -> tuple[Known | None, Any]:
    try:
        return work(**given)
    except (ValueError, OSError) as error:
        return None, _Failed(error)


def _call(method: WeakMethod[Callable[[], None]]) -> None:
    """End what is computed for a panel that is gone."""
    alive = method()
    if alive is not None:
        alive()
