"""Segmenting the cases of a worklist in the background, and showing the answer of the open one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medseg.session import ChosenModel
from napari_medseg.widgets import case_questions
from napari_medseg.widgets.answers import show_answer
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.case_saving import note_written
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.opened_cases import case_images
from napari_medseg.widgets.segmenting_cases import (
    CaseAnswer,
    CaseJob,
    CasesOutcome,
    CasesRequest,
    segment_cases,
)
from napari_medseg.widgets.sessions import runner_of, session_of
from napari_medseg.widgets.volumes import KEY
from napari_medseg.worklist import Worklist
from napari_medseg.worklist_file import State

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Group(Enum):
    """Cases a person may have segmented; only the first without being asked."""

    FRESH = "new ones without labels"
    GIVEN = "new ones that came with labels"
    ANSWERED = "those a model segmented and nobody looked at"
    WORKED = "those in work, doubtful or done"


def group_of(worklist: Worklist, name: str) -> Group:
    """Return to which group a case belongs now."""
    state = worklist.state_of(name)
    if state is State.SEGMENTED:
        return Group.ANSWERED
    if state is not State.NEW or worklist.saved_labels(name) is not None:
        return Group.WORKED
    return Group.FRESH if worklist.case(name).label is None else Group.GIVEN


def names_in(worklist: Worklist, group: Group) -> list[str]:
    """Return the cases of a group, in the order of the list."""
    return [case.name for case in worklist.cases if group_of(worklist, case.name) is group]


def choose_cases(worklist: Worklist, names: Sequence[str]) -> list[str]:
    """Return which of some cases are segmented: new ones, and others only if the person says so."""
    groups = {group: [n for n in names if group_of(worklist, n) is group] for group in Group}
    fresh = groups.pop(Group.FRESH)
    if len(fresh) == len(names):
        return fresh
    others = list(groups.values())
    again = case_questions.ask_again({g.value: len(found) for g, found in groups.items()})
    return [*fresh, *(name for index in again for name in others[index])] if again else []


class CasesRun(QObject):
    """Starts the run and takes in what it delivers.

    Emits ``failed(name, sentence)`` for a case, with an empty sentence if it went well this time,
    and ``told(text)``: how the run went.
    """

    failed = Signal(str, str)
    told = Signal(str)
    answered = Signal(object)  # from the thread of the run to this one

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._worklist: Worklist | None = None
        self._count = self._done = 0
        self.answered.connect(self._take)
        self._runner.ended.connect(self._end)

    def start(self, model: ChosenModel, worklist: Worklist, names: Collection[str]) -> None:
        """Segment cases in the background; labels of those that have some are replaced.

        Parameters
        ----------
        names : collection of str
            The cases; worked on in the order of the list.
        """
        cases = [case for case in worklist.cases if case.name in names]
        jobs = tuple(
            CaseJob(
                case,
                worklist.labels_path(case),
                worklist.record(case.name),
                replace=worklist.saved_labels(case.name) is not None,
            )
            for case in cases
        )
        request = CasesRequest(
            model.path,
            self._session.device,
            jobs,
            worklist.labels_folder,
            segmenter=self._session.ready_segmenter,
        )
        self._worklist, self._count, self._done = worklist, len(jobs), 0
        task = Task(partial(segment_cases, request, self.answered.emit))
        task.returned.connect(self._note_outcome)
        title = f"{len(jobs)} case{'s' * (len(jobs) != 1)} · {model.card.name}"
        self._runner.start(task, title)

    def _take(self, answer: CaseAnswer) -> None:
        if self._worklist is None:
            return
        self._session.loaded = answer.loaded
        self.failed.emit(answer.name, answer.failure)
        if answer.labels is None:
            return
        self._done += 1
        try:
            self._worklist.refresh()
            if self._session.worklist is self._worklist and self._session.case == answer.name:
                self._show(answer)
        except (ValueError, OSError) as error:
            show_failure(error)

    def _show(self, answer: CaseAnswer) -> None:
        """Show the answer on the open case, in the layer of an earlier answer if there is one."""
        images = case_images(self._viewer)
        if not images or answer.labels is None:
            return
        card = answer.loaded.segmenter.card
        labels = show_answer(
            self._viewer,
            images[0],
            answer.labels,
            model=card.name,
            classes=card.classes,
            provenance=answer.provenance,
        )
        labels.metadata[KEY]["case"] = answer.name
        note_written(self._viewer, labels, answer.labels, answer.written)

    def _note_outcome(self, outcome: CasesOutcome) -> None:
        words = [f"{outcome.done} of {self._count} segmented"]
        if outcome.failed:
            words.append(f"{outcome.failed} failed (⚠ in the list)")
        if outcome.left_alone:
            words.append(f"{outcome.left_alone} left alone: somebody began to work on them")
        self.told.emit("; ".join(words) + ".")

    def _end(self, outcome: str) -> None:
        if self._worklist is not None and outcome != "done":
            verb = "Stopped" if outcome == "cancelled" else "Failed"
            self.told.emit(
                f"{verb}: {self._done} of {self._count} are segmented and stay; "
                "press again to go on."
            )
        self._worklist = None
