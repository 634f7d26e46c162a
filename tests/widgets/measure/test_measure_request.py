"""What is measured: the labels of a layer where they lie, and the image under them."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import trimesh
from napari.components import ViewerModel

from napari_medseg.measures.measuring import mask_of
from napari_medseg.volume import Volume
from napari_medseg.widgets.measure.request import images_under, measured, request_of
from napari_medseg.widgets.measure.saving import save_surface
from napari_medseg.widgets.volume_layers import from_labels, from_volume

GRID = {"scale": (3.0, 0.5, 0.5), "translate": (-30.0, 5.0, 7.0), "units": "mm"}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def values():
    labels = np.zeros((6, 12, 14), np.uint8)
    labels[2:4, 3:9, 4:10], labels[5, 11, 13] = 2, 2
    return labels


def rows(viewer, layer, image=None, **more):
    request, measures = measured(request_of(viewer, layer, image, **more))
    return request, measures


def test_labels_are_a_copy_with_the_place_of_their_layer(viewer, values):
    layer = viewer.add_labels(values, name="organs", **GRID)
    request, measures = rows(viewer, layer)
    layer.data[:] = 0
    assert request.labels.any()
    (row,) = measures.classes
    assert (measures.unit, row.name, row.voxels) == ("mm", "class 2", 73)
    assert row.size == pytest.approx(73 * 0.75)
    z, y, x = np.array(row.centre) * (3, 0.5, 0.5) + (-30, 5, 7)
    assert row.place == pytest.approx((-x, -y, z))  # napari's axes run up, to the back, to the left


def test_an_image_read_from_a_tilted_scan_says_where_the_patient_is(viewer, values):
    affine = np.array([[0.1, 0, -0.5, 9], [0, -0.5, 0, 20], [3, 0, 0.1, 30], [0, 0, 0, 1.0]])
    scan = Volume(values[None] * 10, (3.0, 0.5, 0.5), affine, name="scan")
    (data,) = from_volume(scan)
    image = viewer.add_image(data[0], **{k: v for k, v in data[1].items() if k != "rgb"})
    kept, meta, _ = from_labels(scan.with_array(values[None]))
    theirs = viewer.add_labels(kept, **meta)
    own = viewer.add_labels(values, scale=image.scale, translate=image.translate, units="mm")
    assert images_under(viewer, theirs) == images_under(viewer, own) == [image]
    for layer in (theirs, own):
        (row,) = rows(viewer, layer, image)[1].classes
        assert row.place == pytest.approx((affine @ [*row.centre, 1])[:3])
        assert row.grey.mean == 20


def test_only_images_on_the_same_voxels_are_offered_the_seen_ones_first(viewer, values):
    layer = viewer.add_labels(values, **GRID)
    hidden = viewer.add_image(values, name="hidden", visible=False, **GRID)
    seen = viewer.add_image(values, name="seen", **GRID)
    viewer.add_image(values, name="moved", scale=GRID["scale"], units="mm")
    viewer.add_image(values[:3], name="part", **GRID)
    viewer.add_image(values, name="map", metadata={"napari-medseg": {"map": "likely"}}, **GRID)
    assert images_under(viewer, layer) == [seen, hidden]


def test_colours_are_measured_by_their_mean_and_lazy_images_in_the_thread(viewer, values):
    flat = viewer.add_labels(values[3])
    colour = np.zeros((12, 14, 3), np.uint8)
    colour[...] = 10, 20, 60
    image = viewer.add_image(colour, rgb=True)
    assert images_under(viewer, flat) == [image]
    assert rows(viewer, flat, image)[1].classes[0].grey.mean == 30
    lazy = viewer.add_image(dask.array.from_array(values[3] * 7.0))
    request = request_of(viewer, flat, lazy)
    assert not isinstance(request.image, np.ndarray)
    assert measured(request)[1].classes[0].grey.mean == 14


@pytest.mark.parametrize(
    ("grid", "unit"),
    [({}, "px"), ({"scale": (2, 1, 1)}, "units"), ({"scale": (2, 1, 1), "units": "mm"}, "mm")],
)
def test_the_unit_is_what_somebody_said(viewer, values, grid, unit):
    layer = viewer.add_labels(values, **grid)
    _, measures = rows(viewer, layer)
    assert measures.unit == unit
    assert measures.classes[0].size == 73 * np.prod(grid.get("scale", 1))


def test_a_ct_is_measured_in_hounsfield_units(viewer, values):
    layer = viewer.add_labels(values, **GRID)
    ct = viewer.add_image(np.where(values > 0, 40, -1000).astype(np.int16), **GRID)
    mri = viewer.add_image(values * 100.0, **GRID)
    assert rows(viewer, layer, ct)[1].grey_unit == "HU"
    assert rows(viewer, layer, mri)[1].grey_unit == ""


def test_the_slices_are_those_one_steps_through(viewer, values):
    layer = viewer.add_labels(values, **GRID)
    assert rows(viewer, layer)[0].axis == 0
    viewer.dims.order = (2, 0, 1)
    request, measures = rows(viewer, layer)
    assert request.axis == 2
    assert 4 <= measures.classes[0].slice_index < 10


def test_the_time_step_one_sees_is_measured(viewer, values):
    layer = viewer.add_labels(np.stack([values * 0, values]), scale=(1, 3, 0.5, 0.5))
    image = viewer.add_image(np.stack([values, values * 5]), scale=(1, 3, 0.5, 0.5))
    assert not rows(viewer, layer, image)[1].classes
    viewer.dims.set_point(0, 1)
    request, measures = rows(viewer, layer, image)
    assert request.step == (1,)
    assert measures.classes[0].grey.mean == 10


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_mask_of_a_row_is_what_was_counted(viewer, values, number):
    layer = viewer.add_labels(values, **GRID)
    request, measures = rows(viewer, layer)
    row = next(r for r in (*measures.classes, *measures.objects) if r.number == number)
    box, mask = mask_of(request.labels, row)
    assert np.count_nonzero(mask) == row.voxels
    centre = [s.start + i.mean() for s, i in zip(box, np.nonzero(mask), strict=True)]
    assert centre == pytest.approx(row.centre)


def test_of_objects_alike_in_size_the_right_one_is_taken():
    labels = np.zeros((1, 9, 9), np.uint8)
    labels[0, 0, :8], labels[0, 2:, 0] = 1, 1
    labels[0, 1:8, 8] = 1  # the box of the first holds parts of others
    from napari_medseg.measures import measure

    for row in measure(labels, (1, 1, 1)).objects:
        box, mask = mask_of(labels, row)
        at = [s.start + i.mean() for s, i in zip(box, np.nonzero(mask), strict=True)]
        assert at == pytest.approx(row.centre)


def test_a_surface_lies_where_the_row_says(viewer, values, tmp_path):
    layer = viewer.add_labels(values, **GRID)
    request, measures = rows(viewer, layer)
    big = measures.objects[0]
    path = save_surface(request, big, tmp_path / "big.ply", 0.0)
    mesh = trimesh.load_mesh(path)
    right, front, head = big.place
    assert mesh.center_mass == pytest.approx((-right, -front, head), abs=1e-3)
    whole = trimesh.load_mesh(save_surface(request, measures.classes[0], tmp_path / "all.stl", 0.0))
    assert whole.body_count == 2
    assert whole.volume > mesh.volume
