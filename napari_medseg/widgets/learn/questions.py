"""What a person is asked on the Learn panel."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_medseg.engine.zoo import user_directory

_MODEL = ".safetensors"


def ask_model(name: str) -> Path | None:
    """Ask in which new file a model is saved; None if the person would rather not.

    Parameters
    ----------
    name : str
        Proposed, without its ending; with a number where it is taken.
    """
    folder, proposed, number = user_directory(), name, 1
    with suppress(OSError):  # another folder can be chosen
        folder.mkdir(parents=True, exist_ok=True)
    while (folder / f"{proposed}{_MODEL}").exists():
        number += 1
        proposed = f"{name}-{number}"
    path, _ = QFileDialog.getSaveFileName(
        QApplication.activeWindow(),
        "Save the new model as",
        str(folder / f"{proposed}{_MODEL}"),
        f"Model (*{_MODEL})",
    )
    if not path:
        return None
    return Path(path if path.endswith(_MODEL) else f"{path}{_MODEL}")


def ask_copy(name: str) -> bool:
    """Ask whether a copy of an image may be kept that lies in no file."""
    box = QMessageBox(QApplication.activeWindow())
    box.setWindowTitle("MedSeg: keep a copy of the image?")
    box.setText(f"No file gives the image of '{name}' back as it is here.")
    box.setInformativeText(
        "To learn from it later, a copy of it must be kept with the cases on this computer. "
        "Otherwise save the image first."
    )
    keep = box.addButton("Keep a copy", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Do not add", QMessageBox.ButtonRole.RejectRole)
    box.exec()
    yes = box.clickedButton() is keep
    box.deleteLater()
    return yes
