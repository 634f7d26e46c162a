"""What the dialogs offer, and what becomes of what a person types there."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_medseg.widgets.case_questions import Choice
from napari_medseg.widgets.keeping import questions


@pytest.fixture
def dialog(monkeypatch):
    """Answer every file dialog; returns what was offered."""
    offered = []

    def answer(path):
        def ask(_parent, title, start, filters=""):
            offered.append((title, start, filters))
            return path if "Folder" in title or "folder" in title else (path, "")

        for name in ("getSaveFileName", "getOpenFileName", "getExistingDirectory"):
            monkeypatch.setattr(QFileDialog, name, ask)
        return offered

    return answer


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("/a/liver", "/a/liver.nii.gz"),
        ("/a/liver v1.2", "/a/liver v1.2.nii.gz"),
        ("/a/liver.nrrd", "/a/liver.nrrd"),
        ("/a/LIVER.NII", "/a/LIVER.NII"),
        ("/a/seg.dcm", "/a/seg.dcm"),
        ("", ""),
    ],
)
def test_a_name_without_an_end_gets_the_one_that_was_proposed(dialog, typed, becomes):
    dialog(typed)
    proposed = Path("/a/case_labels.nii.gz")
    assert questions.ask_where_to_save("liver", proposed, flat=False) == becomes


def test_formats_are_offered_that_can_hold_the_labels(dialog):
    offered = dialog("")
    for flat, dicom in ((False, False), (True, False), (False, True)):
        questions.ask_where_to_save("liver", Path("/a/b.png"), flat=flat, dicom=dicom)
    volumes, pictures, series = (filters for _, _, filters in offered)
    assert "*.png" not in volumes
    assert volumes.startswith("NIfTI (*.nii.gz *.nii)")
    assert pictures.startswith("PNG (*.png)")
    assert ("*.dcm" in volumes, "*.dcm" in series) == (False, True)


@pytest.mark.parametrize("typed", ["/a/fall", "/a/fall.json", "/a/fall.medseg.json"])
def test_a_project_always_ends_as_projects_do(dialog, typed):
    dialog(typed)
    assert questions.ask_project("/a") == "/a/fall.medseg.json"


def test_a_file_that_was_moved_is_asked_for_by_its_name_and_a_folder_as_a_folder(dialog):
    offered = dialog("/b/scan.nii")
    assert questions.ask_where_it_is("scan.nii", "/a") == "/b/scan.nii"
    assert questions.ask_where_it_is("series", "/a", folder=True) == "/b/scan.nii"
    assert questions.ask_which_project("/a") == "/b/scan.nii"
    assert offered[0] == ("Where is scan.nii now?", "/a", "scan.nii (scan.nii);;All (*)")
    assert offered[1][0] == "Where is the folder series now?"


@pytest.mark.parametrize(
    ("press", "choice"),
    [("Save", Choice.SAVE), ("Do not save", Choice.DISCARD), ("Cancel", Choice.STAY), ("", None)],
)
def test_closing_is_answered_by_three_buttons_and_escape_means_to_stay(qtbot, press, choice):
    said = []

    def answer():
        (box,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox)]
        said.append((box.text(), box.informativeText()))
        buttons = {b.text().replace("&", ""): b for b in box.buttons()}
        buttons[press].click() if press else box.reject()

    QTimer.singleShot(50, answer)
    assert questions.ask_closing(["liver", "tumour"]) is (choice or Choice.STAY)
    assert said == [("These labels are not saved yet:", "liver\ntumour")]
