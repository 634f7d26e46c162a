"""What came of a question, on a page: sentences, numbers, and buttons that lay maps over it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QTableWidget

from napari_medseg.explain.comparison import Comparison
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.place import Place
from napari_medseg.explain.table import Table
from napari_medseg.explain.voxel import Why
from napari_medseg.volume import Volume
from napari_medseg.widgets.explain.bars import Bars
from napari_medseg.widgets.explain.page import Page
from napari_medseg.widgets.explain.results import show_because, show_comparison, show_things
from napari_medseg.widgets.explain.short_button import ShortButton
from napari_medseg.widgets.explain.work import Because


@pytest.fixture
def page(qtbot):
    page = Page(ViewerModel(), "Nothing yet.")
    qtbot.addWidget(page)
    page.show()
    return page


def overlay(name, *notes):
    volume = Volume(np.zeros((1, 4, 5), np.float32), (1.0, 1.0))
    place = Place.over(volume, (1.0, 1.0), (0.0, 0.0))
    return Overlay(name, f"what {name} is", np.ones((1, 4, 5), np.float32), place, notes=notes)


def why(*layers, overlays=()):
    columns = ("layer", "stride", "share that lies here", "strongest channel", "its value here",
               "standard deviations from its mean")  # fmt: skip
    classes = Table("classes", "probability of each class", ("class", "probability"),
                    (("background", 0.2), ("lesion", 0.8)), kind="bars")  # fmt: skip
    table = Table("layers", "what each stage contributes", columns, layers, measure=columns[2])
    sentences = ("lesion (0.80) before background (0.20)", "the nearest is 2.0 mm away")
    return Why((3, 4), "tiny", 1, "lesion", classes, sentences, table, tuple(overlays), ("a note",))


def test_why_is_said_in_sentences_and_its_maps_are_laid_over_the_image_by_a_click(page):
    laid, maps = [], [overlay("evidence for lesion at enc5"), overlay("dec4:attention")]
    layers = (("enc1", 1, 0.1, 3, 0.5, -1.0), ("enc5", 16, 0.7, 9, 2.25, 3.14))
    show_because(page, Because(why(*layers, overlays=maps)), laid.append)
    said = page.words()
    assert said.startswith("Voxel 3, 4: lesion\nLesion (0.80) before background (0.20).\n")
    assert "Of enc5, channel 9 says most here: 2.25, 3.1 standard deviations" in said
    assert said.endswith("A note.")
    classes, shares = page.findChildren(Bars)
    assert classes.rows == [("background", 0.2), ("lesion", 0.8)]
    assert shares.rows == [("enc1", 0.1), ("enc5", 0.7)]
    assert laid == []
    buttons = page.findChildren(ShortButton)
    assert [b.words for b in buttons] == [
        "Show evidence for lesion at enc5",
        "Show what dec4:attention is",
    ]
    buttons[1].click()
    assert laid == [[maps[1]]]


def test_why_without_stages_or_with_an_earlier_model_says_what_there_is(page):
    columns = ("class", "old", "new", "change")
    changes = Table("changes", "lesion before and after", columns, (("lesion", 0.5, 0.8, 0.3),))
    show_because(page, Because(why(), changes), print)
    assert "says most here" not in page.words()
    [grid] = page.findChildren(QTableWidget)
    assert [grid.item(0, c).text() for c in range(4)] == ["lesion", "0.5", "0.8", "0.3"]


def test_notes_of_several_maps_are_said_once(page):
    laid = []
    found = [overlay("a", "of one window", "more"), overlay("b", "of one window")]
    show_things(page, found, laid.append)
    assert page.words() == "Of one window.\nMore."
    assert laid == [found]
    numbers = Table("t", "how large", ("what", "mm"), (("a", 1.5),), "measured along the axis")
    show_things(page, [numbers], laid.append)
    assert len(laid) == 1
    assert "of one window" not in page.words().lower()
    assert page.words().endswith("Measured along the axis.")


def test_two_models_without_a_stage_in_common_are_compared_by_their_answers(page):
    laid, change = [], overlay("change of probability")
    answers = Table("answers", "voxels of each class", ("class", "before", "after", "Dice"),
                    (("lesion", 10, 12, 0.9),))  # fmt: skip
    features = Table("features", "how much they changed", ("layer", "turn"), ())
    show_comparison(page, Comparison((change,), answers, features, ("answers only",)), laid.append)
    assert laid == [(change,)]
    assert len(page.findChildren(QTableWidget)) == 1
    assert "Answers only." in page.words()
