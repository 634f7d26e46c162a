"""Segmenting as a person does it: an image, a model, a click, and labels in the right place."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QPoint, Qt

from napari_medseg.engine.checkpoint import read_card
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.segment_panel import SegmentPanel
from napari_medseg.widgets.volumes import KEY


@pytest.fixture
def scene():
    """A viewer without a window: panels need none."""
    return ViewerModel()


@pytest.fixture
def panel(qtbot, scene, models):
    """The Segment panel in a window of its own, with the model of volumes."""
    made = SegmentPanel(scene)
    qtbot.addWidget(made)
    made.resize(380, 700)
    use(made, models, "tiny-volume")
    return made


def use(panel, models, name, **changes):
    path = models / f"{name}.safetensors"
    panel._session.model = ChosenModel(path, read_card(path).replace(**changes))


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def press(qtbot, panel):
    """Press Segment and wait until the run has ended."""

    def press(*, wait=True):
        assert panel.segment.isEnabled(), panel.hint.text()
        click(qtbot, panel.segment)
        if wait:
            qtbot.waitUntil(lambda: not panel._runner.busy)

    return press


@pytest.fixture
def slow(panel):
    """Make runs long enough to be watched."""
    panel.form.config = panel.form.config.replace(overlap=0.9)


def wait_for_windows(qtbot, panel):
    steps = []
    panel._runner.progressed.connect(steps.append)
    qtbot.waitUntil(lambda: any(s.done for s in steps))
    return steps


def big():
    return np.random.default_rng(0).random((80, 80, 80), np.float32)


def answers(scene):
    return [layer for layer in scene.layers if isinstance(layer, Labels)]


def test_from_image_to_labels_in_the_right_place(scene, panel, press, volume_values):
    place = {"scale": (2, 0.5, 0.5), "translate": (-30, 4, 7), "units": "mm"}
    image = scene.add_image(volume_values, name="case_017", axis_labels=("z", "y", "x"), **place)
    press()
    labels = scene.layers[1]
    assert isinstance(labels, Labels)
    assert labels.name == "case_017 · tiny-volume"
    assert labels.data.shape == image.data.shape
    np.testing.assert_allclose(labels.scale, image.scale)
    np.testing.assert_allclose(labels.translate, image.translate)
    assert labels.units == image.units
    assert labels.axis_labels == image.axis_labels
    assert list(labels.features["name"]) == ["background", "anterior", "posterior"]
    np.testing.assert_allclose(labels.get_color(1)[:3], [0xE6 / 255, 0x9F / 255, 0], atol=0.01)
    provenance = labels.metadata[KEY]["provenance"]
    assert provenance["model"] == "tiny-volume"
    assert provenance["image"] == "case_017"


def test_the_layer_holds_what_the_engine_answers(scene, models, press, volume_values):
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.volume import Volume

    scene.add_image(volume_values, scale=(2, 0.5, 0.5), units="mm")
    press()
    segmenter = Segmenter.load(models / "tiny-volume.safetensors")
    expected = segmenter.segment(Volume(volume_values[None], (2.0, 0.5, 0.5))).labels
    np.testing.assert_array_equal(scene.layers[1].data, expected)


def test_a_run_moves_nothing(viewer, workbench, choose_model, press_segment, volume_values):
    below = viewer.add_image(volume_values, name="below")
    viewer.add_image(volume_values, name="above")
    viewer.layers.selection.active = below
    viewer.dims.set_current_step(0, 3)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.0, (0, 11, 12)
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    assert [layer.name for layer in viewer.layers] == ["below", "below · tiny-volume", "above"]
    assert viewer.layers.selection.active is below
    assert viewer.dims.current_step[0] == 3
    assert viewer.scene.camera.zoom == 3.0
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (11, 12))


def test_a_second_run_updates_the_layer_as_one_undo_step(scene, press, volume_values):
    image = scene.add_image(volume_values, name="case")
    press()
    labels = scene.layers[1]
    first = labels.data.copy()
    image.data = np.ascontiguousarray(volume_values[::-1])
    press()
    assert len(scene.layers) == 2
    assert (labels.data != first).any()
    labels.undo()
    np.testing.assert_array_equal(labels.data, first)


def test_what_a_person_painted_is_kept_unless_they_say_otherwise(
    qtbot, scene, panel, press, volume_values
):
    image = scene.add_image(volume_values, name="case")
    press()
    labels = scene.layers[1]
    before = labels.data.copy()
    labels.paint((8, 20, 20), 7)  # a class of the person's own
    painted = labels.data != before
    image.data = np.ascontiguousarray(volume_values[::-1])
    press()
    assert answers(scene) == [labels]
    assert (labels.data[painted] == 7).all()
    assert (labels.data != before)[~painted].any()
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(panel.keep, left, pos=QPoint(8, panel.keep.height() // 2))
    assert not panel.keep.isChecked()
    press()
    assert not (labels.data == 7).any()


def test_cancel_midway_leaves_the_layers_alone(qtbot, scene, panel, press, slow):
    scene.add_image(big(), name="big")
    press(wait=False)
    assert not panel.segment.isEnabled()
    assert "run is going" in panel.segment.toolTip()
    steps = wait_for_windows(qtbot, panel)
    ended = []
    panel._runner.ended.connect(ended.append)
    panel._runner.cancel()
    qtbot.waitUntil(lambda: not panel._runner.busy)
    assert ended == ["cancelled"]
    assert steps[-1].done < steps[-1].total
    assert [layer.name for layer in scene.layers] == ["big"]
    assert panel.segment.isEnabled()


def test_an_error_is_a_sentence_and_the_next_run_works(scene, panel, press, notices, volume_values):
    bad = scene.add_image(np.full((16, 30, 28), np.nan, np.float32), name="empty scan")
    press()
    assert [layer.name for layer in scene.layers] == ["empty scan"]
    assert notices[-1].severity.value == "error"
    assert "empty scan" in notices[-1].message
    assert "Traceback" not in notices[-1].message
    assert [text for text, _ in notices[-1].actions] == ["Details"]
    assert "empty scan" in panel.hint.text()
    bad.data = volume_values.astype(np.float32)
    press()
    assert len(scene.layers) == 2
    assert "empty scan" not in panel.hint.text()


def test_a_colour_image_gives_labels_of_its_pixels(scene, panel, models, press):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    scene.add_image(pixels, name="photo", rgb=True)
    use(panel, models, "tiny-colour")
    press()
    assert scene.layers[1].data.shape == (40, 50)
    assert len(panel.images.fields) == 1


def test_a_grey_picture_stored_in_colour_is_segmented_and_it_is_said(scene, panel, models, press):
    grey = np.random.default_rng(0).integers(0, 255, (40, 50, 1)).astype(np.uint8)
    scene.add_image(np.repeat(grey, 3, axis=-1), name="ultrasound", rgb=True)
    use(panel, models, "tiny-grey")
    press()
    assert scene.layers[1].data.shape == (40, 50)
    assert "'ultrasound' is a grey picture stored in colour" in panel.hint.text()
    provenance = scene.layers[1].metadata[KEY]["provenance"]
    assert "grey" in provenance["notes"][0]


def test_a_2d_model_goes_through_a_volume(scene, panel, models, press, volume_values):
    scene.add_image(volume_values, scale=(3, 1, 1), units="mm")
    use(panel, models, "tiny-grey")
    press()
    assert scene.layers[1].data.shape == volume_values.shape


def test_only_the_shown_time_step_is_segmented(scene, press, volume_values):
    series = np.stack([volume_values, volume_values[::-1], volume_values])
    scene.add_image(series, name="film", scale=(5, 2, 1, 1))
    scene.dims.set_current_step(0, 1)
    press()
    labels = scene.layers[1]
    assert labels.data.shape == (1, *volume_values.shape)
    np.testing.assert_allclose(labels.translate, (5, 0, 0, 0))
    assert labels.name == "film · tiny-volume · 1"


def test_probabilities_come_as_hidden_image_layers(scene, panel, press, volume_values):
    scene.add_image(volume_values, name="case")
    for name in ("probabilities", "uncertainty"):
        panel.form.findChild(object, name).setChecked(True)
    press()
    names = [layer.name for layer in scene.layers]
    assert {f"case · tiny-volume · likely {n}" for n in ("anterior", "posterior")} < set(names)
    unsure = scene.layers["case · tiny-volume · unsure"]
    assert isinstance(unsure, Image)
    assert not unsure.visible
    assert 0 <= unsure.data.min() <= unsure.data.max() <= 1
    assert panel.images.fields[0].count() == 1  # maps are no images to segment


class TestWhatIsInTheWay:
    def test_channels_are_found_by_name_and_a_mismatch_is_said_before_the_run(
        self, scene, panel, models, press, volume_values
    ):
        scene.add_image(volume_values, name="case · T1")
        flair = scene.add_image(volume_values, name="case · FLAIR")
        use(panel, models, "tiny-brain")
        assert [f.currentText() for f in panel.images.fields] == ["case · FLAIR", "case · T1"]
        press()
        assert scene.layers[-1].name == "case · FLAIR · tiny-brain"
        flair.data = volume_values[:10]
        panel.refresh()
        assert not panel.segment.isEnabled()
        assert "'case · T1' has 28×30×16 voxels" in panel.hint.text()

    def test_a_model_file_that_is_gone_is_said_with_the_way_out(
        self, qtbot, scene, panel, models, press, volume_values
    ):
        scene.add_image(volume_values)
        press()
        (models / "tiny-volume.safetensors").unlink()
        click(qtbot, panel.segment)  # it was there at the last look
        assert not panel._runner.busy
        assert len(scene.layers) == 2
        assert "is not there any more (tiny-volume.safetensors)" in panel.hint.text()
        assert panel.fix.text() == "Choose a model"
        with qtbot.waitSignal(panel.model_wanted):
            click(qtbot, panel.fix)

    def test_a_device_that_is_gone_is_said(self, scene, panel, volume_values, monkeypatch):
        from napari_medseg.widgets import readiness

        scene.add_image(volume_values)
        monkeypatch.setattr(readiness, "known_devices", lambda: ["cpu"])
        panel._session.device = "cuda:1"
        assert "The device cuda:1 is not there any more" in panel.hint.text()
        assert panel.fix.text() == "Choose a device"
        panel._session.device = "cpu"
        assert panel.segment.isEnabled()

    def test_no_image_and_no_model(self, qtbot, scene, panel):
        assert "No image yet" in panel.hint.text()
        assert panel.fix.text() == "Open a sample"
        scene.add_image(np.random.default_rng(0).random((20, 20)), name="slice 12")
        assert "the layer 'slice 12' is a 2D image" in panel.hint.text()
        panel._session.model = None
        assert "No model yet" in panel.hint.text()

    def test_a_model_for_something_else_is_doubted_but_runs(self, scene, panel, models, press):
        values = np.random.default_rng(0).normal(-900, 60, (8, 16, 16)).astype(np.int16)
        scene.add_image(values, name="thorax")
        card = read_card(models / "tiny-volume.safetensors")
        mri = card.preprocessing.replace(modality="MRI T1")
        use(panel, models, "tiny-volume", preprocessing=mri)
        assert "made for MRI T1; this looks like CT" in panel.hint.text()
        press()
        assert len(answers(scene)) == 1

    def test_mirrored_copies_are_grey_for_a_model_that_never_saw_one(self, panel, models):
        flips = panel.form.findChild(object, "flips")
        flips.setChecked(True)
        use(panel, models, "tiny-volume", mirrored=False)
        assert not flips.isEnabled()
        assert not panel.form.config.flips
        assert "never saw a mirrored image" in flips.toolTip()
        use(panel, models, "tiny-volume")
        assert flips.isEnabled()


class TestWhileItRuns:
    def test_an_image_removed_meanwhile_keeps_its_answer(
        self, qtbot, scene, panel, press, volume_values
    ):
        image = scene.add_image(volume_values, name="case", scale=(2, 1, 1))
        press(wait=False)
        scene.layers.remove(image)
        qtbot.waitUntil(lambda: not panel._runner.busy)
        assert [layer.name for layer in scene.layers] == ["case · tiny-volume"]
        np.testing.assert_allclose(scene.layers[0].scale, (2, 1, 1))

    def test_an_image_renamed_meanwhile_gets_its_answer_beside_it(
        self, qtbot, scene, panel, press, volume_values
    ):
        image = scene.add_image(volume_values, name="case")
        scene.add_image(volume_values, name="above")
        scene.layers.selection.active = image
        press(wait=False)
        image.name = "ann"
        qtbot.waitUntil(lambda: not panel._runner.busy)
        assert [i.name for i in scene.layers] == ["ann", "ann · tiny-volume", "above"]
        assert panel.images.fields[0].currentText() == "ann"

    def test_an_image_replaced_by_another_size_gets_no_answer_that_is_not_its_own(
        self, qtbot, scene, panel, press, volume_values
    ):
        image = scene.add_image(volume_values, name="case")
        press(wait=False)
        image.data = volume_values[:8]
        qtbot.waitUntil(lambda: not panel._runner.busy)
        assert answers(scene) == []
        assert "case was replaced by an image of another size" in panel.hint.text()

    def test_choosing_another_image_meanwhile_changes_nothing(
        self, qtbot, scene, panel, press, volume_values
    ):
        scene.add_image(volume_values, name="first")
        press(wait=False)
        scene.add_image(volume_values, name="second")
        qtbot.waitUntil(lambda: not panel._runner.busy)
        assert [i.name for i in scene.layers] == ["first", "first · tiny-volume", "second"]

    @pytest.mark.parametrize("gone", ["hidden", "deleted"])
    def test_closing_the_workbench(self, qtbot, viewer, workbench, choose_model, gone):
        viewer.add_image(big(), name="big")
        choose_model(workbench, "tiny-volume")
        form = workbench.segment.form
        form.config = form.config.replace(overlap=0.9)
        runner = workbench.runner
        click(qtbot, workbench.segment.segment)
        wait_for_windows(qtbot, workbench.segment)
        if gone == "hidden":
            workbench.parent().hide()
            assert runner.busy
            runner.cancel()
        else:
            viewer.window.remove_dock_widget(workbench)
            workbench.deleteLater()
        qtbot.waitUntil(lambda: not runner.busy)
        assert [layer.name for layer in viewer.layers] == ["big"]


def test_two_viewers_do_not_mix(qtbot, scene, panel, models, press, volume_values):
    other = ViewerModel()
    beside = SegmentPanel(other)
    qtbot.addWidget(beside)
    scene.add_image(volume_values, name="here")
    other.add_image(volume_values, name="there")
    use(beside, models, "tiny-grey")
    press(wait=False)
    click(qtbot, beside.segment)
    qtbot.waitUntil(lambda: not (panel._runner.busy or beside._runner.busy))
    assert [i.name for i in scene.layers] == ["here", "here · tiny-volume"]
    assert [i.name for i in other.layers] == ["there", "there · tiny-grey"]


def test_the_ct_windows_follow_the_chosen_image(qtbot, scene, panel, volume_values):
    scene.add_image(volume_values, name="MRI")
    assert not panel.ct.buttons["Lung"].isEnabled()
    values = volume_values.copy()
    values[:, :6] = -1000
    ct = scene.add_image(values, name="scan")
    assert panel.ct.buttons["Lung"].isEnabled()
    click(qtbot, panel.ct.buttons["Lung"])
    assert ct.contrast_limits == [-1350, 150]


def test_a_panel_that_is_gone_hears_nothing_more(qtbot, scene, models, volume_values):
    from qtpy.QtCore import QCoreApplication, QEvent

    made = SegmentPanel(scene)
    use(made, models, "tiny-volume")
    deletion = QEvent.Type.DeferredDelete
    made.deleteLater()
    QCoreApplication.sendPostedEvents(made, getattr(deletion, "value", deletion))
    with pytest.raises(RuntimeError, match="deleted"):
        made.isVisible()
    scene.add_image(volume_values)  # each would raise the same
    scene.layers.selection.active = None
    made._session.model = None
    made._session.device = "cpu"


def test_the_panel_is_never_wider_than_the_dock(scene, panel, volume_values):
    scene.add_image(volume_values, name="a very long name of a scan " * 5)
    panel.show()
    assert panel.minimumSizeHint().width() <= 380
