"""What happens between a question and its answer: images go, models change, tabs are left."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medseg.explain.room import TooLarge
from napari_medseg.explain.table import Table
from napari_medseg.progress import Step
from napari_medseg.widgets.explain import work
from napari_medseg.widgets.explain.about import CHANGED
from napari_medseg.widgets.model_choice import model_choice_of


def test_clicks_are_napari_s_again_when_the_image_one_points_at_goes(qtbot, picture, panel_of):
    panel = panel_of(picture)
    parts = panel.parts
    for button in (parts.why, parts.point):
        picture.add_image(np.zeros((41, 35)), name="next")
        for layer in [one for one in picture.layers if one.name != "next"]:
            picture.layers.remove(layer)
        button.click()
        assert panel.questions.clicks.on
        picture.layers.remove("next")
        assert not panel.questions.clicks.on
        assert not button.isChecked()
        assert not button.isEnabled()
        assert picture.cursor.style == "standard"


def test_a_map_is_of_the_slice_one_comes_back_to(volume, panel_of, settle, maps):
    panel = panel_of(volume)
    panel.parts.show.click()
    settle(panel)
    [layer] = maps(volume)
    panel.hide()  # another tab
    volume.dims.set_current_step(0, 11)
    settle(panel)
    assert layer.data_to_world((0, 0, 0))[0] == 14  # nothing is computed for nobody
    panel.show()
    settle(panel)
    assert layer.data_to_world((0, 0, 0))[0] == 22


def test_nothing_is_computed_behind_another_tab_when_the_image_changes(
    picture, panel_of, settle, maps
):
    panel, [image] = panel_of(picture), picture.layers
    panel.parts.show.click()
    settle(panel)
    panel.hide()
    image.data = image.data[::-1].copy()
    settle(panel)
    assert maps(picture) == []
    panel.show()
    settle(panel)
    assert len(maps(picture)) == 1


def test_values_written_into_the_array_are_looked_at_anew_or_what_was_shown_is_taken_back(
    picture, panel_of, settle, maps
):
    panel, [image] = panel_of(picture), picture.layers
    panel.parts.show.click()
    settle(panel)
    [layer] = maps(picture)
    before = layer.data.copy()
    image.data[:20] = 250
    image.refresh()
    settle(panel)
    assert maps(picture) == [layer]
    assert not np.array_equal(layer.data, before)
    panel.parts.live.setChecked(False)
    image.data[20:] = 10
    image.refresh()
    assert maps(picture) == []
    assert panel.parts.hint.text() == CHANGED


def test_a_file_is_written_though_another_model_is_chosen_meanwhile(
    qtbot, picture, panel_of, use, slow, settle, tmp_path, monkeypatch
):
    panel, gate = panel_of(picture), slow()
    panel.parts.show.click()
    qtbot.waitUntil(gate.begun.is_set)
    path = tmp_path / "numbers.csv"
    monkeypatch.setattr("napari_medseg.widgets.explain.files.ask_path", lambda *_: path)
    panel.questions.save(Table("t", "sizes", ("what", "mm"), (("a", 1.5),)))
    use(picture, "tiny-volume")
    qtbot.waitUntil(path.exists)
    settle(panel)
    assert "a,1.5" in path.read_text()


def test_what_was_made_of_an_image_goes_with_it(picture, panel_of, settle):
    panel = panel_of(picture)
    panel.parts.show.click()
    settle(panel)
    prepared = weakref.ref(panel.asking.known.prepared)  # as large as the image, or larger
    assert prepared() is not None
    picture.layers.remove("case")
    gc.collect()
    assert prepared() is None
    assert panel.parts.maps.overlay is None


def test_what_follows_and_fails_says_so_without_a_notice_and_takes_old_numbers_back(
    volume, panel_of, settle, notices, monkeypatch
):
    panel = panel_of(volume)
    parts = panel.parts
    parts.entries.choose("redundancy")
    parts.show.click()
    settle(panel)
    assert parts.numbers.words()
    told = len(notices)

    def nowhere(*given, known, report):
        raise ValueError("anterior is nowhere in the part of the image looked at")

    monkeypatch.setattr(work, "shown", nowhere)
    volume.dims.set_current_step(0, 12)
    settle(panel)
    assert "Anterior is nowhere" in parts.hint.text()
    assert parts.numbers.words() == ""
    assert len(notices) == told
    parts.show.click()
    settle(panel)
    assert len(notices) == told + 1


@pytest.mark.parametrize("kind", ["show", "why"])
def test_what_the_memory_does_not_suffice_for_is_looked_at_in_smaller_windows_by_a_button(
    qtbot, picture, panel_of, settle, maps, monkeypatch, kind
):
    panel = panel_of(picture)
    parts, name = panel.parts, "shown" if kind == "show" else "because"
    real = getattr(work, name)

    def limited(*given, known, report):
        known, found = real(*given, known=known, report=report)
        if known.view.at_once != (64, 32):
            raise TooLarge("gradients", 2, 1, ["a window of 64x32"], window=(64, 32))
        return known, found

    monkeypatch.setattr(work, name, limited)
    if kind == "show":
        parts.show.click()
    else:
        parts.why.click()
        place = picture.layers[0].data_to_world((20, 11))
        panel.questions.clicks._pointing.pointed.emit(tuple(place))
    settle(panel)
    assert parts.fix.text() == "Look at 64x32 at once"
    qtbot.mouseClick(parts.fix, Qt.MouseButton.LeftButton)
    settle(panel)
    assert not parts.fix.isVisible()
    assert panel.asking.known.view.at_once == (64, 32)
    page = parts.numbers if kind == "show" else parts.reasons
    assert "64x32 voxels at once, as the memory" in page.words()
    assert len(maps(picture)) == (kind == "show")
    picture.layers[0].translate = (3, 4)  # the same image, elsewhere
    settle(panel)
    assert panel.questions._window == (64, 32)
    picture.add_image(np.zeros((41, 35)), name="another")
    panel.subject.follow(picture.layers["another"])
    assert panel.questions._window is None  # what the model takes itself


def test_comparing_is_stopped_by_the_button_that_began_it(
    qtbot, picture, panel_of, settle, models, monkeypatch
):
    (models / "copy.safetensors").write_bytes((models / "tiny-grey.safetensors").read_bytes())
    panel, begun = panel_of(picture), threading.Event()
    model_choice_of(picture).refresh()
    parts, never = panel.parts, threading.Event()

    def waits(*given, known, report):
        begun.set()
        while not never.wait(0.01):
            report(Step(0, 0))

    monkeypatch.setattr(work, "compared", waits)
    parts.compare.click()
    qtbot.waitUntil(begun.is_set)
    assert parts.compare.text() == "Stop"
    parts.compare.click()
    settle(panel)
    assert parts.compare.text() == "Compare"
    assert "Where two models differ" in parts.differences.words()


def test_a_model_that_cannot_be_read_says_so_where_one_would_show_it(
    qtbot, picture, use, models, settle, monkeypatch
):
    from napari_medseg.widgets.explain.panel import ExplainPanel

    def damaged(*given, known, report):
        raise OSError("the file is damaged; choose another model")

    monkeypatch.setattr(work, "listing", damaged)
    use(picture, "tiny-grey")
    panel = ExplainPanel(picture)
    qtbot.addWidget(panel)
    panel.show()
    assert "being read" in panel.parts.show.toolTip()
    settle(panel)
    assert "The file is damaged" in panel.parts.hint.text()
    assert "could not be read" in panel.parts.show.toolTip()
