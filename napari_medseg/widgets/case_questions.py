"""What a person is asked before labels would be lost or replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QVBoxLayout,
)

from napari_medseg.widgets.pieces import narrow_combo, wrapped_label

_SHOWN = 8  # of what was left out, before one asks for the whole list


class Choice(Enum):
    """What becomes of labels that are not saved."""

    SAVE = "Save"
    DISCARD = "Discard"
    STAY = "Stay here"


@dataclass(frozen=True)
class UnsavedAnswer:
    """A person's answer about unsaved labels.

    Parameters
    ----------
    choice : Choice
        What becomes of them.
    index : int
        Which of the layers is saved.
    always : bool
        Whether to save without asking from now on.
    """

    choice: Choice
    index: int = 0
    always: bool = False


class UnsavedDialog(QDialog):
    """Asks what becomes of the labels of a case that are not saved.

    Parameters
    ----------
    case : str
        Name of the case.
    layers : sequence of str
        Names of the layers that are not saved; one of them can become the labels of the case.
    always : bool
        Whether the person wants to save without being asked.
    """

    def __init__(self, case: str, layers: Sequence[str], always: bool = False) -> None:
        super().__init__(QApplication.activeWindow())
        self.setWindowTitle("MedSeg: labels that are not saved")
        self.choice = Choice.STAY
        self.layers = narrow_combo("Which layer becomes the labels of this case")
        self.layers.addItems(list(layers))
        self.always = QCheckBox("Save without asking from now on")
        self.always.setToolTip("When you go on to another case, until you close this folder")
        self.always.setChecked(always)
        self.buttons = QDialogButtonBox()
        roles = QDialogButtonBox.ButtonRole
        tips = {
            Choice.SAVE: (roles.AcceptRole, "Write the labels to the labels folder and go on"),
            Choice.DISCARD: (roles.DestructiveRole, "Go on; what was not saved is lost"),
            Choice.STAY: (roles.RejectRole, "Stay with this case"),
        }
        for choice, (role, tip) in tips.items():
            button = self.buttons.addButton(choice.value, role)
            assert button is not None
            button.setToolTip(tip)
            button.setObjectName(choice.name)
            button.clicked.connect(self._answer)
        layout = QVBoxLayout(self)
        one = f"The labels of {case} are not saved yet ({layers[0]})."
        many = f"{case} has {len(layers)} label layers that are not saved. One can be saved:"
        layout.addWidget(wrapped_label(one if len(layers) == 1 else many))
        if len(layers) > 1:
            row = QHBoxLayout()
            row.addWidget(QLabel("Save"))
            row.addWidget(self.layers, 1)
            layout.addLayout(row)
        else:
            layout.addWidget(self.always)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)

    def _answer(self) -> None:
        button = self.sender()
        assert button is not None
        self.choice = Choice[button.objectName()]
        self.accept()


def ask_unsaved(case: str, layers: Sequence[str], always: bool = False) -> UnsavedAnswer:
    """Ask what becomes of unsaved labels; closing the question means to stay."""
    dialog = UnsavedDialog(case, layers, always)
    dialog.exec()
    answer = UnsavedAnswer(dialog.choice, dialog.layers.currentIndex(), dialog.always.isChecked())
    dialog.deleteLater()
    return answer


def ask_replace(file: str, folder: str) -> bool:
    """Ask whether a label file that somebody else wrote may be replaced."""
    return _ask(
        "MedSeg: these labels were changed elsewhere",
        f"{file} in {folder} has been written by someone else since you opened this case.",
        "If you replace it, the other file is kept in the folder 'earlier' beside it.",
        "Replace",
        "Stay here",
    )


class AgainDialog(QDialog):
    """Asks which cases that are no longer new shall be segmented all the same.

    Parameters
    ----------
    groups : mapping
        What is said of each group, to how many cases it has.
    """

    def __init__(self, groups: Mapping[str, int]) -> None:
        super().__init__(QApplication.activeWindow())
        self.setWindowTitle("MedSeg: segment again")
        layout = QVBoxLayout(self)
        layout.addWidget(
            wrapped_label(
                "These cases are not new. Which of them shall be segmented all the same? Saved "
                "labels that are replaced are kept in the folder 'earlier' beside them."
            )
        )
        self.boxes = [QCheckBox(f"{count} · {words}") for words, count in groups.items()]
        for box, count in zip(self.boxes, groups.values(), strict=True):
            box.setEnabled(count > 0)
            box.setToolTip("Segment these, too" if count else "There are no such cases")
            box.toggled.connect(self._refresh)
            layout.addWidget(box)
        self.buttons = QDialogButtonBox()
        self.segment = self.buttons.addButton("Segment", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)
        self._refresh()

    @property
    def chosen(self) -> list[int]:
        """Places of the groups that were chosen."""
        return [index for index, box in enumerate(self.boxes) if box.isChecked()]

    def _refresh(self) -> None:
        assert self.segment is not None
        self.segment.setEnabled(bool(self.chosen))
        self.segment.setToolTip("" if self.chosen else "Choose some cases first")


def ask_again(groups: Mapping[str, int]) -> list[int]:
    """Ask which groups of cases are segmented again; none if the person would rather not."""
    dialog = AgainDialog(groups)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    chosen = dialog.chosen if accepted else []
    dialog.deleteLater()
    return chosen


def ask_folder(title: str, start: str) -> str:
    """Ask for a folder; empty if the person would rather not."""
    return QFileDialog.getExistingDirectory(QApplication.activeWindow(), title, start)


def ask_labels_folder(reason: str, start: str) -> str:
    """Say why labels cannot be saved where they should, and ask for another folder."""
    other = _ask(
        "MedSeg: where shall the labels be saved?",
        reason,
        "The images stay as they are; labels and the states of the cases are saved apart.",
        "Choose a folder…",
        "Cancel",
    )
    return ask_folder("Folder for the labels", start) if other else ""


def show_left_out(folder: str, left_out: Mapping[str, str]) -> None:
    """List what of a folder is no case, and why."""
    box = QMessageBox(QApplication.activeWindow())
    box.setWindowTitle("MedSeg: what was left out")
    box.setText(f"{len(left_out)} in {folder} are no cases.")
    shown = [f"{name}: {why}" for name, why in list(left_out.items())[:_SHOWN]]
    box.setInformativeText("\n".join(shown))
    box.setDetailedText("\n".join(f"{name}: {why}" for name, why in left_out.items()))
    box.exec()
    box.deleteLater()


def _ask(title: str, text: str, more: str, yes: str, no: str) -> bool:
    box = QMessageBox(QApplication.activeWindow())
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    reject = box.addButton(no, QMessageBox.ButtonRole.RejectRole)
    assert reject is not None
    box.setDefaultButton(reject)
    box.exec()
    said_yes = box.clickedButton() is accept
    box.deleteLater()
    return said_yes
