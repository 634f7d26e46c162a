"""Weights published with a paper become a model of one's own."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_medseg.widgets.model_panel import ModelPanel


@pytest.fixture
def panel(qtbot, models):
    panel = ModelPanel(ViewerModel())
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def press(panel, qtbot, monkeypatch):
    def press(path):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        button = panel.shelf.import_button
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(button.isEnabled)

    return press


def test_a_published_file_becomes_a_model_that_is_chosen(
    panel, press, published_state, models, notices, tmp_path
):
    import torch

    path = tmp_path / "für Ärzte.pth"
    shape = {"in_channels": 3, "num_classes": 1, "widths": (8, 8, 8, 8, 8)}
    torch.save(published_state("lgmsnet2d_keys", "lgmsnet", **shape), path)
    press(path)
    assert (models / "für Ärzte.safetensors").exists()
    assert panel.choice.current.name == "für Ärzte"
    assert panel.choice.current.origin == "user"
    assert "LGMSNet" in panel.card.text()
    assert any("für Ärzte.pth is now a model of yours" in notice.message for notice in notices)
    press(path)  # once more: nothing is overwritten
    assert panel.choice.current.name == "für Ärzte-2"


def test_what_is_no_published_file_is_said_and_the_choice_stays(
    panel, press, models, notices, tmp_path
):
    panel.choose_file(models / "tiny-grey.safetensors")
    path = tmp_path / "letter.pth"
    path.write_bytes(b"Dear colleague")
    press(path)
    assert "letter.pth" in notices[-1].message
    assert panel.choice.current.name == "tiny-grey"


def test_a_closed_dialog_does_nothing(panel, press, models):
    before = sorted(models.iterdir())
    press("")
    assert sorted(models.iterdir()) == before
