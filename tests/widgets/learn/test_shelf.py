"""Cases follow the project: moved when it is saved, left alone when another one is opened."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.casebook import Casebook, casebook_folder
from napari_medseg.engine.cases import Case
from napari_medseg.volume import Volume
from napari_medseg.widgets.keeping.opening import remember_project
from napari_medseg.widgets.keeping.saving import saves_of
from napari_medseg.widgets.learn.shelf import Shelf, shelf_of, take_along


@pytest.fixture
def shelf(scene):
    return shelf_of(scene)


def add(book, seed=0):
    values = np.random.default_rng(seed).random((1, 8, 9)).astype(np.float32)
    labels = np.ones((8, 9), np.uint8)
    return book.add(Case(Volume(values, (1, 1)), labels, name=f"case {seed}"), copy_image=True)


def names(book):
    return [entry.name for entry in book.entries]


def save_as(qtbot, viewer, shelf, path):
    remember_project(viewer, path)
    saves_of(viewer).changed.emit()
    qtbot.waitUntil(lambda: shelf.book.project == path and not shelf._moving)


def test_cases_move_with_the_first_save_and_are_copied_by_save_as(qtbot, scene, shelf, tmp_path):
    assert not shelf.is_saved
    before = shelf.book.folder
    assert not before.exists()
    add(shelf.book)
    first, second = tmp_path / "a.medseg.json", tmp_path / "b.medseg.json"
    save_as(qtbot, scene, shelf, first)
    assert names(shelf.book) == ["case 0"]
    assert shelf.is_saved
    assert not before.exists()
    save_as(qtbot, scene, shelf, second)
    assert names(Casebook.open(first)) == names(Casebook.open(second)) == ["case 0"]
    assert len(shelf.book.load(shelf.book.entries[0]).labels) == 8


def test_opening_a_project_shows_its_own_cases_and_offers_the_others_later(scene, shelf, tmp_path):
    add(shelf.book)
    left = shelf.book.project
    other = Casebook.open(tmp_path / "other.medseg.json")
    add(other, 1)
    remember_project(scene, other.project)
    shelf.look()
    assert names(shelf.book) == ["case 1"]
    [offered] = shelf.earlier()
    assert offered.project == left
    shelf.take(left)
    assert names(shelf.book) == ["case 0"]
    assert shelf.earlier() == []


def test_while_something_learns_the_cases_stay_where_they_are(scene, shelf, tmp_path):
    add(shelf.book)
    shelf.held = True
    remember_project(scene, tmp_path / "a.medseg.json")
    shelf.look()
    assert not shelf.is_saved


def test_cases_brought_to_others_come_after_them_each_image_once(tmp_path):
    old, new = (Casebook.open(tmp_path / f"{name}.medseg.json") for name in "ab")
    kept = add(old, 0)
    old.update(kept, weight=2.0, used=False)
    add(old, 1)
    add(new, 1)
    take_along(old.project, new.project, keep=False)
    new.refresh()
    assert names(new) == ["case 1", "case 0"]
    assert (new.entries[1].weight, new.entries[1].used) == (2.0, False)
    assert not casebook_folder(old.project).exists()


def test_two_viewers_have_their_own_cases(scene, shelf):
    from napari.components import ViewerModel

    other = Shelf(ViewerModel())
    add(shelf.book)
    other.refresh()
    assert other.book.entries == ()
    assert other.earlier() == []  # they are in use, not left behind
