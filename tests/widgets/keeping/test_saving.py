"""Save and Save as: on the grid of the image, in a thread, and never over another's work."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Layer

from napari_medseg.io import read_labels, write_image, write_labels
from napari_medseg.journal import find_journals
from napari_medseg.volume import Volume
from napari_medseg.widgets import case_questions
from napari_medseg.widgets.keeping import menu, questions, saving
from napari_medseg.widgets.keeping.file_names import proposed_labels, proposed_project, safe_name
from napari_medseg.widgets.keeping.following import keepers_of
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.keeping.saving import labels_to_save, saves_of
from napari_medseg.widgets.placement import same_grid
from napari_medseg.widgets.readers import _read_image, open_dropped
from napari_medseg.widgets.volumes import KEY


@pytest.fixture
def oblique_file(tmp_path, image_values):
    """An image whose voxels lie in another order than they are shown, turned a little."""
    affine = np.array([[0, 0, 2.0, 5], [-0.7, 0.1, 0, 3], [0.1, 0.8, 0, -9], [0, 0, 0, 1]])
    path = tmp_path / "Röntgen" / "fall 1.nii.gz"
    path.parent.mkdir()
    nib.Nifti1Image(image_values, affine).to_filename(path)
    return path


@pytest.fixture
def saved(qtbot):
    """Wait until a viewer saves nothing any more."""

    def wait(viewer):
        qtbot.waitUntil(lambda: not saves_of(viewer).running)

    return wait


@pytest.fixture
def name_file(monkeypatch):
    """Answer the question where to save; returns what was proposed."""
    proposed = []

    def answer(path):
        def ask(_name, where, *, flat, dicom):
            proposed.append((where, flat, dicom))
            return str(path) if path else ""

        monkeypatch.setattr(questions, "ask_where_to_save", ask)
        return proposed

    return answer


def _labelled(viewer, path):
    open_dropped(viewer, [path])
    image = viewer.layers[-1]
    shape = image.data.shape
    return viewer.add_labels(np.zeros(shape, np.int64), name="liver", **same_grid(image))


def test_the_first_save_asks_and_the_next_goes_to_the_same_file_on_the_grid_of_the_image(
    sitting, oblique_file, stroke, saved, name_file, written
):
    viewer = sitting()
    labels = _labelled(viewer, oblique_file)
    stroke(labels, (2, 9, 9), value=3)
    target = oblique_file.parent / "fall 1_labels.nii.gz"
    proposed = name_file(target)
    menu.save_labels(viewer)
    assert keeper_of(labels).is_unsaved  # until it is on disk
    saved(viewer)
    assert proposed == [(target, False, False)]
    stored, source = nib.load(target), nib.load(oblique_file)
    assert stored.shape == source.shape
    np.testing.assert_allclose(stored.affine, source.affine)
    np.testing.assert_array_equal(read_labels(target).array[0], labels.data)
    assert not keeper_of(labels).is_unsaved
    written()
    assert find_journals([oblique_file.parent]) == []
    told = json.loads((oblique_file.parent / "fall 1_labels.json").read_text("utf-8"))
    assert (told["image"], told["classes"]) == ("fall 1", {"3": "class 3"})
    stroke(labels, (5, 9, 9), value=1)
    menu.save_labels(viewer)
    saved(viewer)
    assert len(proposed) == 1
    np.testing.assert_array_equal(read_labels(target).array[0], labels.data)


def test_what_is_painted_while_it_is_saved_is_still_unsaved(
    sitting, crash, offered, oblique_file, stroke, saved, name_file
):
    viewer = sitting()
    labels = _labelled(viewer, oblique_file)
    stroke(labels, (2, 9, 9), value=3)
    target = oblique_file.parent / "mask.nii.gz"
    name_file(target)
    menu.save_labels_as(viewer)
    stroke(labels, (6, 9, 9), value=2)  # before the thread has ended
    saved(viewer)
    assert keeper_of(labels).outstanding.corrections == 1
    assert (read_labels(target).array[0] == 3).any()
    assert not (read_labels(target).array[0] == 2).any()
    crash(viewer)
    second = sitting()
    open_dropped(second, [oblique_file])
    for data in _read_image(target):
        second.add_layer(Layer.create(*data))
    offer = offered(second)
    assert "1 correction of fall 1" in offer.words()
    assert offer.unsaved.identity.labels_path == str(target)


def test_labels_from_a_file_go_back_into_it_unless_somebody_else_wrote_it(
    sitting, tmp_path, stroke, saved, monkeypatch, image_values
):
    path = tmp_path / "case_mask.nii.gz"
    volume = Volume(image_values[None], (2.0, 0.8, 0.7))
    values = (image_values > 120).astype(np.uint8)
    write_labels(path, values, like=volume)
    viewer = sitting()
    open_dropped(viewer, [path])
    labels = viewer.layers[0]
    stroke(labels, (2, 9, 9), value=4)
    menu.save_labels(viewer)
    saved(viewer)
    np.testing.assert_array_equal(read_labels(path).array[0], labels.data)
    write_labels(path, values, like=volume)  # somebody else
    answers = [False, True]
    monkeypatch.setattr(case_questions, "ask_replace", lambda *_: answers.pop(0))
    stroke(labels, (4, 9, 9), value=5)
    menu.save_labels(viewer)
    saved(viewer)
    np.testing.assert_array_equal(read_labels(path).array[0], values)
    assert keeper_of(labels).is_unsaved
    menu.save_labels(viewer)
    saved(viewer)
    np.testing.assert_array_equal(read_labels(path).array[0], labels.data)
    assert len(list((tmp_path / "earlier").glob("*.nii.gz"))) == 1
    assert not keeper_of(labels).is_unsaved


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a file/below.nii.gz", "a part of its folder's path is a file"),
        ("n" * 300 + ".nii.gz", "the name is too long"),
        ("a.xyz", "which is not written"),
        ("a.png", "PNG holds one 2D image"),
        ("fall 1.nii.gz", "is the image itself"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_sentence_and_stays_unsaved(
    sitting, oblique_file, stroke, saved, name_file, notices, qtbot, name, words
):
    (oblique_file.parent / "a file").touch()
    before = sorted(p.name for p in oblique_file.parent.iterdir())
    viewer = sitting()
    labels = _labelled(viewer, oblique_file)
    stroke(labels, (2, 9, 9))
    name_file(oblique_file.parent / name)
    menu.save_labels_as(viewer)
    saved(viewer)
    qtbot.waitUntil(lambda: bool(notices))
    assert words in notices[-1].message
    assert keeper_of(labels).is_unsaved
    after = [p.name for p in oblique_file.parent.iterdir() if "journal" not in p.name]
    assert sorted(after) == before
    stroke(labels, (3, 9, 9))
    assert keeper_of(labels).outstanding.corrections == 2


def test_without_a_name_or_without_labels_nothing_happens(
    sitting, oblique_file, stroke, name_file, notices
):
    viewer = sitting()
    name_file("")
    menu.save_labels(viewer)
    assert "segment or paint first" in notices[-1].message
    menu.save_labels_as(viewer)
    labels = _labelled(viewer, oblique_file)
    stroke(labels, (2, 9, 9))
    menu.save_labels(viewer)
    assert keeper_of(labels).is_unsaved
    assert not saves_of(viewer).running


def test_the_labels_a_person_means_are_the_selected_ones_else_the_topmost(sitting, oblique_file):
    viewer = sitting()
    first = _labelled(viewer, oblique_file)
    second = viewer.add_labels(np.zeros(first.data.shape, np.uint8))
    viewer.add_labels(np.zeros(first.data.shape, np.uint8), metadata={KEY: {"preview": True}})
    assert labels_to_save(viewer) is second
    viewer.layers.selection.active = first
    assert labels_to_save(viewer) is first


def test_names_are_proposed_beside_the_image_in_its_own_format_and_free(
    sitting, oblique_file, tmp_path
):
    viewer = sitting()
    labels = _labelled(viewer, oblique_file)
    folder = oblique_file.parent
    (folder / "fall 1_labels.nii.gz").touch()
    assert proposed_labels(viewer, labels) == folder / "fall 1_labels_2.nii.gz"
    assert proposed_project(viewer) == folder / "fall 1.medseg.json"
    photo = Volume(np.zeros((1, 20, 30), np.uint8), (1.0, 1.0), spacing_known=False)
    write_image(tmp_path / "haut.png", photo)
    other = sitting()
    open_dropped(other, [tmp_path / "haut.png"])
    flat = other.add_labels(np.zeros((20, 30), np.uint8), name="Fleck")
    assert proposed_labels(other, flat) == tmp_path / "haut_labels.png"
    flat.name = 'a/b:c*"' + "x" * 100
    assert safe_name(flat).startswith("a_b_c__x")
    assert len(safe_name(flat)) == 60


def test_napari_saves_count_as_saved(viewer, tmp_path, stroke, written):
    from napari_medseg.widgets.keeping.following import follow

    follow(viewer)
    labels = viewer.add_labels(np.zeros((4, 20, 20), np.uint8))
    stroke(labels, (2, 9, 9))
    assert keepers_of(viewer)[0].is_unsaved
    assert viewer.layers.save(str(tmp_path / "a.nii.gz"), plugin="napari-medseg")
    assert not keepers_of(viewer)[0].is_unsaved
    stroke(labels, (3, 9, 9))
    menu.save_labels(viewer)
    saves = saves_of(viewer)
    assert saves.running
    while saves.running:
        saving.wait_for(lambda: None)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii.gz").array[0], labels.data)
