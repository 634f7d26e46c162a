"""Files dropped on the canvas beside an open workbench."""

from __future__ import annotations

import shutil

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication

from napari_medseg.widgets.keeping import waiting
from napari_medseg.widgets.readers import drop_opens, image_reader, open_dropped


def _scan(path, values=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).normal(size=(5, 6, 7)) if values is None else values
    nib.save(nib.Nifti1Image(values.astype(np.float32), np.diag([0.5, 0.7, 2, 1])), path)
    return path


@pytest.fixture
def files(tmp_path):
    """One file of each kind a person may drop."""
    import tifffile

    picture = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    iio.imwrite(tmp_path / "photo.png", picture)
    iio.imwrite(tmp_path / "photo_mask.png", np.eye(6, 7).astype(np.uint8) * 255)
    iio.imwrite(tmp_path / "plain.tif", picture[..., 0])
    about = {"imagej": True, "resolution": (2.0, 2.0), "metadata": {"unit": "mm"}}
    tifffile.imwrite(tmp_path / "measured.tif", picture[..., 0], **about)
    _scan(tmp_path / "scan.nii.gz")
    _scan(tmp_path / "case" / "image.nii.gz")
    _scan(tmp_path / "case" / "label.nii.gz", np.ones((5, 6, 7)))
    (tmp_path / "frames").mkdir()
    for i in range(12):
        iio.imwrite(tmp_path / "frames" / f"{i}.png", picture)
    (tmp_path / "notes.txt").write_text("words")
    values = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    nib.Nifti1Pair(values, np.diag([0.5, 0.7, 2, 1])).to_filename(tmp_path / "pair.hdr")
    nib.MGHImage(values, np.diag([0.5, 0.7, 2, 1])).to_filename(tmp_path / "brain.mgz")
    with tifffile.TiffWriter(tmp_path / "slide.tif") as tif:
        tif.write(np.zeros((64, 64), np.uint8), subifds=1, tile=(16, 16))
        tif.write(np.zeros((32, 32), np.uint8), subfiletype=1, tile=(16, 16))
    return tmp_path


@pytest.mark.parametrize(
    ("names", "ours"),
    [
        (["scan.nii.gz"], True),
        (["case"], True),
        (["measured.tif"], True),
        (["photo_mask.png"], True),
        (["pair.hdr"], True),
        (["pair.img"], True),
        (["brain.mgz"], True),
        (["slide.tif"], True),
        (["photo.png", "photo_mask.png"], True),
        (["photo.png"], False),
        (["plain.tif"], False),
        (["frames"], False),
        (["notes.txt"], False),
        (["scan.nii.gz", "notes.txt"], False),
    ],
)
def test_what_napari_opens_as_well_is_left_to_napari(files, names, ours):
    assert drop_opens([files / name for name in names]) is ours


def _drop(viewer, paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    canvas, how = viewer.window._qt_viewer, (Qt.DropAction.CopyAction, mime)
    keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(canvas, QDragEnterEvent(QPoint(20, 20), *how, *keys))
    QApplication.sendEvent(canvas, QDropEvent(QPointF(20, 20), *how, *keys))


def test_a_mixed_drop_opens_each_by_its_kind(
    qtbot, make_napari_viewer, open_workbench, files, models, tmp_path
):
    viewer = make_napari_viewer(show=True)
    workbench = open_workbench(viewer)
    model = shutil.copy(models / "tiny-grey.safetensors", tmp_path / "colleague.safetensors")
    workbench.go_to("model")
    qtbot.waitUntil(workbench.isVisible)
    _drop(viewer, [files / "scan.nii.gz", files / "photo_mask.png", model])
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    assert [type(layer) for layer in viewer.layers] == [Image, Labels]
    np.testing.assert_allclose(viewer.layers[0].scale, (2, 0.7, 0.5))
    assert str(workbench.session.model.path) == str(model)
    assert workbench.tabs.currentWidget() is workbench.pages["segment"]


def test_one_drop_is_opened_once_with_two_docks(qtbot, make_napari_viewer, open_workbench, files):
    viewer = make_napari_viewer(show=True)
    open_workbench(viewer)
    _, alone = viewer.window.add_plugin_dock_widget("napari-medseg", "Segment")
    qtbot.waitUntil(alone.isVisible)
    _drop(viewer, [files / "scan.nii.gz"])
    qtbot.waitUntil(lambda: bool(viewer.layers))
    qtbot.wait(20)
    assert len(viewer.layers) == 1


def test_a_file_that_cannot_be_read_is_said_and_the_others_open(viewer, files, notices):
    (files / "broken.nii.gz").write_bytes(b"no scan at all")
    open_dropped(viewer, [files / "broken.nii.gz", files / "case"])
    assert "broken" in notices[-1].message
    assert [layer.name for layer in viewer.layers] == ["case", "case · labels"]


def test_both_halves_of_an_image_open_it_once_and_either_opens_it(files):
    from napari.components import ViewerModel

    viewer = ViewerModel()
    open_dropped(viewer, [files / "pair.img", files / "pair.hdr"])
    assert [layer.name for layer in viewer.layers] == ["pair"]
    values = viewer.layers[0].data
    assert values.shape == (7, 6, 5)
    for name in ("pair.img", "pair.hdr", "brain.mgz"):
        read = image_reader(str(files / name))
        ((data, kwargs, kind),) = read(str(files / name))
        assert kind == "image"
        np.testing.assert_array_equal(data, values)
        np.testing.assert_allclose(kwargs["scale"], (2, 0.7, 0.5), rtol=1e-6)


def test_a_slide_in_several_sizes_opens_lazily(files):
    from napari.components import ViewerModel

    viewer = ViewerModel()
    open_dropped(viewer, [files / "slide.tif"])
    (slide,) = viewer.layers
    assert slide.multiscale
    assert [level.shape for level in slide.data] == [(64, 64), (32, 32)]


def test_a_large_file_is_read_in_a_thread_while_the_window_goes_on_drawing(
    qtbot, files, monkeypatch, notices
):
    from napari.components import ViewerModel
    from qtpy.QtCore import QThread, QTimer

    from napari_medseg.widgets import readers

    threads, beats = [], []
    read = readers.read_volume

    def spy(path):
        threads.append(QThread.currentThread() is QApplication.instance().thread())
        return read(path)

    monkeypatch.setattr(readers, "read_volume", spy)
    viewer = ViewerModel()
    open_dropped(viewer, [files / "scan.nii.gz"])
    monkeypatch.setattr(waiting, "_AT_ONCE", 0)
    QTimer.singleShot(0, lambda: beats.append("drawn"))
    open_dropped(viewer, [files / "scan.nii.gz"])
    assert threads == [True, False]  # a small one is read at once
    assert beats == ["drawn"]
    assert len(viewer.layers) == 2
    (files / "broken.nii.gz").write_bytes(b"no scan at all")
    open_dropped(viewer, [files / "broken.nii.gz"])
    assert "broken" in notices[-1].message
