"""Keep, remove, show and export a model, with real files."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QFile, QPoint, Qt
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_medseg.engine import zoo
from napari_medseg.widgets.model_panel import ModelPanel
from napari_medseg.widgets.sessions import session_of


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def panel(qtbot, viewer, models):
    panel = ModelPanel(viewer)
    qtbot.addWidget(panel)
    panel.show()
    panel.choose_file(models / "tiny-grey.safetensors")
    return panel


@pytest.fixture
def opened(panel, made_models, tmp_path):
    """A model opened from elsewhere, which is chosen."""
    path = tmp_path / "für später" / "geöffnet.safetensors"
    path.parent.mkdir()
    path.write_bytes((made_models / "tiny-grey.safetensors").read_bytes())
    panel.choose_file(path)
    return path


@pytest.fixture
def answers(monkeypatch):
    """Answer the questions of message boxes in turn; gives the questions asked."""

    def answer_with(*answers):
        asked = []
        buttons = QMessageBox.StandardButton
        waiting = [buttons.Yes if yes else buttons.No for yes in answers]

        def question(_parent, _title, text, *_):
            asked.append(text)
            return waiting.pop(0)

        monkeypatch.setattr(QMessageBox, "question", question)
        return asked

    return answer_with


@pytest.fixture
def save_as(monkeypatch):
    """Answer the file dialog with a path and a kind."""

    def answer(path, kind=""):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), kind))

    return answer


def _press(qtbot, button):
    assert button.isEnabled(), button.toolTip()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _export(panel, words):
    action = next(a for a in panel.files.export_menu.actions() if words in a.text())
    action.trigger()


def test_keep_copies_an_opened_model_among_ones_own_and_goes_on_with_it(
    panel, viewer, qtbot, opened, models
):
    _press(qtbot, panel.files.keep)
    kept = models / "geöffnet.safetensors"
    qtbot.waitUntil(lambda: session_of(viewer).model.path == kept)
    assert kept.read_bytes() == opened.read_bytes()
    names = [row.name for row in panel.choice.rows]
    assert names.count("geöffnet") == 1
    assert not panel.files.keep.isEnabled()
    assert "listed in every session" in panel.files.keep.toolTip()


def test_an_opened_model_is_only_taken_off_the_list(panel, viewer, qtbot, opened):
    assert "the file itself stays" in panel.files.remove.toolTip()
    _press(qtbot, panel.files.remove)
    assert "geöffnet" not in [row.name for row in panel.choice.rows]
    assert opened.exists()
    assert session_of(viewer).model is None
    assert not panel.hint.isVisible()


def test_ones_own_model_goes_to_the_trash_after_a_question(
    panel, viewer, qtbot, models, answers, monkeypatch, tmp_path
):
    trashed = []

    def to_trash(file):
        trashed.append(file.fileName())
        return file.remove()

    monkeypatch.setattr(QFile, "moveToTrash", to_trash)
    asked = answers(False, True)
    path = models / "tiny-grey.safetensors"
    _press(qtbot, panel.files.remove)
    assert path.exists()
    assert session_of(viewer).model.path == path
    _press(qtbot, panel.files.remove)
    assert trashed == [str(path)]
    assert asked == ["Move tiny-grey.safetensors to the trash?"] * 2
    assert session_of(viewer).model is None
    assert not panel.another.isVisible()  # it was no accident
    assert "tiny-grey" not in [row.name for row in panel.choice.rows]


@pytest.mark.parametrize("sure", [True, False])
def test_without_a_trash_one_is_asked_again(panel, qtbot, models, answers, monkeypatch, sure):
    monkeypatch.setattr(QFile, "moveToTrash", lambda _: False)
    asked = answers(True, sure)
    _press(qtbot, panel.files.remove)
    assert "for good" in asked[1]
    assert (models / "tiny-grey.safetensors").exists() is not sure


def test_a_file_that_cannot_be_deleted_is_said(
    panel, qtbot, models, answers, monkeypatch, notices, viewer
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(QFile, "moveToTrash", lambda _: False)
    monkeypatch.setattr("napari_medseg.widgets.model_actions.delete_model", refuse)
    answers(True, True)
    _press(qtbot, panel.files.remove)
    assert "tiny-grey.safetensors" in notices[-1].message
    assert session_of(viewer).model is not None


def test_a_bundled_model_stays_and_says_why(panel, qtbot, models, monkeypatch, tmp_path):
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    (bundled / "theirs.safetensors").write_bytes((models / "tiny-grey.safetensors").read_bytes())
    monkeypatch.setattr(zoo, "_BUNDLED", bundled)
    panel.choose_file(bundled / "theirs.safetensors")
    assert not panel.files.remove.isEnabled()
    assert "comes with MedSeg" in panel.files.remove.toolTip()
    assert panel.files.export.isEnabled()


def test_an_unusable_file_can_be_removed_but_not_exported(panel, qtbot, models):
    (models / "odd.safetensors").write_bytes(b"nonsense")
    panel.refresh()
    row = next(row for row in panel.choice.rows if row.name == "odd")
    panel.files.show_row(row)
    assert panel.files.remove.isEnabled()
    assert panel.files.reveal.isEnabled()
    assert not panel.files.export.isEnabled()


@pytest.mark.parametrize("with_card", [True, False])
def test_an_export_is_the_model_and_if_wished_its_card(
    panel, qtbot, models, save_as, tmp_path, with_card
):
    target = tmp_path / "Übergabe"
    save_as(target)
    _export(panel, "card as text" if with_card else "Model file…")
    written = target.with_suffix(".safetensors")
    qtbot.waitUntil(written.exists)
    assert written.read_bytes() == (models / "tiny-grey.safetensors").read_bytes()
    if with_card:
        qtbot.waitUntil(target.with_suffix(".md").exists)
        assert "tiny grey" in target.with_suffix(".md").read_text(encoding="utf-8")
    else:
        assert not target.with_suffix(".md").exists()


@pytest.mark.parametrize(("kind", "suffix"), [("(*.md)", ".md"), ("(*.json)", ".json")])
def test_a_card_alone_is_exported_in_the_chosen_kind(panel, save_as, tmp_path, kind, suffix):
    save_as(tmp_path / "card", f"Something {kind}")
    _export(panel, "Card only")
    assert "tiny" in (tmp_path / f"card{suffix}").read_text(encoding="utf-8")


def test_what_the_dialog_could_not_ask_about_is_asked(panel, qtbot, save_as, answers, tmp_path):
    taken = tmp_path / "taken.safetensors"
    taken.write_bytes(b"precious")
    save_as(tmp_path / "taken")  # the dialog asked about a file without our suffix
    asked = answers(False)
    _export(panel, "Model file…")
    assert "taken.safetensors is there already" in asked[0]
    assert taken.read_bytes() == b"precious"
    save_as(tmp_path / "new.safetensors")
    (tmp_path / "new.md").write_text("precious")
    asked = answers(False)
    _export(panel, "card as text")
    assert "new.md is there already" in asked[0]
    assert (tmp_path / "new.md").read_text() == "precious"
    assert not (tmp_path / "new.safetensors").exists()


def test_an_export_that_fails_is_said_in_a_sentence(
    panel, qtbot, models, save_as, notices, tmp_path
):
    save_as(models / "tiny-grey.safetensors")  # onto itself
    _export(panel, "Model file…")
    qtbot.waitUntil(lambda: bool(notices))
    assert "is the model itself" in notices[-1].message
    (tmp_path / "file").write_text("no folder")
    save_as(tmp_path / "file" / "card.md", "(*.md)")
    _export(panel, "Card only")
    assert "choose another folder" in notices[-1].message


def test_a_cancelled_dialog_does_nothing(panel, save_as, tmp_path):
    save_as("")
    for words in ("Model file…", "card as text", "Card only"):
        _export(panel, words)
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_folder_is_shown_or_the_path_is_in_the_clipboard(
    panel, qtbot, models, monkeypatch, notices
):
    shown = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(shown.append(url)) or True)
    _press(qtbot, panel.files.reveal)
    assert shown[0].toLocalFile() == str(models)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)
    _press(qtbot, panel.files.reveal)
    path = str(models / "tiny-grey.safetensors")
    assert QGuiApplication.clipboard().text() == path
    assert path in notices[-1].message


def test_the_context_menu_does_what_the_buttons_do(panel, qtbot, opened):
    menu = panel.files.open_menu(QPoint(10, 10))
    by_name = {action.text(): action for action in menu.actions()}
    assert by_name["Keep in my models"].isEnabled()
    by_name["Copy path"].trigger()
    assert QGuiApplication.clipboard().text() == str(opened)
    by_name["Remove"].trigger()
    assert "geöffnet" not in [row.name for row in panel.choice.rows]
    menu.close()
    again = panel.files.open_menu(QPoint(10, 10))
    assert not {a.text(): a for a in again.actions()}["Keep in my models"].isEnabled()
    again.close()


def test_the_list_opens_the_menu_where_one_clicks(panel, qtbot):
    rows = []
    panel.shelf.menu_asked.connect(rows.append)
    panel.list.customContextMenuRequested.emit(QPoint(20, 20))
    assert rows
    for menu in panel.files.findChildren(type(panel.files.export_menu)):
        menu.close()
