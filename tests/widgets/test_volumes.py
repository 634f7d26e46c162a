"""Layers become volumes and volumes become layers, and nothing is lost on the way."""

from __future__ import annotations

import itertools

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels

from napari_medseg.io import read_labels, read_volume, write_labels
from napari_medseg.volume import Storage, Volume
from napari_medseg.widgets.placement import grid_of
from napari_medseg.widgets.volume_layers import from_labels, from_volume
from napari_medseg.widgets.volumes import KEY, place_of, realised, stacked, to_volume


def _values(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    ("units", "millimetres"), [("mm", 1.0), ("um", 1e-3), ("cm", 10.0), ("m", 1000.0)]
)
def test_lengths_of_any_unit_become_millimetres(units, millimetres):
    volume = to_volume(Image(_values(4, 5, 6), scale=(3, 2, 1), units=units))
    np.testing.assert_allclose(volume.spacing, np.array([3, 2, 1]) * millimetres)
    assert volume.spacing_known


def test_pixels_are_no_length():
    volume = to_volume(Image(_values(4, 5, 6), scale=(3, 1, 1)))
    assert not volume.spacing_known


def test_axes_of_different_units():
    layer = Image(_values(2, 4, 5, 6), scale=(1, 2000, 2, 1), units=("s", "um", "mm", "mm"))
    assert to_volume(layer).spacing == pytest.approx((2, 2, 1))


def test_an_affine_counts_as_spacing():
    affine = np.diag([2.0, 3.0, 1.0])
    assert to_volume(Image(_values(4, 5), affine=affine, units="mm")).spacing == (2.0, 3.0)


def test_colour_becomes_channels_and_transparency_is_left_out():
    pixels = np.random.default_rng(0).integers(0, 255, (5, 6, 4)).astype(np.uint8)
    volume = to_volume(Image(pixels, rgb=True))
    assert volume.channels == ("red", "green", "blue")
    np.testing.assert_array_equal(volume.array, np.moveaxis(pixels[..., :3], -1, 0))


def test_the_shown_time_step_is_taken():
    layer = Image(_values(3, 4, 5, 6), scale=(10, 1, 1, 1))
    np.testing.assert_array_equal(to_volume(layer, (20, 0, 0, 0)).array[0], layer.data[2])
    np.testing.assert_array_equal(to_volume(layer).array[0], layer.data[0])
    np.testing.assert_array_equal(to_volume(layer, (99, 0, 0, 0)).array[0], layer.data[2])


def test_the_finest_level_of_a_multiscale_layer_is_taken():
    fine = _values(40, 60)
    layer = Image([fine, fine[::2, ::2]], multiscale=True)
    np.testing.assert_array_equal(realised(to_volume(layer)).array[0], fine)


def test_a_lazy_array_is_computed_only_when_it_is_needed():
    asked = []

    def block(values):
        asked.append(values.shape)
        return values

    lazy = da.from_array(_values(4, 5, 6)).map_blocks(block, meta=np.empty((0, 0, 0), np.float32))
    layer = Image(lazy, contrast_limits=(0, 1))
    asked.clear()
    volume = to_volume(layer)
    assert not asked
    np.testing.assert_array_equal(realised(volume).array[0], _values(4, 5, 6))
    assert asked


def test_channels_of_one_scan_are_stacked():
    a, b = Image(_values(4, 5, 6), name="T1"), Image(_values(4, 5, 6) + 1, name="T2")
    both = stacked([to_volume(a), to_volume(b)])
    assert both.array.shape == (2, 4, 5, 6)
    np.testing.assert_array_equal(both.array[1], b.data)


@pytest.mark.parametrize(
    "other",
    [
        {"data": _values(4, 5, 7)},
        {"data": _values(4, 5, 6), "scale": (2, 1, 1)},
        {"data": _values(4, 5, 6), "translate": (0, 9, 0)},
    ],
)
def test_channels_of_different_grids_are_refused_by_name(other):
    a = Image(_values(4, 5, 6), name="T1", units="mm")
    b = Image(name="T2", units="mm", **other)
    with pytest.raises(ValueError, match="T2"):
        stacked([to_volume(a), to_volume(b)])


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 5)] * 3),
    origin=st.tuples(*[st.floats(-100, 100)] * 3),
)
def test_a_volume_survives_being_a_layer(shape, spacing, origin):
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = spacing[0], -spacing[1], -spacing[2]
    affine[:3, 3], affine[3, 3] = origin, 1
    volume = Volume(_values(1, *shape), spacing, affine, name="scan")
    ((data, kwargs, kind),) = from_volume(volume)
    assert kind == "image"
    again = to_volume(Image(data, **kwargs))
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_allclose(again.affine, affine)
    # and the place in the viewer alone says the same, without our metadata
    plain = to_volume(Image(data, **{**kwargs, "metadata": {}}))
    np.testing.assert_allclose(plain.affine, affine, atol=1e-6)


def test_a_volume_without_a_place_in_the_world_starts_at_the_origin():
    ((_, kwargs, _),) = from_volume(Volume(_values(1, 3, 4, 5), (2.0, 1.0, 1.0)))
    np.testing.assert_allclose(kwargs["translate"], 0, atol=1e-9)
    assert kwargs["units"] == "mm"


def test_modalities_become_layers_of_their_own():
    volume = Volume(_values(2, 3, 4, 5), (1.0, 1.0, 1.0), channels=("FLAIR", "T1"), name="case")
    first, second = from_volume(volume)
    assert (first[1]["name"], second[1]["name"]) == ("case · FLAIR", "case · T1")
    assert (first[1]["visible"], second[1]["visible"]) == (True, False)


def test_a_photograph_becomes_one_colour_layer():
    storage = Storage((0, 1), (False, False), format="image")
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 5)).astype(np.uint8)
    volume = Volume(pixels, (1.0, 1.0), spacing_known=False, storage=storage)
    ((data, kwargs, _),) = from_volume(volume)
    layer = Image(data, **kwargs)
    assert layer.rgb
    assert not to_volume(layer).spacing_known


def _nifti(path, axcodes, shape=(6, 7, 8), zooms=(0.5, 0.7, 2.0)):
    import nibabel as nib

    ornt = nib.orientations.axcodes2ornt(axcodes)
    affine = np.zeros((4, 4))
    for axis, (world, sign) in enumerate(ornt):
        affine[int(world), axis] = sign * zooms[axis]
    affine[:, 3] = (-11, 23, 5, 1)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    nib.save(nib.Nifti1Image(values, affine), path)
    return affine


@pytest.mark.parametrize("axcodes", [("R", "A", "S"), ("L", "P", "I"), ("S", "R", "A")])
def test_labels_drawn_on_a_layer_land_on_the_grid_of_its_file(tmp_path, axcodes):
    import nibabel as nib

    affine = _nifti(tmp_path / "scan.nii.gz", axcodes)
    ((data, kwargs, _),) = from_volume(read_volume(tmp_path / "scan.nii.gz"))
    layer = Image(data, **kwargs)
    drawn = (layer.data > 0.5).astype(np.uint8)
    labels = Labels(drawn, metadata={KEY: {"place": place_of(layer)}}, scale=layer.scale)
    write_labels(tmp_path / "seg.nii.gz", drawn, like=grid_of(labels))
    stored, image = nib.load(tmp_path / "seg.nii.gz"), nib.load(tmp_path / "scan.nii.gz")
    np.testing.assert_allclose(stored.affine, affine)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), image.get_fdata() > 0.5)


def test_two_scans_of_one_person_overlay_in_the_viewer(tmp_path):
    _nifti(tmp_path / "a.nii", ("R", "A", "S"))
    _nifti(tmp_path / "b.nii", ("L", "A", "S"))
    (a,), (b,) = (from_volume(read_volume(tmp_path / f"{n}.nii")) for n in "ab")
    # the scan stored the other way round lies to the other side of the same origin
    assert a[1]["translate"][:2] == pytest.approx(b[1]["translate"][:2])
    assert a[1]["translate"][2] != pytest.approx(b[1]["translate"][2])


@pytest.mark.parametrize("known", [True, False])
def test_labels_without_a_file_are_written_where_their_layer_is(tmp_path, known):
    layer = Labels(
        np.eye(6, dtype=np.uint8)[None].repeat(4, 0),
        scale=(2, 0.5, 0.5),
        translate=(3, 0, 0),
        units="mm" if known else "pixel",
    )
    write_labels(tmp_path / "x.nii.gz", layer.data, like=grid_of(layer))
    back = read_labels(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(back.array[0], layer.data)
    assert back.spacing == pytest.approx((2, 0.5, 0.5))


def test_a_tilted_scan_says_by_how_much():
    turn = np.radians(20)
    straight = Volume(_values(1, 3, 4, 5), (2.0, 1.0, 1.0))
    for angle, degrees in ((0.0, 0), (turn, 20)):
        affine = np.eye(4)
        affine[:3, 0] = (0, np.sin(angle), np.cos(angle))
        affine[:3, 1] = (0, -np.cos(angle), np.sin(angle))
        affine[:3, 2] = (-1, 0, 0)
        tilted = Volume(straight.array, straight.spacing, affine)
        ((data, kwargs, _),) = from_volume(tilted)
        assert place_of(Image(data, **kwargs)).tilt == pytest.approx(degrees, abs=1e-3)


def test_labels_of_another_shape_forget_the_file():
    volume = Volume(_values(1, 3, 4, 5), (1.0, 1.0, 1.0), name="scan")
    _, kwargs, _ = from_labels(volume)
    layer = Labels(np.zeros((3, 4, 4), np.uint8), **{**kwargs, "name": "cut"})
    assert grid_of(layer).storage is None
    assert grid_of(layer).shape == (3, 4, 4)


def test_labels_without_metadata_take_the_grid_of_an_image_in_their_place():
    storage = Storage((2, 1, 0), (False, True, False), path="scan.nii.gz", format="nifti")
    volume = Volume(_values(1, 3, 4, 5), (2.0, 1.0, 1.0), storage=storage)
    ((data, kwargs, _),) = from_volume(volume)
    image = Image(data, **kwargs)
    there = {"scale": image.scale, "translate": image.translate, "units": "mm"}
    painted = Labels(np.zeros((3, 4, 5), np.uint8), **there)
    assert grid_of(painted, [painted, image]).storage is storage
    beside = Labels(np.zeros((3, 4, 5), np.uint8), **{**there, "translate": (50, 0, 0)})
    assert grid_of(beside, [image]).storage is None
    half = Labels(np.zeros((3, 4, 2), np.uint8), **there)
    assert grid_of(half, [image]).shape == (3, 4, 2)


@settings(deadline=None, max_examples=30)
@given(
    signs=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    angle=st.floats(-40, 40),
    dims=st.sampled_from((2, 3)),
)
def test_a_layer_mirrored_or_turned_by_hand_has_its_voxels_where_they_are_shown(signs, angle, dims):
    turn = np.eye(dims)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn[-2:, -2:] = [[c, -s], [s, c]]
    scale = np.array(signs[:dims]) * np.array((3, 2, 0.5))[-dims:]
    layer = Image(_values(*(3, 4, 5)[-dims:]), scale=scale, rotate=turn, units="mm")
    place = place_of(layer)
    assert place.spacing == pytest.approx(np.abs(scale))
    index = np.array((2, 1, 3)[-dims:])
    z, y, x = (0.0, *layer.data_to_world(index))[-3:]
    ras = place.affine @ (*(0, *index)[-3:], 1)
    np.testing.assert_allclose(ras[:3], (-x, -y, z), atol=1e-9)


def test_places_are_the_same_however_axes_are_flipped():
    for signs in itertools.product((1, -1), repeat=3):
        layer = Image(_values(3, 4, 5), scale=np.array(signs) * (2, 1, 0.5), units="mm")
        assert to_volume(layer).spacing == pytest.approx((2, 1, 0.5))
