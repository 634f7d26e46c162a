"""What a person is asked: where to save, where a file is now, what becomes of unsaved labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_medseg.io.paths import NIFTI_SUFFIXES, TIFF_SUFFIXES, image_suffix
from napari_medseg.widgets.case_questions import Choice

_ZARR = "OME-Zarr (*.ome.zarr)"
_VOLUMES = f"NIfTI (*.nii.gz *.nii);;NRRD (*.nrrd);;MetaImage (*.mha);;TIFF (*.tif *.tiff);;{_ZARR}"
_DICOM = "DICOM segmentation (*.dcm)"
_PICTURES = f"PNG (*.png);;TIFF (*.tif *.tiff);;NIfTI (*.nii.gz *.nii);;{_ZARR}"
_WRITTEN = (*NIFTI_SUFFIXES, ".nrrd", ".mha", *TIFF_SUFFIXES, ".png", ".dcm", ".zarr")


def ask_where_to_save(name: str, proposed: Path, *, flat: bool, dicom: bool = False) -> str:
    """Ask in which file labels are saved; empty if the person would rather not.

    Parameters
    ----------
    flat : bool
        Whether they are 2D, which a PNG can hold.
    dicom : bool
        Whether their image came from DICOM, which a segmentation can refer to.
    """
    filters = _PICTURES if flat else _VOLUMES
    path, _ = QFileDialog.getSaveFileName(
        QApplication.activeWindow(),
        f"Save the labels '{name}'",
        str(proposed),
        f"{filters};;{_DICOM}" if dicom else filters,
    )
    if path and not path.lower().endswith(_WRITTEN):
        path += image_suffix(proposed)  # a person types a name, and seldom its end
    return path


def ask_project(start: str) -> str:
    """Ask in which file a project is saved; empty if the person would rather not."""
    path, _ = QFileDialog.getSaveFileName(
        QApplication.activeWindow(), "Save the project", start, "MedSeg project (*.medseg.json)"
    )
    if path and not path.lower().endswith(".medseg.json"):
        path = f"{path.removesuffix('.json')}.medseg.json"
    return path


def ask_which_project(start: str) -> str:
    """Ask which project is opened; empty if the person would rather not."""
    path, _ = QFileDialog.getOpenFileName(
        QApplication.activeWindow(), "Open a project", start, "MedSeg project (*.medseg.json)"
    )
    return path


def ask_where_it_is(name: str, start: str, *, folder: bool = False) -> str:
    """Ask where an image of a project is now; empty if the person does not know."""
    if folder:
        title = f"Where is the folder {name} now?"
        return QFileDialog.getExistingDirectory(QApplication.activeWindow(), title, start)
    path, _ = QFileDialog.getOpenFileName(
        QApplication.activeWindow(), f"Where is {name} now?", start, f"{name} ({name});;All (*)"
    )
    return path


def ask_closing(names: Sequence[str]) -> Choice:
    """Ask what becomes of unsaved labels when their window is closed."""
    box = QMessageBox(QApplication.activeWindow())
    box.setWindowTitle("MedSeg: labels that are not saved")
    one = len(names) == 1
    box.setText("These labels are not saved yet:" if not one else f"{names[0]} is not saved yet.")
    if not one:
        box.setInformativeText("\n".join(names))
    roles = QMessageBox.ButtonRole
    buttons = {
        box.addButton("Save", roles.AcceptRole): Choice.SAVE,
        box.addButton("Do not save", roles.DestructiveRole): Choice.DISCARD,
    }
    cancel = box.addButton("Cancel", roles.RejectRole)
    assert cancel is not None
    box.setDefaultButton(next(iter(buttons)))
    box.setEscapeButton(cancel)
    box.exec()
    choice = buttons.get(box.clickedButton(), Choice.STAY)  # type: ignore[call-overload]
    box.deleteLater()
    return choice
