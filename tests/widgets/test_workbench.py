"""The workbench as a whole: how it opens, follows the viewer, and keeps viewers apart."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from qtpy.QtCore import Qt

from napari_medseg.samples import SAMPLES
from napari_medseg.widgets.panels import PANELS
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.workbench import Workbench

COLOURFUL = np.random.default_rng(0).integers(0, 255, (12, 14, 3)).astype(np.uint8)
OPENING = """
import sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
app = QApplication.instance() or QApplication([])
from napari_medseg.widgets.workbench import Workbench
workbench = Workbench(ViewerModel())
heavy = {"torch", "monai", "skimage", "scipy.ndimage", "pandas"} & set(sys.modules)
print("opened", sorted(heavy))
"""


def test_opening_the_workbench_imports_neither_torch_nor_other_heavy_things(models):
    done = subprocess.run(
        [sys.executable, "-c", OPENING], capture_output=True, text=True, env=os.environ, timeout=250
    )
    last = done.stdout.strip().split("\n")[-1]
    assert last.startswith("opened"), done.stderr
    assert "torch" not in last
    assert "monai" not in last


def test_an_empty_viewer_says_what_is_missing_and_mends_it(qtbot, viewer, workbench, choose_model):
    choose_model(workbench, "tiny-volume")
    panel = workbench.segment
    assert not panel.segment.isEnabled()
    assert "No image yet" in panel.segment.toolTip()
    assert panel.fix.text() == "Open a sample"
    qtbot.mouseClick(panel.fix, Qt.MouseButton.LeftButton)
    assert len(viewer.layers) == 2
    assert panel.segment.isEnabled()


def test_without_models_the_panel_says_how_to_get_one(make_napari_viewer, monkeypatch, tmp_path):
    from napari_medseg.engine import zoo

    monkeypatch.setattr(zoo, "_BUNDLED", tmp_path)
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((4, 5)))
    _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
    assert "Choose a model" in workbench.segment.fix.text()
    assert "train" in workbench.models.card.text()
    workbench.segment.fix.click()
    assert workbench.tabs.currentWidget() is workbench.pages["model"]


def test_it_opens_with_the_selected_image_and_a_model_that_fits(
    viewer, open_workbench, monkeypatch
):
    viewer.add_image(np.zeros((6, 7, 8)), name="volume")
    viewer.add_image(COLOURFUL, name="photo", rgb=True)
    workbench = open_workbench(viewer)
    assert workbench.session.images == ("photo",)
    card = workbench.session.model.card
    assert (card.spatial_dims, card.in_channels) == (2, 3)


def test_the_image_follows_the_selection_and_a_new_name(viewer, workbench, choose_model):
    choose_model(workbench, "tiny-volume")
    first = viewer.add_image(np.zeros((4, 5, 6)), name="first")
    viewer.add_image(np.zeros((4, 5, 6)), name="second")
    assert workbench.session.images == ("second",)
    viewer.layers.selection.active = first
    assert workbench.session.images == ("first",)
    first.name = "renamed"
    assert workbench.session.images == ("renamed",)
    assert "renamed" in workbench.strip.image.whole()
    viewer.add_labels(np.zeros((4, 5, 6), int))
    assert workbench.session.images == ("renamed",)
    viewer.layers.remove(first)
    assert workbench.session.images == ("second",)


def test_an_image_of_the_wrong_kind_disables_segment_with_the_reason(
    viewer, workbench, choose_model
):
    for model, data, words in (
        ("tiny-volume", np.zeros((9, 8)), "works on volumes"),
        ("tiny-grey", COLOURFUL[:9, :8], "red, green and blue"),
        ("tiny-brain", np.zeros((9, 8, 7)), "Choose the image for T1"),
    ):
        viewer.layers.clear()
        viewer.add_image(data, name="slice 12", rgb=data.shape[-1] == 3)
        choose_model(workbench, model)
        assert not workbench.segment.segment.isEnabled()
        assert words in workbench.segment.segment.toolTip()
        assert words in workbench.segment.hint.text()


def test_two_viewers_do_not_mix(
    make_napari_viewer, open_workbench, choose_model, press_segment, volume_values
):
    one, two = make_napari_viewer(), make_napari_viewer()
    first, second = open_workbench(one), open_workbench(two)
    one.add_image(volume_values, name="one")
    two.add_image(volume_values, name="two")
    choose_model(first, "tiny-volume")
    choose_model(second, "tiny-grey")
    assert first.session.model.card.name == "tiny-volume"
    assert session_of(two) is second.session
    press_segment(first)
    assert [layer.name for layer in one.layers] == ["one", "one · tiny-volume"]
    assert [layer.name for layer in two.layers] == ["two"]
    assert second.session.loaded is None


def test_the_second_run_takes_the_model_from_memory(
    viewer, workbench, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values, name="case")
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    kept = workbench.session.ready_segmenter
    press_segment(workbench)
    assert kept is not None
    assert workbench.session.ready_segmenter is kept
    choose_model(workbench, "tiny-grey")
    assert workbench.session.ready_segmenter is None


def test_the_dock_is_no_wider_than_it_says(make_napari_viewer, open_workbench):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    name = "a very long name of a layer, as scanners and hospitals like to give them " * 3
    viewer.add_image(np.zeros((4, 5, 6)), name=name)
    workbench = open_workbench(viewer)
    assert workbench.minimumSizeHint().width() <= 380
    assert workbench.sizeHint().width() == 380


def test_every_control_says_what_it_does_and_the_tabs_fit_without_scrolling(workbench):
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit

    if "explain" not in PANELS:
        workbench.tabs.addTab(QLabel(), "Explain")
    assert workbench.tabs.tabBar().sizeHint().width() <= 380 - 8
    for kind in (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit):
        for control in workbench.findChildren(kind):
            if control.objectName().startswith("qt_") or isinstance(
                control.parent(), QAbstractSpinBox
            ):
                continue  # parts of Qt's own
            if isinstance(control, QAbstractButton) and not control.text():
                continue  # scroll arrows
            assert control.toolTip(), f"{kind.__name__} {control.objectName()!r} has no tooltip"


def test_the_strip_leads_to_the_model_and_gives_sizes_with_units(qtbot, viewer, workbench):
    workbench.go_to("segment")
    qtbot.mouseClick(workbench.strip.model, Qt.MouseButton.LeftButton)
    assert workbench.tabs.currentWidget() is workbench.pages["model"]
    qtbot.mouseClick(workbench.strip.image, Qt.MouseButton.LeftButton)
    assert workbench.tabs.currentWidget() is workbench.pages["segment"]
    viewer.add_image(np.zeros((78, 51, 52)), name="case_017", scale=(2, 0.73, 0.73), units="mm")
    assert workbench.strip.image.whole() == "▣ case_017  52×51×78 · 0.73×0.73×2 mm"
    viewer.add_image(np.zeros((9, 8)), name="photo")
    assert "pixel size unknown" in workbench.strip.image.whole()


def test_the_line_of_the_worklist_is_there_while_a_folder_is_open(
    viewer, workbench, tmp_path, qtbot
):
    import imageio.v3 as iio

    from napari_medseg.worklist import Worklist
    from napari_medseg.worklist_file import State

    for name in ("a", "b", "c"):
        iio.imwrite(tmp_path / f"{name}.png", np.full((6, 7), 9, np.uint8))
    strip, session = workbench.strip, workbench.session
    assert strip.case.isHidden()
    session.worklist = Worklist.open(tmp_path)
    assert not strip.case.isHidden()
    assert strip.case.whole() == "▤ 3 cases · 0 done"
    session.case = "b"
    session.worklist.set_state("a", State.DONE)
    assert strip.case.whole() == "▤ case 2 of 3 · 1 done"
    qtbot.mouseClick(strip.case, Qt.MouseButton.LeftButton)
    assert workbench.tabs.currentWidget() is workbench.pages["worklist"]
    session.worklist = None
    assert strip.case.isHidden()


def test_a_closed_workbench_can_be_opened_again(viewer, open_workbench, choose_model):
    workbench = open_workbench(viewer)
    choose_model(workbench, "tiny-grey")
    viewer.window.remove_dock_widget(workbench)
    workbench.deleteLater()
    again = open_workbench(viewer)
    assert isinstance(again, Workbench)
    assert again.session.model.card.name == "tiny-grey"
    viewer.add_image(np.zeros((9, 8)))
    again.session.device = "cpu"
    assert "CPU" in again.strip.model.whole()


def test_the_modality_one_sees_is_the_one_that_is_segmented(viewer, workbench, choose_model):
    choose_model(workbench, "tiny-volume")
    viewer.open_sample("napari-medseg", "brain_mri")
    (shown,) = [layer for layer in viewer.layers if layer.visible]
    assert workbench.session.images == (shown.name,)


def test_every_sample_of_the_list_is_in_the_menu_and_opens(viewer, workbench):
    from npe2 import PluginManager

    manifest = PluginManager.instance().get_manifest("napari-medseg")
    entries = {s.key: s.display_name for s in manifest.contributions.sample_data}
    assert entries == {key: sample.title for key, sample in SAMPLES.items()}
    viewer.open_sample("napari-medseg", "hippocampus")
    assert [layer.name for layer in viewer.layers] == ["hippocampus · exact labels", "hippocampus"]
    assert viewer.layers[1].data.shape == viewer.layers[0].data.shape
    assert not viewer.layers[0].visible
