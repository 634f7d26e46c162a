"""Maps and numbers leave the panel by real clicks, in every kind of file there is."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialogButtonBox, QFileDialog, QPushButton

from napari_medseg.io import read_volume
from napari_medseg.widgets.explain.files import MAP_KINDS


@pytest.fixture
def save_as(monkeypatch, qtbot, tmp_path):
    """Choose a kind of file in the dialog that opens next, and press Save."""

    def choose(kind, name):
        def answer(dialog):
            dialog.show()
            dialog.setDirectory(str(tmp_path))
            dialog.selectNameFilter(kind)
            dialog.filterSelected.emit(kind)
            dialog.selectFile(name)
            buttons = dialog.findChild(QDialogButtonBox)
            save = buttons.button(QDialogButtonBox.StandardButton.Save)
            qtbot.mouseClick(save, Qt.MouseButton.LeftButton)
            return dialog.result()

        monkeypatch.setattr(QFileDialog, "exec", answer)

    return choose


def test_a_map_and_its_numbers_are_saved_in_every_kind(
    qtbot, volume, panel_of, settle, save_as, tmp_path
):
    panel = panel_of(volume)
    parts = panel.parts
    assert not parts.maps.export.isEnabled()
    parts.layers.choose("enc3")
    parts.show.click()
    settle(panel)
    for kind, suffix in MAP_KINDS.items():
        save_as(kind, "map")
        qtbot.mouseClick(parts.maps.export, Qt.MouseButton.LeftButton)
        settle(panel)
        assert (tmp_path / f"map{suffix}").stat().st_size
    shown, [scan] = parts.maps.overlay, volume.layers[:1]
    for suffix in (".nii.gz", ".tif"):
        saved = read_volume(tmp_path / f"map{suffix}")
        assert saved.shape == scan.data.shape
        assert np.flatnonzero(saved.array[0].any((1, 2))).tolist() == [7]  # the slice looked at
    assert (tmp_path / "map.csv").read_text().count("\n") == shown.values.size + 3
    parts.entries.choose("redundancy")
    settle(panel)
    [csv] = [b for b in parts.numbers.findChildren(QPushButton) if b.text() == "CSV…"]
    save_as("Table (*.csv)", "numbers")
    qtbot.mouseClick(csv, Qt.MouseButton.LeftButton)
    settle(panel)
    assert "mean singular value" in (tmp_path / "numbers.csv").read_text()
