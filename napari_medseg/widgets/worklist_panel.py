"""The Worklist panel: a folder of cases, what is done and what is next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QPoint, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QMenu, QVBoxLayout, QWidget

from napari_medseg.widgets import keys
from napari_medseg.widgets.case_folder import (
    choose_folder,
    choose_labels_folder,
    look_again,
    open_folder,
    show_left_out,
)
from napari_medseg.widgets.case_opener import CaseOpener
from napari_medseg.widgets.case_saving import save_case
from napari_medseg.widgets.case_table import NAME_ROLE, CaseFilter, CaseTable, state_words
from napari_medseg.widgets.cases_run import CasesRun, Group, choose_cases, names_in
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.sessions import connect_while_alive, runner_of, session_of, unwrapped
from napari_medseg.widgets.worklist_form import WorklistForm
from napari_medseg.worklist import Worklist
from napari_medseg.worklist_file import State

if TYPE_CHECKING:
    from napari.viewer import Viewer


class WorklistPanel(QWidget):
    """A folder of cases as a list; opens, saves and marks them, and segments them all.

    Emits ``model_wanted()`` when a person asks for the Model panel.
    """

    model_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._told = ""  # how the last run went
        self.table = CaseTable(self)
        self.filter = CaseFilter(self.table)
        self.form = WorklistForm(self.filter)
        self.opener = CaseOpener(self._viewer, self)
        self.run = CasesRun(self._viewer, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        self.setAcceptDrops(True)
        self._connect_form()
        self._connect_session()
        self._show_worklist()

    def open_next(self) -> None:
        """Open the next case that is not done."""
        worklist = self._session.worklist
        case = None if worklist is None else worklist.next_after(self._current)
        if case is not None:
            self.opener.open(case.name)
        elif worklist is not None:
            self.form.about.setText("All other cases are done.")

    def open_previous(self) -> None:
        """Open the case before the open one, whatever its state."""
        worklist = self._session.worklist
        case = None if worklist is None else worklist.previous_before(self._current)
        if case is not None:
            self.opener.open(case.name)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and _folder_in(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        folder = None if event is None else _folder_in(event)
        if event is not None and folder is not None:
            event.acceptProposedAction()
            open_folder(self._viewer, folder)

    @property
    def _current(self) -> str:
        """The case that is being opened, else the open one."""
        return self.opener.wanted or self._session.case

    def _connect_form(self) -> None:
        form, rows = self.form, self.form.list.selectionModel()
        assert rows is not None
        form.folder_wanted.connect(partial(choose_folder, self._viewer))
        form.labels_folder_wanted.connect(partial(choose_labels_folder, self._viewer))
        form.left_out_wanted.connect(partial(show_left_out, self._viewer))
        form.refresh_wanted.connect(partial(look_again, self._viewer))
        form.narrowed.connect(self.filter.narrow)
        form.list.activated.connect(self._open_row)
        form.list.customContextMenuRequested.connect(self._show_menu)
        rows.currentChanged.connect(self._say_about)
        form.previous.clicked.connect(self.open_previous)
        form.next.clicked.connect(self.open_next)
        form.save.clicked.connect(self._save)
        form.done.clicked.connect(self._mark_done)
        form.doubtful.clicked.connect(self._mark_doubtful)
        form.note.editingFinished.connect(self._write_note)
        form.segment.clicked.connect(self._segment_new)
        form.fix.clicked.connect(self.model_wanted)

    def _connect_session(self) -> None:
        session = self._session.events
        self.opener.reading.connect(self._say_reading)
        self.opener.shown.connect(self._on_shown)
        self.opener.failed.connect(self._on_failed)
        self.run.failed.connect(self.table.set_failure)
        self.run.told.connect(self._tell)
        self._runner.started.connect(self.refresh)
        self._runner.ended.connect(self.refresh)
        connect_while_alive(self, session.worklist, self._show_worklist)
        connect_while_alive(self, session.case, self.refresh)
        connect_while_alive(self, session.model, self.refresh)
        keys.bind(self._viewer, "next_case", self.open_next)
        keys.bind(self._viewer, "previous_case", self.open_previous)

    def refresh(self, *_: object) -> None:
        """Say what can be done now, and why not where it cannot."""
        worklist, opened, form = self._session.worklist, self._session.case, self.form
        self.table.set_opened(opened)
        form.say_progress({} if worklist is None else worklist.counts())
        missing = "Choose a folder first" if worklist is None else "Open a case first"
        record = worklist.record(opened) if worklist is not None and opened in worklist else None
        tips = {
            form.save: f"Write the labels of {opened} to the labels folder",
            form.done: f"Save the labels of {opened}, and mark it as done",
            form.doubtful: f"Save the labels of {opened}, and mark it to be looked at again",
            form.note: f"A note about {opened}, kept with its state",
        }
        for control, tip in tips.items():
            control.setEnabled(record is not None)
            control.setToolTip(tip if record is not None else missing)
        if not form.note.hasFocus():
            form.note.setText("" if record is None else record.note)
        for button, tip in (
            (form.next, "next case that is not done"),
            (form.previous, "case before"),
        ):
            button.setEnabled(worklist is not None)
            button.setToolTip(f"Open the {tip}" if worklist is not None else missing)
        self._refresh_segment(worklist)

    def _refresh_segment(self, worklist: Worklist | None) -> None:
        model, form = self._session.model, self.form
        fresh = [] if worklist is None else names_in(worklist, Group.FRESH)
        reason = ""
        if worklist is None:
            reason = "Choose a folder of cases first."
        elif self._runner.busy:
            reason = (
                "A run is going; wait for it or cancel it. You can look at other cases meanwhile."
            )
        elif model is None:
            reason = "No model yet: choose one first."
        form.segment.setEnabled(not reason)
        if reason:
            form.segment.setToolTip(reason)
        elif fresh and model is not None:
            form.segment.setToolTip(
                f"Segment {len(fresh)} new case{'s' * (len(fresh) != 1)} with {model.title}; "
                "cases with labels, in work or done are left alone"
            )
        else:
            form.segment.setToolTip("No case is new; you will be asked which to segment again")
        needs_model = worklist is not None and model is None
        form.hint.setText(reason if needs_model or self._runner.busy else self._told)
        form.hint.setVisible(bool(form.hint.text()))
        form.fix.setVisible(needs_model)

    def _show_worklist(self) -> None:
        worklist = self._session.worklist
        self.table.set_worklist(worklist)
        self._told = ""
        if worklist is None:
            self.form.say_folder("No folder yet", "", 0)
        else:
            connect_while_alive(self, worklist.changed, self._on_case)
            tip = f"{worklist.folder}\nLabels are saved in {worklist.labels_folder}"
            self.form.say_folder(worklist.folder.name, tip, len(worklist.left_out))
            self._tell(worklist.notice)
            first = worklist.next_after(self._session.case)
            self._select(self._session.case or (first.name if first is not None else ""))
        self.refresh()

    def _on_case(self, name: str) -> None:
        self.table.tell(name)
        self.refresh()
        self._say_about()

    def _select(self, name: str) -> None:
        worklist = self._session.worklist
        row = -1 if worklist is None else worklist.position(name)
        index = self.filter.mapFromSource(self.table.index(row, 0)) if row >= 0 else QModelIndex()
        if index.isValid():
            self.form.list.setCurrentIndex(index)
            self.form.list.scrollTo(index)

    def _selected(self) -> list[str]:
        rows = self.form.list.selectionModel()
        assert rows is not None
        return [index.data(NAME_ROLE) for index in rows.selectedRows(0)]

    def _say_about(self, *_: object) -> None:
        name = self.form.list.currentIndex().data(NAME_ROLE)
        self.form.about.setText("\n".join(self.table.about(name)) if name else "")

    def _open_row(self, index: QModelIndex) -> None:
        self.opener.open(index.data(NAME_ROLE))

    def _say_reading(self, name: str) -> None:
        self._select(name)
        self.form.about.setText(f"Reading {name} …")

    def _on_shown(self, name: str) -> None:
        self.table.set_failure(name, "")
        self._select(name)
        self._say_about()

    def _on_failed(self, name: str, sentence: str) -> None:
        self.table.set_failure(name, sentence)
        self._say_about()

    def _save(self) -> None:
        if save_case(self._viewer):
            self._tell(f"The labels of {self._session.case} are saved.")

    def _mark_done(self) -> None:
        save_case(self._viewer, state=State.DONE)

    def _mark_doubtful(self) -> None:
        if save_case(self._viewer, state=State.DOUBTFUL):
            self.form.note.setFocus()

    def _write_note(self) -> None:
        worklist, name, note = self._session.worklist, self._session.case, self.form.note.text()
        if worklist is not None and name in worklist and worklist.record(name).note != note:
            self._set_states([name], worklist.state_of(name), note=note)

    def _set_states(self, names: Sequence[str], state: State, note: str | None = None) -> None:
        worklist = self._session.worklist
        if worklist is None:
            return
        try:
            for name in names:
                worklist.set_state(name, state, note=note)
        except (ValueError, OSError) as error:
            show_failure(error)

    def _show_menu(self, place: QPoint) -> None:
        names = self._selected()
        if not names:
            return
        menu, many = QMenu(self), f" ({len(names)} cases)" if len(names) > 1 else ""
        menu.addAction("Open", partial(self.opener.open, names[0]))
        menu.addSeparator()
        for state in (State.NEW, State.IN_WORK, State.DONE, State.DOUBTFUL):
            words = f"Mark as {state_words(state)}{many}"
            menu.addAction(words, partial(self._set_states, names, state))
        menu.addSeparator()
        segment = menu.addAction(f"Segment in the background{many}", partial(self._segment, names))
        assert segment is not None
        segment.setEnabled(self.form.segment.isEnabled())
        menu.exec(self.form.list.mapToGlobal(place))
        menu.deleteLater()

    def _segment_new(self) -> None:
        worklist = self._session.worklist
        if worklist is not None:
            self._segment(names_in(worklist, Group.FRESH) or [c.name for c in worklist.cases])

    def _segment(self, names: Sequence[str]) -> None:
        worklist, model = self._session.worklist, self._session.model
        if worklist is not None and model is not None and not self._runner.busy:
            chosen = choose_cases(worklist, names)
            if chosen:
                self._told = ""
                self.run.start(model, worklist, chosen)

    def _tell(self, text: str) -> None:
        self._told = text
        self.refresh()


def _folder_in(event: QDropEvent) -> Path | None:
    """Return the folder that is dragged, if it is one."""
    data = event.mimeData()
    paths = [Path(url.toLocalFile()) for url in data.urls()] if data is not None else []
    return paths[0] if len(paths) == 1 and paths[0].is_dir() else None
