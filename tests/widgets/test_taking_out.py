"""Where files go that leave a window."""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_medseg.widgets.measure.saving import SURFACE_KINDS
from napari_medseg.widgets.taking_out import ask_path


def test_the_dialog_adds_the_ending_of_the_chosen_kind(qtbot, monkeypatch, tmp_path):
    window = QWidget()
    qtbot.addWidget(window)
    kinds = iter(SURFACE_KINDS)

    def answer(dialog):
        kind = next(kinds)
        dialog.selectNameFilter(kind)
        dialog.filterSelected.emit(kind)
        dialog.selectFile(str(tmp_path / "my liver"))
        return 1

    monkeypatch.setattr(QFileDialog, "exec", answer)
    chosen = [ask_path(window, "Export", "liver", SURFACE_KINDS) for _ in SURFACE_KINDS]
    assert [path.name for path in chosen] == ["my liver.stl", "my liver.ply"]
    monkeypatch.setattr(QFileDialog, "exec", lambda dialog: 0)
    assert ask_path(window, "Export", "liver", SURFACE_KINDS) is None


def test_the_proposed_name_can_be_that_of_a_file(qtbot, monkeypatch):
    window = QWidget()
    qtbot.addWidget(window)
    proposed = []
    monkeypatch.setattr(QFileDialog, "selectFile", lambda _dialog, name: proposed.append(name))
    monkeypatch.setattr(QFileDialog, "exec", lambda _dialog: 0)
    ask_path(window, "Save", 'a/b: "liver" against c', SURFACE_KINDS)
    assert proposed == ["a_b_ _liver_ against c.stl"]
