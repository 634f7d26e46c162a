"""DICOM in the viewer: the series of a folder or file, or those of several a person chose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QVBoxLayout,
)

from napari_medseg.io import Pyramid
from napari_medseg.io.dicom import Series, find_series, read_dicom, read_series, series_of
from napari_medseg.io.paths import DICOM_SUFFIXES, holds_dicom
from napari_medseg.volume import Volume
from napari_medseg.widgets.keeping.sources import with_source
from napari_medseg.widgets.keeping.waiting import without_freezing
from napari_medseg.widgets.notices import Notice
from napari_medseg.widgets.volume_layers import LayerData, from_volume

_PLANE = 512 * 512 * 2  # bytes of a slice, about
_ALWAYS = 1 << 30  # nobody knows how many files there are to look into


def is_dicom_path(path: Path) -> bool:
    """Whether a path is a folder with DICOM files, or is named as one such file."""
    if path.is_dir():
        return holds_dicom(path)
    return path.suffix.lower() in DICOM_SUFFIXES


def read_dicom_layers(path: Path) -> list[LayerData]:
    """Return the Image layers of a DICOM folder or file.

    Where there are several series a person is asked which to open; none may be the answer.

    Raises
    ------
    ValueError
        If there is no image, or what there is cannot be read.
    OSError
        If a file cannot be read.
    """
    found = without_freezing(partial(_found, path), _ALWAYS)
    if not found:
        read_dicom(path)  # it says what is there instead
    chosen = found if len(found) == 1 else ask_which_series(found)
    layers: list[LayerData] = []
    for series in chosen:
        volume = without_freezing(partial(read_series, series), _PLANE * len(series.frames))
        tell_notes(volume)
        name = series.name if len(chosen) > 1 or not path.is_dir() else path.name
        layers += with_source(from_volume(volume, name), [series.files[0]])
    return layers


def _found(path: Path) -> list[Series]:
    if path.is_dir():
        return list(find_series(path))
    return [series for series in series_of(path) if path in series.files]


def tell_notes(volume: Volume | Pyramid) -> None:
    """Say what a person should know about how an image was read."""
    for note in volume.notes:
        notification_manager.dispatch(Notice(f"{volume.name}: {note}", "warning"))


def ask_which_series(found: Sequence[Series]) -> list[Series]:
    """Ask which series of a folder are opened; the largest one is proposed."""
    dialog = SeriesDialog(found)
    accepted = dialog.exec() == int(QDialog.DialogCode.Accepted)
    chosen = dialog.chosen if accepted else []
    dialog.deleteLater()
    return chosen


class SeriesDialog(QDialog):
    """Lists the series of a folder; one or more can be chosen.

    Parameters
    ----------
    found : sequence of Series
        At least two.
    """

    def __init__(self, found: Sequence[Series]) -> None:
        super().__init__(QApplication.activeWindow())
        self._found = list(found)
        self.setWindowTitle("MedSeg: which series?")
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.addItems([series.words for series in found])
        largest = max(range(len(found)), key=lambda i: len(found[i].frames))
        self.list.setCurrentRow(largest)
        self.list.itemDoubleClicked.connect(self.accept)
        box = QDialogButtonBox()
        box.addButton(QDialogButtonBox.StandardButton.Open)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        hint = QLabel("There are several series. Choose one or, with Ctrl, more of them:")
        hint.setWordWrap(True)
        layout.addWidget(hint)
        layout.addWidget(self.list)
        layout.addWidget(box)
        self.resize(460, 320)

    @property
    def chosen(self) -> list[Series]:
        """What is selected, in the order of the list."""
        rows = sorted(index.row() for index in self.list.selectedIndexes())
        return [self._found[row] for row in rows]
