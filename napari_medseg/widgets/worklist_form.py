"""What one sees of the Worklist panel: the list, its filter, the buttons. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QAbstractItemModel, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets import keys
from napari_medseg.widgets.case_table import MEANINGS, state_words
from napari_medseg.widgets.pieces import ElidedLabel, main_button, narrow_combo, wrapped_label
from napari_medseg.worklist_file import State


class CaseList(QTreeView):
    """The list of cases; Enter and double click activate a row."""

    def __init__(self, model: QAbstractItemModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setToolTip("Double click or Enter opens a case; a right click marks it")
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        assert header is not None
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated.emit(self.currentIndex())
        elif event.text().strip():
            event.ignore()  # letters are keys of the viewer, not a search in this list
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(220, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 90)


class WorklistForm(QWidget):
    """The controls, from top to bottom in the order of use.

    Emits ``folder_wanted()``, ``labels_folder_wanted()``, ``left_out_wanted()`` and
    ``refresh_wanted()`` from its buttons and menu, and ``narrowed(text, state)`` when a person
    filters the list.
    """

    folder_wanted = Signal()
    labels_folder_wanted = Signal()
    left_out_wanted = Signal()
    refresh_wanted = Signal()
    narrowed = Signal(str, object)

    def __init__(self, cases: QAbstractItemModel) -> None:
        super().__init__()
        self.folder = ElidedLabel()
        self.choose = _button("Choose folder…", "A folder of images, or of case folders")
        self.menu = QToolButton()
        self.progress = ElidedLabel()
        self.bar = QProgressBar()
        self.search = QLineEdit()
        self.state = narrow_combo("Show only the cases in this state")
        self.list = CaseList(cases)
        self.about = wrapped_label()
        self.previous = _button(keys.label("previous_case"), "Open the case before this one")
        self.next = _button(keys.label("next_case"), "Open the next case that is not done")
        self.save = _button("Save", "Write the labels of the open case to the labels folder")
        self.done = _button("✓ Done", "")
        self.doubtful = _button("? Doubtful", "")
        self.note = QLineEdit()
        self.segment = main_button("Segment all in the background")
        self.hint = wrapped_label()
        self.fix = _button("Choose a model", "Goes to the list of models")
        # else napari adds a stretch below, and the list stays small
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._fill()
        self._lay_out()
        self.choose.clicked.connect(self.folder_wanted)
        self.search.textChanged.connect(self._narrow)
        self.state.currentIndexChanged.connect(self._narrow)

    def say_folder(self, name: str, tip: str, left_out: int) -> None:
        """Say which folder is open; `left_out` files in it are no cases."""
        self.folder.say(name, tip)
        for action in self._actions.values():
            action.setEnabled(bool(tip))
        words = f"{left_out} left out…" if left_out else "Nothing was left out"
        self._actions["left_out"].setText(words)
        self._actions["left_out"].setEnabled(left_out > 0)

    def say_progress(self, counts: Mapping[State, int]) -> None:
        """Say how many cases are in which state."""
        total, done = sum(counts.values()), counts.get(State.DONE, 0)
        rest = [s for s in State if s is not State.DONE and counts.get(s)]
        words = [f"{done} of {total} done", *(f"{counts[s]} {s.value}" for s in rest)]
        self.progress.say(" · ".join(words) if total else "")
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _narrow(self) -> None:
        self.narrowed.emit(self.search.text(), self.state.currentData())

    def _fill(self) -> None:
        self.state.addItem("All states", None)
        for state in State:
            self.state.addItem(state_words(state), state)
            tip = MEANINGS[state].capitalize()
            self.state.setItemData(self.state.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.search.setPlaceholderText("Search…")
        self.search.setToolTip("Show only cases with these words in their name or note")
        self.search.setClearButtonEnabled(True)
        self.note.setPlaceholderText("Why is it doubtful?")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setToolTip("Cases that are done")
        self.menu.setText("⋯")
        self.menu.setToolTip("More about this folder")
        self.menu.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.menu.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more = QMenu(self.menu)
        entries = {
            "refresh": ("Look again what is on disk", self.refresh_wanted),
            "labels": ("Save labels in another folder…", self.labels_folder_wanted),
            "left_out": ("Nothing was left out", self.left_out_wanted),
        }
        self._actions = {}
        for name, (words, signal) in entries.items():
            action = more.addAction(words)
            assert action is not None
            action.triggered.connect(signal)
            self._actions[name] = action
        self.menu.setMenu(more)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(_row((self.folder, 1), (self.choose, 0), (self.menu, 0)))
        layout.addWidget(self.progress)
        layout.addWidget(self.bar)
        layout.addLayout(_row((self.search, 3), (self.state, 2)))
        layout.addWidget(self.list, 1)
        layout.addWidget(self.about)
        layout.addLayout(_row((self.previous, 1), (self.next, 1)))
        layout.addLayout(_row((self.save, 1), (self.done, 1), (self.doubtful, 1)))
        layout.addWidget(self.note)
        layout.addWidget(self.segment)
        layout.addWidget(self.hint)
        layout.addWidget(self.fix)


def _button(words: str, tip: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return button


def _row(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row
