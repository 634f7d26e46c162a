"""Where a run works: a slice, a box, all images, the next case; the rest stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt

from napari_medseg.engine.checkpoint import read_card
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.scopes import Scope
from napari_medseg.widgets.segment_panel import SegmentPanel
from napari_medseg.widgets.volumes import KEY


@pytest.fixture
def scene():
    return ViewerModel()


@pytest.fixture
def panel(qtbot, scene, models):
    made = SegmentPanel(scene)
    qtbot.addWidget(made)
    use(made, models, "tiny-volume")
    return made


def use(panel, models, name):
    path = models / f"{name}.safetensors"
    panel._session.model = ChosenModel(path, read_card(path))


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def choose(panel):
    """Choose an entry of the list, as a person does: grey ones cannot be."""

    def choose(scope):
        index = list(Scope).index(scope)
        assert panel.scope.field.model().item(index).isEnabled()
        panel.scope.field.setCurrentIndex(index)

    return choose


@pytest.fixture
def press(qtbot, panel):
    def press(*, wait=True):
        assert panel.segment.isEnabled(), panel.hint.text()
        click(qtbot, panel.segment)
        if wait:
            qtbot.waitUntil(lambda: not panel._runner.busy)

    return press


def answers(scene):
    return [layer for layer in scene.layers if isinstance(layer, Labels)]


def draw(scene, image, low, high, z=0):
    """Draw a rectangle on an image, in the world."""
    (a, b), (c, d) = low, high
    corners = [(z, a, b), (z, a, d), (z, c, d), (z, c, b)]
    return scene.add_shapes([np.array([image.data_to_world(c) for c in corners])], ndim=3)


def reason(panel, scope):
    index = list(Scope).index(scope)
    assert not panel.scope.field.model().item(index).isEnabled()
    return panel.scope.field.itemData(index, Qt.ItemDataRole.ToolTipRole)


@pytest.fixture
def whole(scene, press, volume_values):
    """Return an image somewhere in the world and the labels of a whole run, and take these off."""

    def segment(**place):
        image = scene.add_image(volume_values, name="case", **place)
        press()
        labels = answers(scene)[0]
        expected = labels.data.copy()
        scene.layers.remove(labels)
        return image, expected

    return segment


def test_this_slice_is_segmented_as_the_whole_would_be(scene, panel, choose, press, whole):
    _, expected = whole(scale=(2, 1, 1), translate=(-7, 0, 0))
    scene.dims.set_current_step(0, 5)
    choose(Scope.SLICE)
    press()
    (labels,) = answers(scene)
    np.testing.assert_array_equal(labels.data[5], expected[5])
    assert expected[5].any()
    assert not np.delete(labels.data, 5, axis=0).any()
    assert labels.metadata[KEY]["provenance"]["box"] == [[5, 6], [0, 30], [0, 28]]
    scene.dims.set_current_step(0, 9)
    press()
    assert answers(scene) == [labels]
    np.testing.assert_array_equal(labels.data[[5, 9]], expected[[5, 9]])
    labels.undo()
    assert not labels.data[9].any()
    np.testing.assert_array_equal(labels.data[5], expected[5])


@pytest.mark.parametrize(
    "place",
    [
        {"scale": (2, 0.5, 0.5), "translate": (-30, 4, 7), "units": "mm"},
        {"scale": (2, 0.5, 0.5), "rotate": 90},
    ],
    ids=["moved", "turned"],
)
def test_inside_the_box_wherever_the_image_lies(scene, choose, press, whole, place):
    image, expected = whole(**place)
    draw(scene, image, (3.6, 5.6), (20.4, 22.4), z=2)
    choose(Scope.BOX)
    press()
    (labels,) = answers(scene)
    inside = (slice(None), slice(4, 21), slice(6, 23))
    np.testing.assert_array_equal(labels.data[inside], expected[inside])
    assert expected[inside].any()
    labels.data[inside] = 0
    assert not labels.data.any()


def test_inside_the_box_on_this_slice(scene, choose, press, whole):
    image, expected = whole()
    draw(scene, image, (3.6, 5.6), (20.4, 22.4))
    scene.dims.set_current_step(0, 6)
    choose(Scope.BOX_SLICE)
    press()
    (labels,) = answers(scene)
    inside = (slice(6, 7), slice(4, 21), slice(6, 23))
    np.testing.assert_array_equal(labels.data[inside], expected[inside])
    labels.data[inside] = 0
    assert not labels.data.any()


def test_several_rectangles_are_all_segmented_into_one_layer(scene, choose, press, whole):
    image, expected = whole()
    shapes = draw(scene, image, (0, 0), (9.4, 9.4))
    shapes.add_rectangles([np.array([(0, 15, 15), (0, 15, 25), (0, 25, 25), (0, 25, 15)])])
    choose(Scope.BOX)
    press()
    (labels,) = answers(scene)
    for box in [
        (slice(None), slice(0, 10), slice(0, 10)),
        (slice(None), slice(15, 26), slice(15, 26)),
    ]:
        np.testing.assert_array_equal(labels.data[box], expected[box])


def test_what_lies_outside_the_box_keeps_its_labels(scene, panel, choose, press, volume_values):
    image = scene.add_image(volume_values, name="case")
    press()
    (labels,) = answers(scene)
    before = labels.data.copy()
    image.data = np.ascontiguousarray(volume_values[::-1])
    draw(scene, image, (3.6, 5.6), (20.4, 22.4))
    choose(Scope.BOX)
    press()
    outside = np.ones(before.shape, bool)
    outside[:, 4:21, 6:23] = False
    np.testing.assert_array_equal(labels.data[outside], before[outside])
    assert (labels.data != before).any()


def test_without_a_box_the_panel_offers_to_draw_one(qtbot, scene, panel, choose, press, whole):
    _, expected = whole(scale=(2, 0.5, 0.5), translate=(3, 0, 0))
    choose(Scope.BOX)
    assert not panel.segment.isEnabled()
    assert panel.hint.text() == "No box yet: draw one on the image."
    click(qtbot, panel.fix)
    shapes = scene.layers[-1]
    assert shapes.mode == "add_rectangle"
    shapes.add_rectangles([np.array([(4, 4, 6), (4, 4, 22), (4, 20, 22), (4, 20, 6)], float)])
    press()
    (labels,) = answers(scene)
    inside = (slice(None), slice(4, 21), slice(6, 23))
    np.testing.assert_array_equal(labels.data[inside], expected[inside])


def test_a_box_beside_the_image_is_said(scene, panel, choose, volume_values):
    image = scene.add_image(volume_values, name="case")
    draw(scene, image, (100, 100), (120, 120))
    choose(Scope.BOX)
    assert "The box lies outside of case" in panel.hint.text()


def test_a_2d_image_has_no_slices_and_says_so(scene, panel, models, choose, volume_values):
    scene.add_image(volume_values, name="volume")
    choose(Scope.SLICE)
    scene.add_image(volume_values[0], name="picture")
    use(panel, models, "tiny-grey")
    assert panel.scope.scope is Scope.WHOLE
    assert panel.scope.field.currentText() == "Whole image"
    assert reason(panel, Scope.SLICE) == "A 2D image has no slices"


def test_the_3d_view_shows_no_single_slice(qtbot, scene, panel, choose, volume_values):
    scene.add_image(volume_values, name="volume")
    choose(Scope.SLICE)
    scene.dims.ndisplay = 3
    assert "go back to the 2D view" in reason(panel, Scope.SLICE)
    assert "go back to the 2D view" in panel.hint.text()
    click(qtbot, panel.fix)
    assert panel.scope.scope is Scope.WHOLE
    assert panel.segment.isEnabled()


def test_a_slice_outside_of_the_image_is_said_as_one_gets_there(
    scene, panel, choose, volume_values
):
    scene.add_image(np.zeros((40, 30, 28)), name="larger")
    scene.add_image(volume_values, name="volume")
    choose(Scope.SLICE)
    scene.dims.set_current_step(0, 10)
    assert panel.segment.isEnabled()
    scene.dims.set_current_step(0, 30)
    assert "The slice you see is outside of volume" in panel.hint.text()


class TestAllOpenImages:
    def test_each_gets_its_own_labels(self, scene, choose, press, volume_values):
        for name in ("ann", "bob", "eve"):
            scene.add_image(volume_values, name=name)
        scene.add_image(volume_values[0], name="picture")  # the model takes volumes
        choose(Scope.OPEN)
        press()
        names = [layer.name for layer in answers(scene)]
        assert names == [f"{name} · tiny-volume" for name in ("ann", "bob", "eve")]

    def test_channels_of_a_case_stay_together(self, scene, panel, models, choose, press):
        values = np.random.default_rng(0).normal(size=(4, 16, 16, 16)).astype(np.float32)
        names = ["ann_t1", "bob_flair", "ann_flair", "bob_t1"]
        layers = [scene.add_image(v, name=n) for v, n in zip(values, names, strict=True)]
        scene.add_image(values[0], name="eve_t1")
        use(panel, models, "tiny-brain")
        choose(Scope.OPEN)
        press()
        found = {layer.name: layer.data for layer in answers(scene)}
        assert set(found) == {"ann_flair · tiny-brain", "bob_flair · tiny-brain"}
        segmenter = panel._session.loaded.segmenter
        from napari_medseg.volume import Volume

        ann = np.stack([layers[2].data, layers[0].data])
        expected = segmenter.segment(Volume(ann, (1.0,) * 3)).labels
        np.testing.assert_array_equal(found["ann_flair · tiny-brain"], expected)

    def test_one_that_fails_is_said_at_the_end_and_the_others_are_done(
        self, scene, panel, choose, press, volume_values
    ):
        scene.add_image(volume_values, name="ann")
        scene.add_image(np.full((8, 16, 16), np.nan), name="empty", contrast_limits=(0, 1))
        scene.add_image(volume_values, name="eve")
        choose(Scope.OPEN)
        press()
        assert [i.name for i in answers(scene)] == ["ann · tiny-volume", "eve · tiny-volume"]
        assert panel.hint.text().startswith("2 of 3 images are done.\n'empty' holds no finite")

    def test_cancel_keeps_the_finished_ones(self, qtbot, scene, panel, choose, press):
        small = np.random.default_rng(0).random((8, 8, 8), np.float32)
        large = np.random.default_rng(0).random((80, 80, 80), np.float32)
        scene.add_image(small, name="small")
        scene.add_image(large, name="large")
        panel.form.config = panel.form.config.replace(overlap=0.9)
        choose(Scope.OPEN)
        press(wait=False)
        qtbot.waitUntil(lambda: len(answers(scene)) == 1)
        panel._runner.cancel()
        qtbot.waitUntil(lambda: not panel._runner.busy)
        assert [i.name for i in answers(scene)] == ["small · tiny-volume"]
        assert "1 of 2 are done and stay" in panel.hint.text()

    def test_none_that_suits_is_said_before_the_run(self, scene, panel, choose, volume_values):
        scene.add_image(volume_values[0], name="picture")
        choose(Scope.OPEN)
        assert "None of the open images suits tiny volume" in panel.hint.text()
        assert "'picture' is a 2D image" in panel.hint.text()


class TestNextCase:
    @pytest.fixture
    def folder(self, tmp_path, volume_values):
        import nibabel

        folder = tmp_path / "cases"
        folder.mkdir()
        for name in ("ann", "bob"):
            scan = nibabel.Nifti1Image(volume_values, np.diag([1.0, 1.0, 1.0, 1.0]))
            nibabel.save(scan, folder / f"{name}.nii.gz")
        return folder

    def test_without_a_folder_the_way_to_one_is_shown(self, qtbot, panel, choose):
        choose(Scope.NEXT)
        assert panel.hint.text() == "No folder of cases is open yet."
        with qtbot.waitSignal(panel.worklist_wanted):
            click(qtbot, panel.fix)

    def test_the_next_case_is_opened_and_segmented(self, scene, panel, choose, press, folder):
        from napari_medseg.worklist import Worklist

        panel._session.worklist = Worklist.open(folder)
        choose(Scope.NEXT)
        press()
        assert panel._session.case == "ann"
        assert [type(layer) for layer in scene.layers] == [Image, Labels]
        assert scene.layers[1].name.startswith("ann")
        assert scene.layers[1].data.any()


def test_what_is_larger_than_memory_is_segmented_in_parts_or_block_by_block(
    qtbot, scene, panel, choose, monkeypatch
):
    import sys
    from types import ModuleType

    import dask.array as da

    from napari_medseg.widgets import pyramids, volumes

    lazy = da.zeros((32, 40, 36), chunks=16, dtype=np.int16)
    image = scene.add_image([lazy, lazy[::2, ::2, ::2]], contrast_limits=(0, 1), name="whole body")
    assert panel.segment.isEnabled()
    monkeypatch.setattr(volumes, "host_memory", lambda: (100_000, 200_000))
    panel.refresh()
    assert not panel.segment.isEnabled()
    assert "'whole body' needs about 0.369 MB of memory" in panel.hint.text()
    assert "segment a slice or a box" in panel.hint.text()
    assert panel.fix.isHidden()
    choose(Scope.SLICE)
    assert panel.segment.isEnabled()
    choose(Scope.WHOLE)
    shown = []
    large = ModuleType("large")
    large.show_blocks = lambda viewer, layer: shown.append((viewer, layer))
    monkeypatch.setitem(sys.modules, "napari_medseg.widgets.large", large)
    monkeypatch.setattr(pyramids, "Pyramid", dict)
    image.metadata[KEY] = {pyramids.PYRAMID: {}}
    panel.refresh()
    assert "all of it block by block" in panel.hint.text()
    click(qtbot, panel.fix)
    assert shown == [(scene, image)]


def test_a_slice_of_an_image_larger_than_memory_reads_it_in_pieces(
    scene, panel, choose, press, tmp_path, monkeypatch
):
    import zarr

    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.io import read_volume
    from napari_medseg.widgets import segmenting, volumes
    from napari_medseg.widgets.readers import open_dropped

    values = np.random.default_rng(0).normal(100, 30, (64, 32, 32)).astype(np.float32)
    stored = zarr.create_array(
        tmp_path / "body.zarr", shape=values.shape, chunks=(8, 16, 16), dtype=values.dtype
    )
    stored[...] = values
    expected = Segmenter.load(panel._session.model.path, "cpu").segment(
        read_volume(tmp_path / "body.zarr"),
        InferenceConfig(exact=True),
        box=(slice(20, 21), slice(0, 32), slice(0, 32)),
    )
    open_dropped(scene, [tmp_path / "body.zarr"])
    monkeypatch.setattr(volumes, "host_memory", lambda: (100_000, 200_000))
    scene.dims.set_current_step(0, 20)
    choose(Scope.SLICE)
    wholes = []
    monkeypatch.setattr(segmenting, "stacked", wholes.append)  # what reads an image as a whole
    press()
    labels = next(layer for layer in scene.layers if isinstance(layer, Labels))
    assert labels.data.shape == values.shape
    np.testing.assert_array_equal(labels.data[20], expected.labels[0])
    assert not labels.data[:20].any()
    assert not labels.data[21:].any()
    assert wholes == []
