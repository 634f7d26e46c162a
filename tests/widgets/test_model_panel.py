"""The Model panel, worked as a person does: list, search, card, files that are no models."""

from __future__ import annotations

import os

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_medseg.engine import zoo
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint, save_checkpoint
from napari_medseg.engine.headline import headline_score
from napari_medseg.widgets.model_list import ROW
from napari_medseg.widgets.model_panel import ModelPanel
from napari_medseg.widgets.model_words import what_it_finds
from napari_medseg.widgets.sessions import session_of


def _card(**fields):
    return ModelCard(
        **{
            "name": "liver-3d",
            "architecture": "lgmsnet",
            "config": {"spatial_dims": 3, "in_channels": 1, "num_classes": 2},
            "classes": (LabelClass(value=1, name="liver"),),
            "preprocessing": Preprocessing(modality="CT", spacing=(2.0, 1.0, 1.0)),
            **fields,
        }
    )


@pytest.fixture
def viewer():
    return ViewerModel()  # no window of napari's is needed, and none is waited for


@pytest.fixture
def panel(qtbot, viewer, models):
    return _opened(qtbot, viewer)


def _opened(qtbot, viewer):
    panel = ModelPanel(viewer)
    qtbot.addWidget(panel)
    panel.resize(360, 700)
    panel.show()
    return panel


def _names(panel):
    items = [panel.list.item(row) for row in range(panel.list.count())]
    return [item.data(ROW).name for item in items if not item.isHidden() and item.data(ROW)]


def _headings(panel):
    items = [panel.list.item(row) for row in range(panel.list.count())]
    return [item.text() for item in items if item.data(ROW) is None and not item.isHidden()]


def _click(qtbot, panel, name):
    """Click the row of a model with the mouse."""
    for row in range(panel.list.count()):
        item = panel.list.item(row)
        if item.data(ROW) is not None and item.data(ROW).name == name:
            panel.list.scrollToItem(item)
            at = panel.list.visualItemRect(item).center()
            qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=at)
            return
    raise AssertionError(f"{name} is not listed")


def _derived(models, name, **fields):
    """Write a model with another card beside the others."""
    network, card = load_checkpoint(models / "tiny-grey.safetensors")
    path = models / f"{name}.safetensors"
    save_checkpoint(path, network, card.replace(name=name, **fields))
    return path


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, ""),
        ({"HD95, liver": 3.0}, ""),
        ({"Dice, a": 0.8, "Dice, b": 0.9}, "Dice 0.85"),
        ({"Dice, a": 0.8, "Dice, b": 0.9, "Dice, mean": 0.86}, "Dice 0.86"),
        ({"validation Dice, a": 0.7}, "validation Dice 0.70"),
        ({"validation Dice, a": 0.7, "test Dice": {"mean": 0.6}}, "Dice 0.60"),
    ],
)
def test_a_held_out_score_comes_before_a_validation_score(scores, words):
    assert headline_score(_card(scores=scores)) == words


def test_many_classes_are_counted():
    classes = tuple(LabelClass(value=v, name=f"organ {v}") for v in range(1, 7))
    card = _card(classes=classes, config={"spatial_dims": 3, "num_classes": 7})
    assert what_it_finds(card) == "organ 1, organ 2, organ 3, organ 4 and 2 more"


def test_a_row_says_what_the_model_is_for(panel, qtbot):
    item = next(
        panel.list.item(i)
        for i in range(panel.list.count())
        if panel.list.item(i).text().startswith("tiny-volume")
    )
    for words in ("tiny volume", "anterior, posterior", "3D", "Dice 0.50", "yours"):
        assert words in item.text()


def test_search_finds_words_in_any_order_case_and_spelling(panel, qtbot):
    qtbot.keyClicks(panel.search, "POSTERIOR 3d")
    assert _names(panel) == ["tiny-volume"]
    panel.search.insert(" yöurs")  # QTest types ASCII only
    assert _names(panel) == ["tiny-volume"]


def test_a_search_that_finds_nothing_says_so_and_can_be_cleared(panel, qtbot):
    height = panel.shelf.height()
    qtbot.keyClicks(panel.search, "pancreas")
    assert "pancreas" in panel.shelf.nothing.text()
    assert panel.shelf.nothing.isVisible()
    assert panel.shelf.height() == height
    qtbot.mouseClick(panel.shelf.clear_button, Qt.MouseButton.LeftButton)
    assert len(_names(panel)) == 4
    assert panel.list.isVisible()


def test_a_clicked_model_is_chosen_and_shows_its_card(panel, viewer, qtbot):
    _click(qtbot, panel, "tiny-brain")
    assert session_of(viewer).model.card.name == "tiny-brain"
    text = panel.card.text()
    for words in ("FLAIR, T1", "tiny-brain.safetensors", "random numbers", "research use"):
        assert words in text


def test_the_keyboard_chooses_as_well(panel, viewer, qtbot):
    _click(qtbot, panel, "tiny-brain")
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert session_of(viewer).model.card.name == "tiny-colour"


def test_models_that_fit_the_image_come_first(panel, viewer, qtbot):
    viewer.add_image(
        np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8), name="photo", rgb=True
    )
    assert _headings(panel) == ["For photo", "Not for photo"]
    assert _names(panel)[0] == "tiny-colour"
    assert session_of(viewer).model.card.name == "tiny-colour"
    tips = [panel.list.item(i).toolTip() for i in range(panel.list.count())]
    assert any("works on volumes; this is a 2D image" in tip for tip in tips)


def test_another_model_may_be_chosen_all_the_same_and_is_warned_of(panel, viewer, qtbot):
    viewer.add_image(np.zeros((9, 8)), name="slice 12")
    _click(qtbot, panel, "tiny-volume")
    assert session_of(viewer).model.card.name == "tiny-volume"
    assert "may not suit slice 12" in panel.hint.text()
    assert panel.hint.isVisible()
    _click(qtbot, panel, "tiny-grey")
    assert not panel.hint.isVisible()


def test_a_file_that_cannot_be_used_is_listed_with_the_reason(qtbot, viewer, models):
    (models / "kaputt für Ärzte.safetensors").write_bytes(b"half")
    (models / "published.pth").write_bytes(b"weights")
    panel = _opened(qtbot, viewer)
    assert _headings(panel) == ["Files that cannot be used"]
    assert len(_names(panel)) == 6
    _click(qtbot, panel, "tiny-grey")
    _click(qtbot, panel, "published")
    assert "weights of another program" in panel.card.text()
    assert session_of(viewer).model.card.name == "tiny-grey"
    assert not panel.files.export.isEnabled()
    assert "cannot be used" in panel.files.export.toolTip()
    panel.refresh()  # whatever happens on the disk, one can go on reading
    assert "weights of another program" in panel.card.text()


def test_without_models_it_is_said_how_to_get_one(qtbot, viewer, monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "_BUNDLED", tmp_path)
    panel = _opened(qtbot, viewer)
    assert "train" in panel.card.text()
    assert all(not button.isEnabled() for button in (panel.files.keep, panel.files.export))


def test_open_takes_a_file_from_anywhere(panel, viewer, qtbot, made_models, monkeypatch, tmp_path):
    elsewhere = tmp_path / "von Käthe Müller.safetensors"
    elsewhere.write_bytes((made_models / "tiny-grey.safetensors").read_bytes())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(elsewhere), ""))
    qtbot.mouseClick(panel.open_button, Qt.MouseButton.LeftButton)
    assert session_of(viewer).model.path == elsewhere
    assert "von Käthe Müller" in _names(panel)
    panel.refresh()
    assert "von Käthe Müller" in _names(panel)


def test_a_file_dropped_on_the_list_is_opened(panel, viewer, made_models, tmp_path):
    elsewhere = tmp_path / "dropped.safetensors"
    elsewhere.write_bytes((made_models / "tiny-grey.safetensors").read_bytes())
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(elsewhere))])
    event = QDropEvent(
        QPoint(5, 5) if os.environ.get("QT_API") == "pyqt5" else QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    panel.list.dropEvent(event)
    assert session_of(viewer).model.path == elsewhere


@pytest.mark.parametrize("content", [b"", b"not a model at all", None])
def test_a_file_that_is_no_model_is_said_and_the_choice_stays(
    panel, viewer, qtbot, models, notices, monkeypatch, tmp_path, content
):
    _click(qtbot, panel, "tiny-grey")
    bad = tmp_path / "bad.safetensors"
    whole = (models / "tiny-grey.safetensors").read_bytes()
    bad.write_bytes(whole[: len(whole) // 2] if content is None else content)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(bad), ""))
    qtbot.mouseClick(panel.open_button, Qt.MouseButton.LeftButton)
    assert "bad.safetensors" in notices[-1].message
    assert session_of(viewer).model.card.name == "tiny-grey"
    assert "bad" not in _names(panel)


def test_a_new_model_in_the_folder_appears_by_itself(panel, qtbot, models):
    _click(qtbot, panel, "tiny-grey")
    (models / "copy.safetensors").write_bytes((models / "tiny-grey.safetensors").read_bytes())
    qtbot.waitUntil(lambda: "copy" in _names(panel))
    assert panel.list.current.name == "tiny-grey"


def test_a_model_deleted_under_us_is_said_and_comes_back_with_its_file(
    panel, viewer, qtbot, models
):
    _click(qtbot, panel, "tiny-grey")
    path = models / "tiny-grey.safetensors"
    whole = path.read_bytes()
    path.unlink()
    qtbot.waitUntil(lambda: session_of(viewer).model is None)
    assert "tiny-grey.safetensors is gone" in panel.hint.text()
    assert panel.another.isVisible()
    assert "tiny-grey" not in _names(panel)
    path.write_bytes(whole)
    qtbot.waitUntil(lambda: session_of(viewer).model is not None)
    assert session_of(viewer).model.path == path
    assert not panel.hint.isVisible()
    assert not panel.another.isVisible()


def test_a_button_chooses_another_model_that_fits(panel, viewer, qtbot, models):
    viewer.add_image(np.zeros((9, 8)), name="slice")
    _click(qtbot, panel, "tiny-grey")
    (models / "other.safetensors").write_bytes((models / "tiny-grey.safetensors").read_bytes())
    (models / "tiny-grey.safetensors").unlink()
    panel.refresh()
    qtbot.mouseClick(panel.another, Qt.MouseButton.LeftButton)
    assert session_of(viewer).model.path.name == "other.safetensors"
    assert not panel.another.isVisible()


def test_a_model_damaged_under_us_is_let_go_of_with_the_reason(panel, viewer, qtbot, models):
    _click(qtbot, panel, "tiny-grey")
    (models / "tiny-grey.safetensors").write_bytes(b"overwritten")
    panel.refresh()
    assert session_of(viewer).model is None
    assert "not a napari-medseg model" in panel.hint.text()
    assert "Files that cannot be used" in _headings(panel)


def test_a_model_written_anew_shows_its_new_card(panel, viewer, qtbot, models):
    _click(qtbot, panel, "tiny-grey")
    _derived(models, "tiny-grey", title="Now with another title")
    panel.refresh()
    assert session_of(viewer).model.card.title == "Now with another title"
    assert "Now with another title" in panel.card.text()


def test_a_model_chosen_from_elsewhere_is_listed_and_marked(panel, viewer, made_models, tmp_path):
    from napari_medseg.engine.checkpoint import read_card
    from napari_medseg.session import ChosenModel

    path = tmp_path / "elsewhere.safetensors"
    path.write_bytes((made_models / "tiny-volume.safetensors").read_bytes())
    session_of(viewer).model = ChosenModel(path, read_card(path))
    assert panel.list.current.path == path
    assert "elsewhere.safetensors" in panel.card.text()


def test_parents_are_links_to_the_models_that_are_here(qtbot, viewer, models):
    parent = file_hash(models / "tiny-grey.safetensors")
    _derived(models, "tuned", title="Tuned", parent=parent, created="2026-05-06")
    _derived(models, "orphan", parent="ab" * 32)
    panel = _opened(qtbot, viewer)
    _click(qtbot, panel, "orphan")
    assert "a model that is not here (sha256 abababababab…)" in panel.card.text()
    _click(qtbot, panel, "tuned")
    qtbot.waitUntil(lambda: "href" in panel.card.line.text())
    assert "tiny grey</a> → <b>this model</b> (2026-05-06)" in panel.card.line.text()
    panel.card.line.linkActivated.emit(parent)
    assert session_of(viewer).model.card.name == "tiny-grey"
    qtbot.waitUntil(lambda: "From it was made" in panel.card.line.text())
    assert "Tuned" in panel.card.line.text()


def test_links_are_readable_in_both_themes(qtbot, viewer, models):
    _derived(models, "tuned", parent=file_hash(models / "tiny-grey.safetensors"))
    panel = _opened(qtbot, viewer)
    _click(qtbot, panel, "tuned")
    qtbot.waitUntil(lambda: "href" in panel.card.line.text())
    dark = panel.card.line.text()
    viewer.theme = "light"
    assert "href" in panel.card.line.text()
    assert panel.card.line.text() != dark


def test_two_panels_of_a_viewer_show_the_same_and_two_viewers_do_not_mix(qtbot, models):
    one, two = ViewerModel(), ViewerModel()
    first, second, other = _opened(qtbot, one), _opened(qtbot, one), _opened(qtbot, two)
    _click(qtbot, first, "tiny-brain")
    assert second.list.current.name == "tiny-brain"
    assert other.list.current is None
    assert session_of(two).model is None


def test_a_closed_panel_hears_nothing_any_more(qtbot, viewer, models):
    panel = ModelPanel(viewer)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()
    session_of(viewer).model = None
    viewer.add_image(np.zeros((5, 6)))
    viewer.theme = "light"


def test_nothing_is_wider_than_the_dock_and_everything_has_a_tooltip(qtbot, viewer, models):
    _derived(
        models,
        "long",
        title="A very long title of a model, as people like to give them " * 3,
        data="a/path/without/any/space/" * 8,
        licence="a very long licence " * 10,
        description="words " * 60,
    )
    panel = _opened(qtbot, viewer)
    _click(qtbot, panel, "long")
    assert panel.minimumSizeHint().width() <= 350
    inputs = [panel.search, panel.open_button, panel.list, panel.another, panel.device.combo]
    inputs += [panel.files.keep, panel.files.remove, panel.files.reveal, panel.files.export]
    assert all(widget.toolTip() for widget in inputs)
