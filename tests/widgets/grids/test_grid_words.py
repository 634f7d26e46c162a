"""What is asked about labels on another grid, and how they are placed: words and arrays only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.card import LabelClass
from napari_medseg.io.placing import Relation, grid_relation
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Storage, Volume
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.grids import placing
from napari_medseg.widgets.grids.placing import Request, placed_layer
from napari_medseg.widgets.grids.questions import LayerQuestion, image_grid
from napari_medseg.widgets.layers import same_place
from napari_medseg.widgets.volume_layers import from_volume
from napari_medseg.widgets.volumes import KEY

IMAGE = Volume(np.zeros((1, 6, 8, 10), np.float32), (2.0, 1.0, 1.0), name="ct")


def labels_in(start, shape):
    """Return labels of ones in whole voxels of the image, from `start` on."""
    affine = IMAGE.affine.copy()
    affine[:, 3] = affine @ (*start, 1)
    return Volume(np.ones((1, *shape), np.uint8), IMAGE.spacing, affine, name="seg")


def coarse():
    """Return labels on voxels twice as long along each axis, which cover the image."""
    affine = IMAGE.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (0.5, 0.5, 0.5)
    affine[:3, :3] *= 2
    values = np.arange(60, dtype=np.uint8).reshape(1, 3, 4, 5) % 3
    return Volume(values, (4.0, 2.0, 2.0), affine, name="seg")


def request(labels):
    return Request(labels, IMAGE, grid_relation(labels, IMAGE))


@pytest.fixture
def scene():
    viewer = ViewerModel()
    ((values, kwargs, kind),) = from_volume(replace(IMAGE, array=IMAGE.array + 1))
    assert kind == "image"
    viewer.add_image(values, **kwargs)
    viewer.add_labels(np.zeros((3, 4, 5), np.uint8), name="seg")
    return viewer


@pytest.mark.parametrize(
    ("kind", "said", "verb", "tip"),
    [
        (
            "shifted",
            "'seg' has not the size of 'ct'",
            "Place on the image",
            "nothing is",
        ),
        ("other", "'seg' lies on another grid than 'ct'", "Resample onto it", "centre"),
    ],
)
def test_a_question_says_what_is_and_what_each_answer_does(scene, kind, said, verb, tip):
    image, labels = scene.layers
    asked = LayerQuestion(labels, image, Relation(kind, "as it is"))
    assert asked.words == f"{said}: as it is."
    assert asked.verb == verb
    assert tip in asked.tip
    assert asked.tip.endswith("makes a new layer, the file stays as it is")
    assert asked.keep_words
    assert asked.keep_tip
    assert asked.holds(scene)
    scene.layers.remove(labels)
    assert not asked.holds(scene)


def test_labels_of_whole_voxels_are_placed_exactly_and_those_of_others_by_the_nearest():
    moved = request(labels_in((1, 2, 3), (2, 3, 4)))
    assert moved.relation.kind == "shifted"
    placed = moved.place()
    expected = np.zeros((6, 8, 10), np.uint8)
    expected[1:3, 2:5, 3:7] = 1
    np.testing.assert_array_equal(placed.array[0], expected)
    large = request(coarse())
    assert large.relation.kind == "other"
    every = large.labels.array[0].repeat(2, 0).repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(large.place().array[0], every)


def test_placing_tells_what_it_does_and_stops_when_asked():
    told = []

    def stop(step):
        told.append(step.note)
        raise Cancelled

    with pytest.raises(Cancelled):
        request(coarse()).place(stop)
    assert told == ["placing the labels …"]


def test_labels_too_large_for_memory_are_said_before_they_are_made(monkeypatch):
    asked = request(coarse())
    monkeypatch.setattr(placing, "host_memory", lambda: (479, 10**9))  # they take 480 bytes
    with pytest.raises(ValueError, match=r"labels for every voxel of 'ct' take .* close other"):
        asked.place()
    monkeypatch.setattr(placing, "host_memory", lambda: (480, 10**9))
    assert asked.place().shape == (6, 8, 10)
    monkeypatch.setattr(placing, "host_memory", lambda: (None, None))  # nobody knows
    assert asked.place().shape == (6, 8, 10)


def test_the_new_layer_lies_on_the_image_knows_where_it_comes_from_and_belongs_to_no_file(scene):
    image = scene.layers[0]
    file = Storage((0, 1, 2), (False,) * 3, path="/scans/seg.nii.gz")
    labels = replace(coarse(), storage=file)
    asked = Request(labels, image_grid(image), grid_relation(labels, IMAGE))
    classes = [LabelClass(value=1, name="liver"), LabelClass(value=2, name="cyst")]
    layer = placed_layer(asked.place(), asked, image, classes, provenance={"model": "net"})
    assert layer.name == "seg · resampled onto ct"
    assert same_place(layer, image)
    assert layer.data.flags.c_contiguous
    assert layer.data.flags.writeable
    assert [c.name for c in classes_of(layer)] == ["liver", "cyst"]
    about = layer.metadata[KEY]["provenance"]
    assert about["model"] == "net"
    assert about["placed"]["from"] == "/scans/seg.nii.gz"
    assert about["placed"]["grids"] == asked.relation.words
    assert layer.source.path is None
    moved = request(labels_in((1, 2, 3), (2, 3, 4)))
    plain = placed_layer(moved.place(), moved, image, ())
    assert plain.name == "seg · placed on ct"
    assert plain.metadata[KEY]["provenance"]["placed"]["from"] == "seg"


def test_the_grid_of_an_image_has_its_place_and_name_and_none_of_its_values(scene):
    grid = image_grid(scene.layers[0])
    assert (grid.name, grid.shape, grid.spacing) == ("ct", (6, 8, 10), (2.0, 1.0, 1.0))
    assert not grid.array.any()
    np.testing.assert_allclose(grid.affine, IMAGE.affine)
