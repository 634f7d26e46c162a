"""Labels on another grid than their image are asked about, as a person meets it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_medseg.io import read_labels, read_volume, write_image, write_labels
from napari_medseg.io.placing import place_on
from napari_medseg.volume import Volume
from napari_medseg.widgets.case_layers import open_case
from napari_medseg.widgets.case_saving import save_case
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.grids.questions import grid_questions
from napari_medseg.widgets.keeping.file_names import proposed_labels
from napari_medseg.widgets.keeping.origins import file_of
from napari_medseg.widgets.layers import same_place
from napari_medseg.widgets.opened_cases import unsaved
from napari_medseg.widgets.readers import open_dropped
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import KEY
from napari_medseg.worklist import Worklist

AFFINE = np.array([[0, 0, -0.8, 30], [0, -0.8, 0, 20], [1.0, 0, 0, -8], [0, 0, 0, 1]])
IMAGE = Volume(
    np.random.default_rng(0).normal(100, 9, (1, 24, 20, 22)).astype(np.float32),
    (1.0, 0.8, 0.8),
    AFFINE,
)


def part(step, start=(0, 0, 0), shape=None):
    """Return the grid of voxels `step` times as high as those of the image, from `start` on."""
    affine = AFFINE.copy()
    affine[:, 3] = affine @ (*start, 1)
    affine[:, 0] *= step
    affine[2, 3] += (step - 1) / 2
    shape = shape or (24 // step, 20, 22)
    return Volume(np.zeros((1, *shape), np.uint8), (float(step), 0.8, 0.8), affine)


def ball(shape):
    grids = np.indices(shape).astype(float)
    middle = [(n - 1) / 2 for n in shape]
    far = sum(((g - m) / (n / 3)) ** 2 for g, m, n in zip(grids, middle, shape, strict=True))
    return (far < 1).astype(np.uint8) * 2


@pytest.fixture
def files(tmp_path):
    """An image; its labels on three times higher slices, in a smaller box, and on its grid."""
    write_image(tmp_path / "ct.nii.gz", IMAGE)
    for name, like in {
        "thick_seg": part(3),
        "box_seg": part(1, (4, 3, 2), (10, 12, 14)),
        "right_seg": part(1),
    }.items():
        about = {"classes": {"2": "liver"}, "colours": {"2": "#009e73"}}
        path = tmp_path / f"{name}.nii.gz"
        write_labels(path, ball(like.shape), like=like, provenance=about)
    return tmp_path


@pytest.fixture
def settled(qtbot):
    """Wait until a viewer's layers were looked at and nothing is being placed."""

    def wait(viewer):
        questions = grid_questions(viewer)
        qtbot.waitUntil(lambda: questions.busy is None)
        questions.look()
        return questions

    return wait


def _click(button, qtbot):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _hashes(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.nii.gz")}


def test_thick_slices_are_resampled_when_a_person_says_so(
    make_napari_viewer, open_workbench, files, qtbot, settled
):
    viewer = make_napari_viewer(show=True)
    strip = open_workbench(viewer).grids
    before = _hashes(files)
    open_dropped(viewer, [files / "thick_seg.nii.gz", files / "ct.nii.gz"])
    qtbot.waitUntil(strip.isVisible)
    assert "'thick_seg' lies on another grid than 'ct'" in strip.text.text()
    assert "3 x 0.8 x 0.8 mm" in strip.text.text()
    assert strip.place.text() == "Resample onto it"
    assert len(viewer.layers) == 2  # nothing happens unasked
    layer, image = viewer.layers
    _click(strip.place, qtbot)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    settled(viewer)
    made = viewer.layers[1]
    assert made.name == "thick_seg · resampled onto ct"
    assert viewer.layers.selection.active is made
    assert not layer.visible
    assert same_place(made, image)
    right = place_on(
        read_labels(files / "thick_seg.nii.gz"), read_volume(files / "ct.nii.gz"), resample=True
    )
    np.testing.assert_array_equal(made.data, right.array[0])
    (liver,) = classes_of(made)
    assert (liver.name, liver.colour) == ("liver", "#009e73")
    about = made.metadata[KEY]["provenance"]["placed"]
    assert about["from"].endswith("thick_seg.nii.gz")
    assert about["how"] == "resampled onto ct"
    assert strip.isHidden()
    assert file_of(made) == ""  # it is no file's
    assert proposed_labels(viewer, made).name == "ct_labels.nii.gz"
    assert _hashes(files) == before


def test_a_box_is_placed_by_whole_voxels_and_what_is_kept_is_not_asked_again(
    viewer, workbench, files, qtbot, settled
):
    strip = workbench.grids
    open_dropped(viewer, [files / "ct.nii.gz", files / "box_seg.nii.gz"])
    settled(viewer)
    assert "has not the size of 'ct'" in strip.text.text()
    assert strip.place.text() == "Place on the image"
    assert not strip.isHidden()
    _click(strip.place, qtbot)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    made = viewer.layers[-1]
    box = (slice(4, 14), slice(3, 15), slice(2, 16))
    np.testing.assert_array_equal(made.data[box], ball((10, 12, 14)))
    assert np.count_nonzero(made.data) == np.count_nonzero(ball((10, 12, 14)))
    settled(viewer)
    assert strip.isHidden()
    open_dropped(viewer, [files / "thick_seg.nii.gz"])
    settled(viewer)
    assert "thick_seg" in strip.text.text()
    _click(strip.keep, qtbot)
    assert strip.isHidden()
    assert len(viewer.layers) == 4
    open_dropped(viewer, [files / "right_seg.nii.gz"])
    settled(viewer)
    assert strip.isHidden()  # neither what was answered nor what fits is asked about
    viewer.layers.remove("thick_seg")
    open_dropped(viewer, [files / "thick_seg.nii.gz"])  # opened anew: asked anew
    assert settled(viewer).first() is not None
    viewer.layers.remove("thick_seg")
    assert settled(viewer).first() is None


def test_without_a_dock_a_notice_asks(make_napari_viewer, files, notices, qtbot):
    from qtpy.QtWidgets import QWidget

    viewer = make_napari_viewer()
    viewer.open([str(files / "ct.nii.gz"), str(files / "thick_seg.nii.gz")], plugin="napari-medseg")
    qtbot.waitUntil(lambda: bool(notices))
    assert "lies on another grid" in notices[-1].message
    (resample, press), (keep, _) = notices[-1].actions
    assert (resample, keep) == ("Resample onto it", "Keep as they are")
    notice = QWidget()
    qtbot.addWidget(notice)
    press(notice)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)


def test_labels_made_for_nothing_that_is_open_are_left_alone(files, settled):
    viewer = ViewerModel()
    grid_questions(viewer)
    open_dropped(viewer, [files / "thick_seg.nii.gz"])
    assert settled(viewer).first() is None  # no image
    viewer.add_image(np.zeros((9, 9)), name="photo")
    viewer.add_image(np.zeros((9, 9, 9)), units="mm", translate=(900, 0, 0), name="another patient")
    assert settled(viewer).first() is None
    viewer.add_labels(np.zeros((4, 4, 4), np.uint8), units="mm", name="painted")  # from no file
    open_dropped(viewer, [files / "ct.nii.gz"])
    assert [q.labels for q in settled(viewer).found] == ["thick_seg"]


def test_labels_are_placed_on_the_shown_step_of_a_film(files, qtbot, settled):
    viewer = ViewerModel()
    open_dropped(viewer, [files / "ct.nii.gz"])
    still = viewer.layers[0]
    viewer.layers.clear()
    film = viewer.add_image(
        np.stack([still.data] * 3),
        scale=(1, *still.scale),
        translate=(0, *still.translate),
        units=("pixel", *still.units),
        name="film",
    )
    viewer.dims.set_point(0, 2)
    open_dropped(viewer, [files / "thick_seg.nii.gz"])
    settled(viewer).place()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    made = next(layer for layer in viewer.layers if "resampled" in layer.name)
    assert made.data.shape == (1, *IMAGE.shape)
    assert same_place(made, film, (2,))


def test_what_cannot_be_placed_is_said_and_stays_asked(files, qtbot, settled, notices):
    viewer = ViewerModel()
    empty = np.zeros((8, 20, 22), np.uint8)
    empty[-1, -1, -1] = 1
    moved = part(3)
    affine = moved.affine.copy()
    affine[:3, 3] += (-15, -14, 20)  # only the corners meet, and there is no label
    like = Volume(moved.array, moved.spacing, affine)
    write_labels(files / "far_seg.nii.gz", empty, like=like)
    grid_questions(viewer)
    open_dropped(viewer, [files / "ct.nii.gz", files / "far_seg.nii.gz"])
    questions = settled(viewer)
    assert questions.first() is not None
    questions.place()
    qtbot.waitUntil(lambda: questions.busy is None)
    assert "choose the image the labels were made for" in notices[-1].message
    assert questions.first() is not None
    assert len(viewer.layers) == 2


def test_a_case_whose_labels_lie_on_another_grid_opens_and_asks(tmp_path, qtbot, settled):
    study = tmp_path / "study"
    for case in ("a", "b"):
        write_image(study / case / "image.nii.gz", IMAGE)
        write_labels(study / case / "label.nii.gz", ball((8, 20, 22)), like=part(3))
    viewer = ViewerModel()
    session_of(viewer).worklist = worklist = Worklist.open(study)
    before = _hashes(study / "a")
    (image,) = open_case(viewer, "a")
    questions = settled(viewer)
    question = questions.first()
    assert question is not None
    assert "lies on another grid than 'a'" in question.words
    assert question.keep_words == "Leave them out"
    questions.place()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    made = viewer.layers[1]
    assert isinstance(made, Labels)
    assert unsaved(viewer) == [made]
    settled(viewer)
    assert save_case(viewer)
    saved = read_labels(worklist.labels_path("a"))
    np.testing.assert_array_equal(saved.array[0], made.data)
    assert saved.shape == image.data.shape
    assert _hashes(study / "a") == before
    open_case(viewer, "b")
    assert settled(viewer).first() is not None
    open_case(viewer, "a")  # with the labels that were saved
    assert settled(viewer).first() is None
    assert len(viewer.layers) == 2
