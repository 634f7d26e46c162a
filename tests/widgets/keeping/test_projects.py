"""A project brings back everything as it was, in a fresh viewer and after files were moved."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_medseg.engine.card import LabelClass
from napari_medseg.interact.prompts import Prompt
from napari_medseg.io import write_image
from napari_medseg.journal import find_journals, journal_directory
from napari_medseg.project import folder_of, read_project
from napari_medseg.volume import Volume
from napari_medseg.widgets.case_questions import Choice
from napari_medseg.widgets.classes.class_list import classes_of, set_classes, set_visible
from napari_medseg.widgets.classes.stored import hidden_of, locked_of, set_locked
from napari_medseg.widgets.keeping import opening, questions
from napari_medseg.widgets.keeping.following import follow, keepers_of
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.keeping.prompts import keep_prompts, kept_prompts
from napari_medseg.widgets.keeping.saving import saves_of
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.placement import same_grid
from napari_medseg.widgets.readers import open_dropped
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import place_of

PROMPTS = (
    Prompt(kind="point", value=2, points=((1.5, 2.0, 3.0),), radius=1.0, time=7.0),
    Prompt(kind="box", value=1, points=((0.0, 0.0, 0.0), (4.0, 5.0, 6.0)), positive=False),
)


@pytest.fixture
def folder(tmp_path, image_values):
    """Two modalities of a case, in a folder of their own."""
    folder = tmp_path / "Studie" / "bilder"
    folder.mkdir(parents=True)
    for number, name in enumerate(("FLAIR", "T1")):
        volume = Volume(image_values[None] + number, (2.0, 0.8, 0.7))
        write_image(folder / f"bilder_{name}.nii.gz", volume)
    return folder


def _state(viewer):
    """Return all of a viewer that a project is to bring back."""
    layers = {}
    for layer in viewer.layers:
        _, meta, kind = layer.as_layer_data_tuple()
        place = {n: np.asarray(meta[n]).tolist() for n in ("scale", "translate", "affine")}
        look = [layer.opacity, layer.visible, layer.blending, [str(u) for u in layer.units]]
        state = [kind, np.asarray(layer.data), place, look, place_of(layer).affine.tolist()]
        if kind == "image":
            state.append([layer.contrast_limits, layer.gamma, layer.colormap.name])
        else:
            painted = painted_of(layer)
            state += [painted.reviewed, painted.changed, layer.selected_label]
            state.append([(c.value, c.name, c.colour) for c in classes_of(layer)])
            state.append([locked_of(layer), hidden_of(layer)])
            state.append([prompts for _, prompts in kept_prompts(layer)])
        layers[layer.name] = state
    camera = viewer.scene.camera
    view = [viewer.dims.point, viewer.dims.ndisplay, viewer.dims.order, camera.zoom, camera.center]
    return layers, view, viewer.layers.selection.active.name


def _same(one, other):
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key, value in one.items():
            _same(value, other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            _same(left, right)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=1e-5)
    else:
        assert one == other


def _worked_on(viewer, folder, stroke):
    open_dropped(viewer, [folder])
    flair = viewer.layers[0]
    flair.contrast_limits, flair.gamma = (20.0, 190.0), 1.2
    viewer.add_image(np.random.default_rng(1).integers(0, 255, (12, 9, 3), np.uint8), name="photo")
    values = np.zeros(flair.data.shape, np.uint16)
    labels = viewer.add_labels(values, name="Tumor", opacity=0.6, **same_grid(flair))
    painted_of(labels).write_answer((flair.data > 140).astype(np.uint16), "Segment")
    stroke(labels, (3, 9, 9), (3, 14, 9), value=2)
    painted_of(labels).mark_reviewed((slice(5, 6), slice(None), slice(None)))
    set_classes(
        labels,
        [
            LabelClass(value=1, name="Ödem", colour="#e69f00"),
            LabelClass(value=2, name="core", colour="#0072b2"),
        ],
    )
    set_locked(labels, 1, True)
    set_visible(labels, 1, False)
    keep_prompts(labels, [((), PROMPTS)])
    labels.selected_label = 2
    viewer.dims.point = (6.0, 3.2, 3.5)
    viewer.scene.camera.zoom = 3.5
    viewer.layers.selection.active = viewer.layers["Tumor"]
    return labels


@pytest.fixture
def save_and_wait(qtbot, monkeypatch):
    def save(viewer, path):
        monkeypatch.setattr(questions, "ask_project", lambda _start: str(path))
        opening.save_project_as(viewer)
        qtbot.waitUntil(lambda: not saves_of(viewer).running)

    return save


@pytest.fixture
def open_and_wait(qtbot):
    def open_it(viewer, path):
        opening.open_project(viewer, path)
        qtbot.waitUntil(lambda: opening.project_path(viewer) == Path(path))

    return open_it


def test_a_fresh_viewer_is_as_the_old_one_was(
    sitting, folder, stroke, save_and_wait, open_and_wait, written, tmp_path
):
    first = sitting()
    labels = _worked_on(first, folder, stroke)
    state = _state(first)
    path = tmp_path / "Studie" / "fall.medseg.json"
    assert keepers_of(first)[0].is_unsaved
    save_and_wait(first, path)
    assert not keeper_of(labels).is_unsaved
    written()
    assert find_journals([folder, journal_directory()]) == []
    assert opening.recent_projects() == [path]
    second = sitting()
    open_and_wait(second, path)
    _same(_state(second), state)
    assert not keeper_of(second.layers["Tumor"]).is_unsaved
    stroke(second.layers["Tumor"], (2, 4, 4), value=2)
    assert keeper_of(second.layers["Tumor"]).is_unsaved


def test_moved_with_its_images_it_opens_and_moved_without_them_it_asks_where_they_are(
    sitting, folder, stroke, save_and_wait, open_and_wait, tmp_path, monkeypatch, notices, qtbot
):
    first = sitting()
    _worked_on(first, folder, stroke)
    state = _state(first)
    save_and_wait(first, tmp_path / "Studie" / "fall.medseg.json")
    moved = tmp_path / "umgezogen"
    os.rename(tmp_path / "Studie", moved)
    second = sitting()
    open_and_wait(second, moved / "fall.medseg.json")
    _same(_state(second), state)

    os.rename(moved / "bilder", tmp_path / "anderswo")
    asked = []

    def answer(name, _start, *, folder):
        asked.append(name)
        return str(tmp_path / "anderswo" / name)

    monkeypatch.setattr(questions, "ask_where_it_is", answer)
    third = sitting()
    open_and_wait(third, moved / "fall.medseg.json")
    _same(_state(third), state)
    assert asked == ["bilder_FLAIR.nii.gz"]  # the other one lies beside it

    other = Volume(np.zeros((1, *first.layers[0].data.shape), np.float32), (2.0, 0.8, 0.7))
    write_image(tmp_path / "anderswo" / "bilder_T1.nii.gz", other)
    fourth = sitting()
    opening.open_project(fourth, moved / "fall.medseg.json")
    qtbot.waitUntil(lambda: bool(notices))
    assert "is not the image this project was made with" in notices[-1].message
    assert len(fourth.layers) == 0

    monkeypatch.setattr(questions, "ask_where_it_is", lambda *_, **__: "")
    opening.open_project(fourth, moved / "fall.medseg.json")
    assert len(fourth.layers) == 0


def test_damaged_newer_and_missing_projects_say_so_and_leave_the_viewer_alone(
    sitting, folder, stroke, save_and_wait, tmp_path, notices, qtbot
):
    first = sitting()
    _worked_on(first, folder, stroke)
    path = tmp_path / "a.medseg.json"
    save_and_wait(first, path)
    state = _state(first)
    content = json.loads(path.read_text("utf-8"))
    damaged = tmp_path / "b.medseg.json"
    damaged.write_text(path.read_text("utf-8")[:300], "utf-8")
    newer = tmp_path / "c.medseg.json"
    newer.write_text(json.dumps(content | {"version": 99}), "utf-8")
    promptless = tmp_path / "e.medseg.json"
    content["labels"][0]["carried"]["prompts"][0]["prompts"][0]["points"] = [[1, 2]]
    promptless.write_text(json.dumps(content), "utf-8")
    for file, words in (
        (damaged, "damaged"),
        (newer, "newer MedSeg"),
        (tmp_path / "d.medseg.json", "moved or deleted"),
    ):
        opening.open_project(first, file)
        assert words in notices[-1].message
    shutil.copytree(folder_of(path), folder_of(promptless))
    count = len(notices)
    opening.open_project(first, promptless)
    qtbot.waitUntil(lambda: len(notices) > count)
    assert "damaged" in notices[-1].message
    shutil.rmtree(folder_of(path))
    count = len(notices)
    opening.open_project(first, path)
    qtbot.waitUntil(lambda: len(notices) > count)
    assert "copy that folder with the project" in notices[-1].message
    _same(_state(first), state)


def test_what_is_not_saved_is_asked_about_before_a_project_takes_its_place(
    sitting, folder, stroke, save_and_wait, tmp_path, monkeypatch, qtbot
):
    first = sitting()
    labels = _worked_on(first, folder, stroke)
    path = tmp_path / "a.medseg.json"
    save_and_wait(first, path)
    stroke(labels, (7, 20, 20), value=2)
    answers, asked = [Choice.STAY, Choice.DISCARD], []

    def ask(names):
        asked.append(list(names))
        return answers.pop(0)

    monkeypatch.setattr(questions, "ask_closing", ask)
    opening.open_project(first, path)
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert labels in first.layers
    opening.open_project(first, path)
    qtbot.waitUntil(lambda: labels not in first.layers)
    assert asked == [["Tumor"], ["Tumor"]]
    assert not (first.layers["Tumor"].data[7] == 2).any()


def test_the_model_comes_back_if_it_is_the_same_file(
    sitting, models, folder, stroke, save_and_wait, open_and_wait, tmp_path, notices
):
    from napari_medseg.widgets.model_choice import model_choice_of

    first = sitting()
    _worked_on(first, folder, stroke)
    model_choice_of(first).open(models / "tiny-volume.safetensors")
    path = tmp_path / "a.medseg.json"
    save_and_wait(first, path)
    told = read_project(path).content["model"]
    assert (told["name"], len(told["sha256"])) == ("tiny-volume", 64)
    second = sitting()
    open_and_wait(second, path)
    assert session_of(second).model.card.name == "tiny-volume"
    (models / "tiny-volume.safetensors").unlink()
    third = sitting()
    open_and_wait(third, path)
    assert "tiny volume" in notices[-1].message
    assert len(third.layers) == len(second.layers)


def test_a_disk_that_is_full_is_said_and_the_labels_stay_unsaved(
    sitting, folder, stroke, save_and_wait, tmp_path, monkeypatch, notices
):
    viewer = sitting()
    labels = _worked_on(viewer, folder, stroke)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    save_and_wait(viewer, tmp_path / "a.medseg.json")
    assert "the disk is full" in notices[-1].message
    assert keeper_of(labels).is_unsaved
    assert not list(tmp_path.glob("a.*/*.npz"))


def test_an_image_that_lies_nowhere_and_not_in_memory_cannot_be_part_of_a_project(
    sitting, save_and_wait, tmp_path, notices
):
    import dask.array

    viewer = sitting()
    viewer.add_image(dask.array.zeros((40, 40)), name="lazy")
    save_and_wait(viewer, tmp_path / "a.medseg.json")
    assert "read piece by piece" in notices[-1].message
    assert not list(tmp_path.iterdir())


def test_a_viewer_without_the_workbench_can_open_one_too(
    sitting, folder, stroke, save_and_wait, open_and_wait, tmp_path
):
    first = sitting()
    _worked_on(first, folder, stroke)
    save_and_wait(first, tmp_path / "a.medseg.json")
    bare = ViewerModel()
    open_dropped(bare, [tmp_path / "a.medseg.json"])
    open_and_wait(bare, tmp_path / "a.medseg.json")
    follow(bare)
    assert len(keepers_of(bare)) == 1
    assert all(isinstance(layer, Layer) for layer in bare.layers)


def test_an_image_in_pieces_comes_back_in_pieces(
    sitting, save_and_wait, open_and_wait, tmp_path, notices, qtbot
):
    import tifffile

    values = np.random.default_rng(0).integers(0, 200, (128, 96)).astype(np.uint8)
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(values, subifds=1, tile=(16, 16))
        tif.write(values[::2, ::2], subfiletype=1, tile=(16, 16))
    first = sitting()
    open_dropped(first, [path])
    assert first.layers[0].multiscale
    first.layers[0].contrast_limits = (3, 99)
    save_and_wait(first, tmp_path / "a.medseg.json")
    second = sitting()
    open_and_wait(second, tmp_path / "a.medseg.json")
    (slide,) = second.layers
    assert slide.multiscale
    assert slide.contrast_limits == [3, 99]
    np.testing.assert_array_equal(np.asarray(slide.data[0]), values)
    with tifffile.TiffWriter(path) as tif:
        tif.write(values, subifds=1, tile=(16, 16))
        tif.write(values[1::2, ::2], subfiletype=1, tile=(16, 16))
    opening.open_project(second, tmp_path / "a.medseg.json")
    qtbot.waitUntil(lambda: bool(notices))
    assert "is not the" in notices[-1].message
