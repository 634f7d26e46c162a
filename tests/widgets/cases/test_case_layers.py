"""Cases come into the viewer, are saved and go; nothing a person made is lost on the way."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_medseg.io import read_labels, write_image, write_labels
from napari_medseg.volume import Volume
from napari_medseg.widgets.case_layers import close_case, open_case, open_next_case, show_case
from napari_medseg.widgets.case_questions import Choice, UnsavedAnswer
from napari_medseg.widgets.case_saving import leave_case, save_case
from napari_medseg.widgets.opened_cases import case_labels, labels_to_save, unsaved
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import KEY
from napari_medseg.worklist import Worklist
from napari_medseg.worklist_file import State


def paint(layer, value=1):
    layer.data_setitem((np.array([1, 2]), np.array([3, 3]), np.array([2, 2])), value)


def save_labels_of(worklist, name, value=2, provenance=None):
    from napari_medseg.io import read_volume

    image = read_volume(worklist.case(name).images)
    labels = np.zeros(image.shape, np.uint8)
    labels[1:3] = value
    write_labels(worklist.labels_path(name), labels, like=image, provenance=provenance)
    worklist.refresh()
    return labels


def test_a_case_comes_with_its_image_at_its_place(viewer, worklist):
    (image,) = open_case(viewer, "b")
    assert isinstance(image, Image)
    assert image.name == "b"
    assert session_of(viewer).case == "b"
    np.testing.assert_allclose(image.scale, (2, 0.5, 0.5))
    assert viewer.dims.current_step == (1, 2, 2)
    assert viewer.layers.selection.active is image


def test_saved_labels_come_with_it_and_lie_on_it(viewer, worklist):
    expected = save_labels_of(
        worklist, "b", provenance={"model": "liver", "classes": {"2": "tumour"}}
    )
    image, labels = open_case(viewer, worklist.case("b"))
    assert isinstance(labels, Labels)
    np.testing.assert_array_equal(labels.data, expected)
    np.testing.assert_allclose(labels.translate, image.translate)
    assert list(labels.features["name"]) == ["background", "tumour"]
    assert labels.metadata[KEY]["model"] == "liver"
    assert viewer.layers.selection.active is labels
    assert unsaved(viewer) == []


def test_the_next_case_takes_the_place_of_the_one_before(viewer, worklist):
    open_next_case(viewer)
    assert [layer.name for layer in viewer.layers] == ["a"]
    worklist.set_state("b", State.DONE)
    (image,) = open_next_case(viewer)
    assert [layer.name for layer in viewer.layers] == ["c"]
    assert image.name == session_of(viewer).case == "c"
    for name in ("a", "c"):
        worklist.set_state(name, State.DONE)
    assert open_next_case(viewer) == []
    assert session_of(viewer).case == "c"


def test_layers_that_are_of_no_case_stay(viewer, worklist, asked):
    asked()
    mine = viewer.add_labels(np.ones((4, 6, 5), int), name="mine")
    points = viewer.add_points(np.zeros((1, 3)), name="places")
    open_case(viewer, "a")
    later = viewer.add_points(np.zeros((1, 3)), name="later")
    open_case(viewer, "b")
    assert {mine, points, later} < set(viewer.layers)
    assert case_labels(viewer) == []


def test_labels_painted_by_hand_are_saved_on_the_grid_of_the_file(viewer, worklist, asked, folder):
    import nibabel

    asked()
    image, *_ = open_case(viewer, "a")
    hand = viewer.add_labels(np.zeros((4, 6, 5), np.uint8), **_grid(image))
    assert unsaved(viewer) == []  # nothing in it yet
    shown = {"napari-medseg": {"preview": True}}
    only_shown = viewer.add_labels(np.ones((4, 6, 5), np.uint8), metadata=shown, **_grid(image))
    paint(hand, 3)
    assert unsaved(viewer) == [hand]
    assert save_case(viewer)
    assert unsaved(viewer) == []
    assert worklist.state_of("a") is State.IN_WORK
    saved = nibabel.load(worklist.labels_path("a"))
    source = nibabel.load(folder / "a.nii.gz")
    np.testing.assert_allclose(saved.affine, source.affine)
    assert saved.shape == source.shape
    np.testing.assert_array_equal(read_labels(worklist.labels_path("a")).array[0], hand.data)
    viewer.layers.remove(only_shown)
    open_case(viewer, "b")
    assert [layer.name for layer in viewer.layers] == ["b"]
    *_, labels = open_case(viewer, "a")
    np.testing.assert_array_equal(labels.data, hand.data)


def _grid(image):
    return {
        "scale": image.scale,
        "translate": image.translate,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def test_to_stay_keeps_everything(viewer, worklist, asked, checksums):
    questions = asked(UnsavedAnswer(Choice.STAY))
    save_labels_of(worklist, "a")
    _, labels = open_case(viewer, "a")
    paint(labels)
    before, layers = checksums(), list(viewer.layers)
    assert open_case(viewer, "b") == []
    assert open_next_case(viewer) == []
    assert list(viewer.layers) == layers
    assert session_of(viewer).case == "a"
    assert checksums() == before
    assert questions[0] == ("a", ["a · labels"], False)


def test_to_discard_goes_on_and_leaves_the_file(viewer, worklist, asked, checksums):
    asked(UnsavedAnswer(Choice.DISCARD))
    expected = save_labels_of(worklist, "a")
    _, labels = open_case(viewer, "a")
    paint(labels, 7)
    before = checksums()
    assert open_case(viewer, "b")
    assert checksums() == before
    _, labels = open_case(viewer, "a")
    np.testing.assert_array_equal(labels.data, expected)


def test_to_save_writes_and_goes_on(viewer, worklist, asked):
    asked(UnsavedAnswer(Choice.SAVE))
    save_labels_of(worklist, "a")
    _, labels = open_case(viewer, "a")
    paint(labels, 7)
    assert open_case(viewer, "b")
    np.testing.assert_array_equal(read_labels(worklist.labels_path("a")).array[0], labels.data)
    assert worklist.state_of("a") is State.IN_WORK


def test_saving_by_itself_asks_no_more(viewer, worklist, asked):
    questions = asked(UnsavedAnswer(Choice.SAVE, 0, True))
    for name in ("a", "b", "c"):
        save_labels_of(worklist, name)
        *_, labels = open_case(viewer, name)
        paint(labels, 7)
    assert open_case(viewer, "a")
    assert len(questions) == 1
    assert all(read_labels(worklist.labels_path(n)).array.max() == 7 for n in ("a", "b", "c"))


def test_of_two_label_layers_the_person_says_which(viewer, worklist, asked):
    asked(UnsavedAnswer(Choice.SAVE, 1))
    image, *_ = open_case(viewer, "a")
    first = viewer.add_labels(np.full((4, 6, 5), 1, np.uint8), name="first", **_grid(image))
    viewer.add_labels(np.full((4, 6, 5), 2, np.uint8), name="second", **_grid(image))
    assert [layer.name for layer in unsaved(viewer)] == ["second", "first"]
    assert open_case(viewer, "b")
    np.testing.assert_array_equal(read_labels(worklist.labels_path("a")).array[0], first.data)


def test_the_selected_labels_are_the_ones_that_are_saved(viewer, worklist):
    image, *_ = open_case(viewer, "a")
    first = viewer.add_labels(np.full((4, 6, 5), 1, np.uint8), **_grid(image))
    second = viewer.add_labels(np.full((4, 6, 5), 2, np.uint8), **_grid(image))
    viewer.layers.selection.active = image
    assert labels_to_save(viewer) is second
    viewer.layers.selection.active = first
    assert labels_to_save(viewer) is first


def test_a_file_that_somebody_else_wrote_is_asked_about(viewer, worklist, asked, checksums):
    questions = asked(replace=False)
    save_labels_of(worklist, "a")
    _, labels = open_case(viewer, "a")
    save_labels_of(worklist, "a", value=9)  # in another window
    paint(labels)
    before = checksums()
    assert not save_case(viewer)
    assert questions == [("a.nii.gz", "study-labels")]
    assert checksums() == before
    assert unsaved(viewer) == [labels]
    asked(replace=True)
    assert save_case(viewer)
    (kept,) = (worklist.labels_folder / "earlier").glob("*.nii.gz")
    assert hashlib.sha256(kept.read_bytes()).hexdigest() in before.values()
    assert save_case(viewer)  # now it is ours


def test_labels_that_came_with_the_folder_are_never_written(viewer, tmp_path, asked, checksums):
    asked(UnsavedAnswer(Choice.SAVE))
    image = Volume(np.zeros((1, 6, 5), np.uint8), (1.0, 1.0), spacing_known=False)
    write_image(tmp_path / "set" / "images" / "x.png", image)
    write_labels(tmp_path / "set" / "masks" / "x.png", np.eye(6, 5, dtype=np.uint8), like=image)
    before = checksums()
    worklist = session_of(viewer).worklist = Worklist.open(tmp_path / "set")
    _, labels = open_case(viewer, "x")
    assert labels.name == "x · labels it came with"
    assert unsaved(viewer) == []
    labels.data_setitem((np.array([0]), np.array([3])), 4)
    assert save_case(viewer, state=State.DONE)
    assert before.items() <= checksums().items()
    assert worklist.labels_path("x") == tmp_path / "set-labels" / "x.png"
    assert worklist.state_of("x") is State.DONE
    open_case(viewer, "x")
    assert [layer.name for layer in viewer.layers] == ["x", "x · labels"]
    assert viewer.layers[1].data.max() == 4


def test_saved_labels_that_cannot_be_read_are_said_and_kept(
    viewer, worklist, asked, notices, checksums
):
    asked(replace=False)
    save_labels_of(worklist, "a")
    worklist.labels_path("a").write_bytes(b"cut off")
    before = checksums()
    (image,) = open_case(viewer, "a")
    assert "labels of a are not shown" in notices[-1].message
    paint(viewer.add_labels(np.zeros((4, 6, 5), np.uint8), **_grid(image)))
    assert not save_case(viewer)
    assert checksums() == before


def test_labels_that_lie_elsewhere_are_not_shown(viewer, worklist, notices):
    other = Volume(np.zeros((1, 3, 3, 3)), (1.0, 1.0, 1.0))
    write_labels(worklist.labels_path("a"), np.ones((3, 3, 3), np.uint8), like=other)
    worklist.refresh()
    assert len(open_case(viewer, "a")) == 1
    assert "they were made for another image" in notices[-1].message


def test_an_image_that_cannot_be_read_leaves_the_open_case(viewer, worklist, folder):
    open_case(viewer, "a")
    (folder / "b.nii.gz").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        open_case(viewer, "b")
    assert [layer.name for layer in viewer.layers] == ["a"]
    assert session_of(viewer).case == "a"


def test_what_was_dropped_is_not_asked_about_again_unless_it_changes(viewer, worklist, asked):
    from napari_medseg.widgets.case_files import read_case

    questions = asked(UnsavedAnswer(Choice.DISCARD))
    save_labels_of(worklist, "a")
    _, labels = open_case(viewer, "a")
    paint(labels)
    dropped = leave_case(viewer)
    read = read_case(worklist.case("b"), None)
    paint(labels, 5)  # while the next one is read
    assert show_case(viewer, read, dropped)
    assert len(questions) == 2
    assert show_case(viewer, read, leave_case(viewer))
    assert len(questions) == 2


def test_a_label_layer_deleted_by_hand_is_not_in_the_way(viewer, worklist, asked):
    asked()
    save_labels_of(worklist, "a")
    _, labels = open_case(viewer, "a")
    paint(labels)
    viewer.layers.remove(labels)
    assert unsaved(viewer) == []
    assert open_case(viewer, "b")
    close_case(viewer)
    assert not viewer.layers
    assert session_of(viewer).case == ""
    assert not save_case(viewer)


def test_without_a_folder_it_says_so(viewer):
    with pytest.raises(ValueError, match="no folder of cases is open"):
        open_next_case(viewer)


def test_a_models_answer_is_not_saved_as_done_without_its_provenance(viewer, worklist):
    image, *_ = open_case(viewer, "a")
    labels = viewer.add_labels(np.ones((4, 6, 5), np.uint8), **_grid(image))
    labels.metadata[KEY] = {"provenance": {"model": "liver"}}
    assert save_case(viewer, state=State.DONE)
    beside = worklist.labels_path("a").with_name("a.json")
    assert json.loads(beside.read_text()) == {"model": "liver"}
    assert worklist.record("a").written


def test_a_write_that_fails_is_said_and_the_labels_stay(viewer, worklist, asked, notices):
    asked(UnsavedAnswer(Choice.SAVE))
    image, *_ = open_case(viewer, "a")
    hand = viewer.add_labels(np.ones((4, 6, 5), np.uint8), **_grid(image))
    worklist.labels_folder.touch()  # a file where the folder should be
    assert open_case(viewer, "b") == []
    assert hand in viewer.layers
    assert "choose another folder" in notices[-1].message
    assert worklist.state_of("a") is State.NEW
