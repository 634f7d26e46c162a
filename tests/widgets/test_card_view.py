"""The card: picture, scores, what takes time only while somebody looks."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.widgets import card_view
from napari_medseg.widgets.card_view import CardView
from napari_medseg.widgets.model_colours import ModelColours
from napari_medseg.widgets.model_list import ModelList
from napari_medseg.widgets.model_rows import ModelRow, Section
from napari_medseg.widgets.model_words import tip_page


def make_card(name="hippocampus", **fields):
    return ModelCard(
        **{
            "name": name,
            "architecture": "lgmsnet",
            "config": {"spatial_dims": 3, "in_channels": 1, "num_classes": 3},
            "classes": (
                LabelClass(value=1, name="anterior", colour="#ff0000"),
                LabelClass(value=2, name="posterior", colour="#00ff00"),
            ),
            "preprocessing": Preprocessing(modality="MRI T1"),
            **fields,
        }
    )


@pytest.fixture
def view(qtbot):
    view = CardView()
    qtbot.addWidget(view)
    view.resize(350, 900)
    return view


def _show(view, card, tmp_path):
    view.show_model(card, tmp_path / "m.safetensors", {})


def _picture(view):
    pixmap = view.picture.image.pixmap()
    return pixmap if pixmap is not None and not pixmap.isNull() else None


def test_the_picture_is_drawn_only_while_somebody_looks(view, qtbot, tmp_path):
    _show(view, make_card(), tmp_path)
    assert not view._later.isActive()
    view.show()
    assert view.picture.isVisible()  # its place is kept
    height = view.picture.image.height()
    qtbot.waitUntil(lambda: _picture(view) is not None)
    assert view.picture.image.height() == height
    assert "phantom" in view.picture.caption.text()
    pixels = _picture(view).toImage()
    colours = {
        pixels.pixelColor(x, y).getRgb()[:3]
        for x in range(pixels.width())
        for y in range(pixels.height())
    }
    assert any(r > 200 and g < 60 and b < 60 for r, g, b in colours)
    assert any(g > 200 and r < 60 and b < 60 for r, g, b in colours)


def test_a_drawn_picture_is_kept(view, qtbot, tmp_path, monkeypatch):
    card = make_card()
    _show(view, card, tmp_path)
    view.show()
    qtbot.waitUntil(lambda: _picture(view) is not None)
    monkeypatch.setattr(card_view, "example_picture", None)  # whoever draws again, fails
    _show(
        view, make_card("other", classes=(LabelClass(value=1, name="x"),) * 1, config={}), tmp_path
    )
    assert not view.picture.isVisible()
    _show(view, card, tmp_path)
    assert _picture(view) is not None


def test_a_model_without_a_sample_has_no_picture(view, tmp_path):
    _show(view, make_card("heart", preprocessing=Preprocessing(modality="CT")), tmp_path)
    view.show()
    assert not view.picture.isVisible()


def test_what_was_begun_for_another_card_is_not_shown(view, tmp_path):
    first, second = make_card(), make_card("hippocampus-2")
    _show(view, first, tmp_path)
    view.show()
    _show(view, second, tmp_path)
    from napari_medseg.engine.example_picture import example_picture

    view._got_picture((first.to_json(), example_picture(first)))
    assert _picture(view) is None


def test_scores_are_a_table_whose_headings_explain_themselves(view, tmp_path):
    scores = {
        "test Dice, anterior": 0.912,
        "test HD95 in mm, anterior": 1.26,
        "test NSD, anterior": 0.9,
        "test ASSD in mm, anterior": 0.5,
        "validation epoch": 3,
    }
    _show(view, make_card(scores=scores), tmp_path)
    labels = {label.text(): label for label in view.scores.findChildren(QLabel)}
    assert "overlap" in labels["Dice"].toolTip()
    assert "outlines" in labels["HD95 (mm)"].toolTip()
    assert {"0.91", "1.3", "ASSD (mm)", "NSD", "best round: 3"} <= set(labels)
    assert "anterior: Dice 0.91, HD95 (mm) 1.3" in view.text()


def test_without_scores_there_is_no_empty_heading(view, tmp_path):
    _show(view, make_card(), tmp_path)
    view.show()
    visible = [label.text() for label in view.findChildren(QLabel) if label.isVisible()]
    assert "<b>Finds</b>" in visible
    assert "<b>How well</b>" not in visible
    assert "<b>Where it comes from</b>" not in visible


def test_no_markup_of_strangers_is_followed(view, tmp_path):
    bad = "<img src=x onerror=y><a href='http://evil'>click</a>"
    card = make_card(
        title=bad,
        description=bad,
        data=bad,
        licence=bad,
        created=bad,
        split=bad,
        parent=bad,
        history=({"what": bad},),
        classes=(LabelClass(value=1, name=bad), LabelClass(value=2, name="b")),
        preprocessing=Preprocessing(modality=bad),
        scores={f"test Dice, {bad}": 0.5, bad: bad},
    )
    _show(view, card, tmp_path)
    for label in view.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText or "<img" not in label.text()
        assert "<a href='http" not in label.toolTip()
    row = ModelRow("bad", tmp_path / "bad", "user", card)
    assert "<img" not in tip_page(row.tip)


def test_a_hundred_classes_stay_readable(view, tmp_path):
    classes = tuple(LabelClass(value=v, name=f"organ {v}") for v in range(1, 105))
    config = {"spatial_dims": 3, "in_channels": 1, "num_classes": 105}
    _show(view, make_card("all", classes=classes, config=config), tmp_path)
    view.show()
    assert "organ&nbsp;104" in view.finds.text() or "organ 104" in view.finds.text()
    assert view.finds.text().count("<br>") == 0
    assert view.minimumSizeHint().width() < 350


def test_rows_are_drawn_in_both_themes_and_however_long(qtbot, tmp_path):
    rows = ModelList()
    qtbot.addWidget(rows)
    rows.resize(320, 300)
    card = make_card(title="A title that goes on and on " * 6, licence="terms " * 30)
    good = ModelRow("good", tmp_path / "good", "user", card)
    bad = ModelRow("bad", tmp_path / "bad", "user", None, "cut off")
    rows.show_sections(
        [Section("For an image", (good,)), Section("Broken", (bad,))],
    )
    rows.mark(good.path)
    rows.show()
    dark = rows.grab().toImage()
    rows.set_colours(ModelColours(text="#000000", dim="#444444", warning="#7a5200"))
    light = rows.grab().toImage()
    assert dark != light
    assert rows.horizontalScrollBar().maximum() == 0
    assert rows.height_wanted() < 200
