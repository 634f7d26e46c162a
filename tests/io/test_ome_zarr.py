"""OME-Zarr in: stores made by zarr itself, with metadata written out by hand."""

from __future__ import annotations

import json
import shutil
import zipfile
from itertools import permutations

import numpy as np
import pytest
import zarr

from napari_medseg.io import open_pyramid
from napari_medseg.io.classes import ClassName

IMAGE = np.random.default_rng(0).integers(0, 60000, (2, 6, 8, 10)).astype(np.uint16)


def space(names="zyx", unit="millimeter", **more):
    return [{"name": n, "type": "space", **({"unit": unit} if unit else {}), **more} for n in names]


def placed(scale, translation=None):
    transforms = [{"type": "scale", "scale": scale}]
    if translation is not None:
        transforms.append({"type": "translation", "translation": translation})
    return transforms


@pytest.fixture
def store(tmp_path):
    """Write a store of two levels; `change` may edit the multiscale before it is written."""

    def make(array=IMAGE, axes=None, scale=(1, 3, 1, 0.5), version="0.5", change=None, **ome):
        path = tmp_path / "a.ome.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
        half = array[(..., *[slice(None, None, 2)] * 2)]
        datasets = []
        for i, values in enumerate((array, half)):
            group.create_array(str(i), data=values, chunks=tuple(min(4, n) for n in values.shape))
            doubled = (*scale[:-2], *(s * 2**i for s in scale[-2:]))
            datasets.append({"path": str(i), "coordinateTransformations": placed([*doubled])})
        axes = [{"name": "c", "type": "channel"}, *space()] if axes is None else axes
        multiscale = {"name": "knee", "axes": axes, "datasets": datasets}
        if change:
            change(multiscale)
        if version == "0.5":
            group.attrs["ome"] = {"version": version, "multiscales": [multiscale], **ome}
        else:
            group.attrs.update({"multiscales": [{"version": version, **multiscale}], **ome})
        return path

    return make


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_and_places_are_those_of_the_file(store, version):
    pyramid = open_pyramid(store(version=version))
    assert (pyramid.axes, pyramid.name, pyramid.format) == ("czyx", "knee", "ome-zarr")
    assert pyramid.spacing == ((3.0, 1.0, 0.5), (3.0, 2.0, 1.0))
    assert [pyramid.shape(level) for level in (0, 1)] == [(6, 8, 10), (6, 4, 5)]
    assert pyramid.channel_count == 2
    assert pyramid.nbytes == IMAGE.nbytes
    np.testing.assert_array_equal(pyramid.read().array, IMAGE)
    np.testing.assert_array_equal(pyramid.read(level=1).array, IMAGE[:, :, ::2, ::2])


def test_a_region_keeps_its_place_in_the_world(store):
    def move(multiscale):
        multiscale["datasets"][0]["coordinateTransformations"] = placed(
            [1, 3, 1, 0.5], [0, 10, 20, 30]
        )

    pyramid = open_pyramid(store(change=move))
    part = pyramid.read((slice(1, 3), slice(2, 5), slice(4, None)))
    np.testing.assert_array_equal(part.array, IMAGE[:, 1:3, 2:5, 4:])
    # z counts to superior, y to posterior, x to left
    np.testing.assert_allclose(part.affine @ [0, 0, 0, 1], [-(30 + 4 * 0.5), -(20 + 2), 13, 1])
    np.testing.assert_allclose(pyramid.origin, (10, 20, 30))


def test_transformations_of_the_whole_image_come_after_the_levels(store):
    def both(multiscale):
        multiscale["datasets"][0]["coordinateTransformations"] = placed([1, 1, 1, 1], [0, 1, 2, 3])
        multiscale["coordinateTransformations"] = placed([1, 2, 3, 4], [0, 5, 5, 5])

    pyramid = open_pyramid(store(change=both))
    assert pyramid.spacing[0] == (2, 3, 4)
    assert pyramid.origin == (7, 11, 17)


@pytest.mark.parametrize(
    ("unit", "mm"),
    [
        ("micrometer", 1e-3),
        ("nanometer", 1e-6),
        ("centimeter", 10),
        ("meter", 1000),
        ("inch", 25.4),
    ],
)
def test_units_become_mm(store, unit, mm):
    axes = [{"name": "c", "type": "channel"}, *space(unit=unit)]
    assert open_pyramid(store(axes=axes)).spacing[0] == pytest.approx((3 * mm, mm, 0.5 * mm))


@pytest.mark.parametrize("unit", [None, "pixel"])
def test_without_a_unit_of_length_the_spacing_is_unknown(store, unit):
    pyramid = open_pyramid(store(axes=[{"name": "c", "type": "channel"}, *space(unit=unit)]))
    assert not pyramid.spacing_known
    assert pyramid.spacing == ((1, 1, 1), (1, 2, 2))


def test_of_times_one_is_read_and_said(store):
    array = IMAGE[None].repeat(3, 0) + np.arange(3, dtype=np.uint16)[:, None, None, None, None]
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *space()]
    pyramid = open_pyramid(store(array, axes, scale=(1, 1, 3, 1, 0.5)))
    second = pyramid.read(time=1)
    np.testing.assert_array_equal(second.array, array[1])
    assert second.notes == ("only time point 2 of 3 is read",)
    assert pyramid.nbytes == IMAGE.nbytes
    with pytest.raises(ValueError, match="has 3 time points, no 3"):
        pyramid.read(time=3)


def test_pictures_are_two_dimensional(store):
    pyramid = open_pyramid(store(IMAGE[0, 0], space("yx"), scale=(2, 3)))
    picture = pyramid.read((slice(1, 4), slice(5)))
    np.testing.assert_array_equal(picture.array, IMAGE[:1, 0, 1:4, :5])
    assert picture.spacing == (2, 3)
    np.testing.assert_allclose(picture.affine @ [0, 0, 0, 1], [0, -2, 0, 1])


def test_axes_named_in_another_order_are_turned(store):
    pyramid = open_pyramid(store(IMAGE[0].T, space("xyz"), scale=(0.5, 1, 3)))
    assert (pyramid.axes, pyramid.spacing[0]) == ("zyx", (3, 1, 0.5))
    assert pyramid.levels[0].chunks == (4, 4, 4)
    np.testing.assert_array_equal(pyramid.read().array[0], IMAGE[0])


RAS = {"left-to-right": (0, 1), "right-to-left": (0, -1), "posterior-to-anterior": (1, 1)}
RAS |= {"anterior-to-posterior": (1, -1), "inferior-to-superior": (2, 1)}
RAS |= {"superior-to-inferior": (2, -1)}
ORIENTATIONS = [o for o in permutations(RAS, 3) if len({RAS[word][0] for word in o}) == 3]


@pytest.mark.parametrize("said", ORIENTATIONS[::5])
def test_orientation_in_the_body_is_honoured(store, said):
    axes = [
        {**axis, "orientation": {"type": "anatomical", "value": value}}
        for axis, value in zip(space(), said, strict=True)
    ]
    step, start = np.array([3.0, 2.0, 1.0]), np.array([10.0, 20.0, 30.0])

    def move(multiscale):
        transforms = placed(step.tolist(), start.tolist())
        multiscale["datasets"][0]["coordinateTransformations"] = transforms

    pyramid = open_pyramid(store(IMAGE[0], axes, scale=(3, 2, 1), change=move))
    volume = pyramid.read()
    assert pyramid.anatomical
    along, signs = zip(*(RAS[word] for word in said), strict=True)
    for index in np.random.default_rng(0).integers(0, IMAGE.shape[1:], (20, 3)):
        world = np.ones(4)
        world[list(along)] = (start + step * index) * signs
        at = np.rint(np.linalg.solve(volume.affine, world)).astype(int)[:3]
        assert volume.array[(0, *at)] == IMAGE[0][tuple(index)]
    diagonal = np.diag(volume.affine[2::-1, :3])
    assert (np.sign(diagonal) == (1, -1, -1)).all()  # to superior, posterior, left


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_names_of_channels_classes_and_labels_are_read(store, version):
    shown = {"channels": [{"label": "T1"}, {"label": "T2"}]}
    kinds = {
        "colors": [
            {"label-value": 0, "rgba": [0] * 4},
            {"label-value": 2, "rgba": [255, 0, 128, 9]},
        ],
        "properties": [{"label-value": 1, "name": "liver"}, {"label-value": 2, "class": "spleen"}],
    }
    path = store(version=version, omero=shown, **{"image-label": kinds})
    below = zarr.open_group(path / "labels", mode="w", zarr_format=3 if version == "0.5" else 2)
    listed = {"labels": ["organs"]}
    below.attrs.update({"ome": listed} if version == "0.5" else listed)
    pyramid = open_pyramid(path)
    assert (pyramid.channels, pyramid.labels, pyramid.is_labels) == (
        ("T1", "T2"),
        ("organs",),
        True,
    )
    assert pyramid.classes == (ClassName(1, "liver"), ClassName(2, "spleen", "#ff0080"))


def test_versions_before_scales_have_unknown_spacing(store):
    def strip(multiscale):
        del multiscale["axes"]
        for dataset in multiscale["datasets"]:
            del dataset["coordinateTransformations"]

    pyramid = open_pyramid(store(IMAGE[None], version="0.2", scale=(1,) * 5, axes=[], change=strip))
    assert (pyramid.axes, pyramid.spacing_known) == ("tczyx", False)
    assert pyramid.spacing == ((1, 1, 1), (1, 2, 2))
    np.testing.assert_array_equal(pyramid.read().array, IMAGE)


def test_a_zipped_store_is_read_where_it_lies(store, tmp_path):
    path = store()
    with zipfile.ZipFile(tmp_path / "b.ome.zarr.zip", "w") as file:
        for one in path.rglob("*"):
            file.write(one, one.relative_to(path.parent))
    np.testing.assert_array_equal(open_pyramid(tmp_path / "b.ome.zarr.zip").read().array, IMAGE)


def test_a_plain_array_is_an_image_of_unknown_spacing(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=IMAGE, chunks=(1, 4, 4, 4))
    pyramid = open_pyramid(tmp_path / "a.zarr")
    assert (pyramid.axes, pyramid.spacing_known) == ("czyx", False)
    np.testing.assert_array_equal(pyramid.read().array, IMAGE)


@pytest.mark.parametrize(
    ("given", "inside", "name"),
    [
        ("knee", "", "knee"),
        ("/", "", "a"),
        ("0", "", "a"),
        (None, "/0", "many 0"),
        ("0", "/x", "x"),
    ],
)
def test_images_are_called_what_people_would_call_them(store, tmp_path, given, inside, name):
    path = store(change=lambda multiscale: multiscale.update(name=given))
    if inside:
        path = shutil.copytree(path, tmp_path / f"many.zarr{inside}")
    assert open_pyramid(path).name == name


@pytest.mark.parametrize("images", [1, 2])
def test_of_several_images_in_a_store_the_message_names_them(store, tmp_path, images):
    path = store()
    group = zarr.open_group(tmp_path / "many.zarr", mode="w")
    group.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    for i in range(images):
        shutil.copytree(path, tmp_path / "many.zarr" / str(i))
    if images == 1:
        np.testing.assert_array_equal(open_pyramid(tmp_path / "many.zarr").read().array, IMAGE)
        return
    with pytest.raises(ValueError, match=r"holds 2 images \(0, 1\); open one.*such as many.zarr/0"):
        open_pyramid(tmp_path / "many.zarr")


def test_a_plate_says_how_to_open_one_of_its_images(tmp_path):
    group = zarr.open_group(tmp_path / "p.zarr", mode="w")
    group.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "B/3"}] * 4}}
    with pytest.raises(ValueError, match=r"plate of 4 wells; open one image.*p\.zarr/B/3/0"):
        open_pyramid(tmp_path / "p.zarr")


def drop_level(path, _):
    shutil.rmtree(path / "1")


def garble(path, _):
    (path / "zarr.json").write_text("{half")


def change_ome(edit):
    def damage(path, multiscale):
        edit(multiscale)
        text = json.loads((path / "zarr.json").read_text())
        text["attributes"]["ome"]["multiscales"] = [multiscale]
        (path / "zarr.json").write_text(json.dumps(text))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_level, "names a level '1' that is not there"),
        (garble, "is cut off or damaged"),
        (change_ome(lambda m: m.update(datasets=[])), "names no arrays"),
        (change_ome(lambda m: m["axes"].pop()), "names 3 axes but its arrays have 4"),
        (change_ome(lambda m: m["axes"][0].update(type="angle")), "has the axes c, z, y, x; an im"),
        (change_ome(lambda m: m["axes"][0].update(type="space")), "an image has rows, columns"),
        (
            change_ome(lambda m: m.update(coordinateTransformations=[{"type": "affine"}])),
            "a transformation of the kind 'affine', which is not read",
        ),
        (
            change_ome(lambda m: m.update(coordinateTransformations=placed([1, 1, 0, 1]))),
            "has a scale of 0",
        ),
        (
            change_ome(lambda m: m.update(coordinateTransformations=placed([1, "a", 0, 1]))),
            "has a scale that is not 4 numbers",
        ),
    ],
)
def test_damaged_stores_are_refused_in_a_sentence(store, damage, message):
    path = store()
    multiscale = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]
    damage(path, multiscale)
    with pytest.raises(ValueError, match=message):
        open_pyramid(path)


def test_a_damaged_piece_is_said_when_it_is_read(store):
    path = store()
    for piece in (path / "0" / "c").rglob("*"):
        if piece.is_file():
            piece.write_bytes(b"garbage")
    pyramid = open_pyramid(path)
    with pytest.raises(ValueError, match=r"a\.ome\.zarr is cut off or damaged; copy or export"):
        pyramid.read()


@pytest.mark.parametrize("box", [(slice(2), slice(2)), (slice(0, 6, 2), slice(2), slice(2))])
def test_boxes_that_are_none_are_refused(store, box):
    with pytest.raises(ValueError, match="is 3 slices without steps"):
        open_pyramid(store()).read(box)


def test_boxes_outside_and_levels_that_are_not_there_are_refused(store):
    pyramid = open_pyramid(store())
    with pytest.raises(ValueError, match="holds none of the"):
        pyramid.read((slice(6, 9), slice(2), slice(2)))
    with pytest.raises(ValueError, match="has 2 levels, no level 2"):
        pyramid.read(level=2)


def test_other_images_are_no_pyramids(tmp_path):
    from PIL import Image

    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    assert open_pyramid(tmp_path / "a.png") is None


def test_complex_values_are_refused(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=np.zeros((4, 4), np.complex64))
    with pytest.raises(ValueError, match="holds complex64 values; real numbers are needed"):
        open_pyramid(tmp_path / "a.zarr")
