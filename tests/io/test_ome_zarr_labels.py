"""OME-Zarr labels out: read back by zarr alone, and by this package."""

from __future__ import annotations

import errno
import json
from itertools import product

import nibabel as nib
import numpy as np
import pytest
import zarr

from napari_medseg.io import (
    create_labels,
    finish_pyramid,
    open_labels,
    open_pyramid,
    read_labels,
    read_volume,
    write_image,
    write_labels,
)
from napari_medseg.io.classes import ClassName
from napari_medseg.progress import Cancelled
from napari_medseg.volume import canonical_affine

IMAGE = np.random.default_rng(0).integers(0, 9000, (2, 6, 8, 10)).astype(np.int16)
LABELS = (np.arange(6 * 8 * 10) % 4).reshape(6, 8, 10).astype(np.uint8)
CLASSES = (ClassName(1, "liver", "#e69f00"), ClassName(3, "kidney"))


def make_image(path, version="0.5", units="micrometer", levels=2, orientation=(), names="zyx"):
    """Write an image with zarr alone."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for i in range(levels):
        values = IMAGE[:, :, :: 2**i, :: 2**i]
        group.create_array(str(i), data=values, chunks=(1, 3, 4, 5))
        scale = [1, 3, 2**i, 0.5 * 2**i]
        shift = [0, 10, 20 + (2**i - 1) / 2, 30 + 0.5 * (2**i - 1) / 2]
        transforms = [
            {"type": "scale", "scale": scale},
            {"type": "translation", "translation": shift},
        ]
        datasets.append({"path": str(i), "coordinateTransformations": transforms})
    axes = [{"name": n, "type": "space", "unit": units} for n in names]
    for axis, value in zip(axes, orientation, strict=False):
        axis["orientation"] = {"type": "anatomical", "value": value}
    multiscale = {"axes": [{"name": "c", "type": "channel"}, *axes], "datasets": datasets}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [{"version": version, **multiscale}]
    return path


def ome_of(path):
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    return attributes.get("ome", attributes)


def stored_places(path, level=0):
    """Return the stored array of a level, its scale and its first coordinate, by zarr alone."""
    dataset = ome_of(path)["multiscales"][0]["datasets"][level]
    scale, shift = (one[one["type"]] for one in dataset["coordinateTransformations"])
    return zarr.open_group(path, mode="r")[dataset["path"]], np.array(scale), np.array(shift)


@pytest.mark.parametrize("where", ["new.ome.zarr", "image.ome.zarr/labels/organs"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_lie_on_their_image_in_its_own_words(tmp_path, version, where):
    image = make_image(tmp_path / "image.ome.zarr", version)
    write_labels(tmp_path / where, LABELS, like=read_volume(image), classes=CLASSES)
    array, scale, shift = stored_places(tmp_path / where)
    np.testing.assert_array_equal(array[...], LABELS)
    assert (scale.tolist(), shift.tolist()) == ([3, 1, 0.5], [10, 20, 30])
    ome = ome_of(tmp_path / where)
    multiscale = ome["multiscales"][0]
    assert (ome.get("version") or multiscale["version"]) == version
    assert [axis["unit"] for axis in multiscale["axes"]] == ["micrometer"] * 3
    assert len(multiscale["datasets"]) == 2
    assert ome["image-label"]["properties"][0] == {"label-value": 1, "name": "liver"}
    assert ome["image-label"]["colors"] == [{"label-value": 1, "rgba": [230, 159, 0, 255]}]
    again = read_labels(tmp_path / where)
    assert again.name == multiscale["name"] == ("new" if where.startswith("new") else "organs")
    np.testing.assert_array_equal(again.array[0], LABELS)
    assert again.storage.header["classes"] == list(CLASSES)
    np.testing.assert_allclose(again.affine, read_volume(image).affine)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_lists_the_labels_inside_it(tmp_path, version):
    image = make_image(tmp_path / "image.ome.zarr", version)
    for name in ("organs", "lesions", "organs"):
        write_labels(
            image / "labels" / name, LABELS, like=read_volume(image), provenance={"model": "m"}
        )
    assert open_pyramid(image).labels == ("organs", "lesions")
    assert sorted(p.name for p in (image / "labels").iterdir() if p.is_dir()) == [
        "lesions",
        "organs",
    ]
    attributes = zarr.open_group(image / "labels" / "organs", mode="r").attrs
    assert attributes["napari-medseg"]["provenance"] == {"model": "m"}
    assert ome_of(image / "labels" / "organs")["image-label"]["source"] == {"image": "../../"}


@pytest.mark.parametrize("flips", list(product([False, True], repeat=3)))
def test_labels_of_a_turned_image_are_stored_as_the_image_is(tmp_path, flips):
    words = [
        ("anterior-to-posterior", "posterior-to-anterior"),
        ("inferior-to-superior", "superior-to-inferior"),
        ("right-to-left", "left-to-right"),
    ]
    said = [pair[flip] for pair, flip in zip(words, flips, strict=True)]
    image = make_image(tmp_path / "image.ome.zarr", orientation=said)
    volume = read_volume(image)
    bright = volume.array[0] > 4000
    write_labels(image / "labels" / "bright", bright, like=volume)
    array, scale, shift = stored_places(image / "labels" / "bright")
    np.testing.assert_array_equal(array[...], IMAGE[0] > 4000)
    assert (scale.tolist(), shift.tolist()) == ([3, 1, 0.5], [10, 20, 30])
    np.testing.assert_array_equal(read_labels(image / "labels" / "bright").array[0], bright)


def test_labels_of_a_nifti_file_lie_at_the_same_millimetre(tmp_path):
    affine = np.array([[0, 0, -2.0, 40], [-1, 0, 0, -30], [0, 0.5, 0, 7], [0, 0, 0, 1]])
    values = np.zeros((6, 8, 10), np.int16)
    values[1, 5, 7] = 1
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    volume = read_volume(tmp_path / "a.nii.gz")
    write_labels(tmp_path / "l.ome.zarr", volume.array[0], like=volume)
    array, scale, shift = stored_places(tmp_path / "l.ome.zarr")
    superior, posterior, left = np.argwhere(array[...])[0] * scale + shift
    np.testing.assert_allclose([-left, -posterior, superior], (affine @ [1, 5, 7, 1])[:3])
    axes = ome_of(tmp_path / "l.ome.zarr")["multiscales"][0]["axes"]
    assert [(axis["unit"], axis["orientation"]["value"]) for axis in axes] == [
        ("millimeter", "inferior-to-superior"),
        ("millimeter", "anterior-to-posterior"),
        ("millimeter", "right-to-left"),
    ]
    np.testing.assert_allclose(read_labels(tmp_path / "l.ome.zarr").affine, volume.affine)


def test_oblique_grids_are_refused(tmp_path, make_volume):
    turn = np.deg2rad(5)
    affine = canonical_affine((1.0, 1.0, 1.0))
    affine[1:3, :2] = [[np.sin(turn), -np.cos(turn)], [np.cos(turn), np.sin(turn)]]
    volume = make_volume(LABELS[None], affine=affine)
    with pytest.raises(ValueError, match=r"cannot hold an oblique or sheared grid.*use \.nii\.gz"):
        write_labels(tmp_path / "l.ome.zarr", LABELS, like=volume, provenance={})
    assert list(tmp_path.iterdir()) == []


def test_the_provenance_of_a_store_lies_beside_it(tmp_path, make_volume):
    volume = make_volume(LABELS[None], (3.0, 1.0, 0.5))
    write_labels(tmp_path / "l.ome.zarr", LABELS, like=volume, provenance={"model": "m"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["l.json", "l.ome.zarr"]
    assert json.loads((tmp_path / "l.json").read_text()) == {"model": "m"}


@pytest.mark.parametrize("shape", [(700, 40), (3, 600, 300), (9, 513, 4)])
def test_coarser_levels_hold_the_nearest_voxels_in_their_places(tmp_path, make_volume, shape):
    labels = np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)
    spacing = (4.0, 1.0, 1.0)[-len(shape) :]
    write_labels(tmp_path / "l.ome.zarr", labels, like=make_volume(labels[None], spacing))
    levels = len(ome_of(tmp_path / "l.ome.zarr")["multiscales"][0]["datasets"])
    assert levels > 1
    finest, fine_step, _ = stored_places(tmp_path / "l.ome.zarr")
    finest = finest[...]
    for level in range(1, levels):
        array, step, shift = stored_places(tmp_path / "l.ome.zarr", level)
        factors = np.rint(step / fine_step).astype(int)
        np.testing.assert_array_equal(array.shape, -(-np.array(shape) // factors))
        np.testing.assert_allclose(shift, fine_step * (factors - 1) / 2)
        for index in np.random.default_rng(1).integers(0, array.shape, (20, len(shape))):
            around = index * factors
            block = finest[tuple(slice(a, a + f) for a, f in zip(around, factors, strict=True))]
            assert array[tuple(index)] in block
    assert max(array.shape) <= 256
    assert array.shape[0] == shape[0] or len(shape) == 2  # thick slices stay


def test_labels_are_filled_piece_by_piece_and_finished_once(tmp_path):
    image = make_image(tmp_path / "image.ome.zarr")
    path = image / "labels" / "organs"
    array = create_labels(path, open_pyramid(image), dtype=np.uint16, chunks=(3, 4, 5))
    assert (array.shape, array.chunks, array.dtype) == ((6, 8, 10), (3, 4, 5), np.uint16)
    assert open_pyramid(path).shape() == (6, 8, 10)  # an image already, of one level
    assert not any(p.is_file() for p in (path / "0" / "c").rglob("*"))
    array.attrs["napari-medseg"] = {"state": "unfinished"}
    open_labels(path)[3:, :4] = LABELS[3:, :4]
    assert "not finished" in open_pyramid(path).notes[0]
    open_labels(path)[...] = LABELS
    with pytest.raises(Cancelled):
        finish_pyramid(path, report=stop)
    assert len(open_pyramid(path).levels) == 1
    finish_pyramid(path)
    finished = open_pyramid(path)
    assert finished.levels[0].attrs["napari-medseg"] == {"state": "unfinished"}
    assert finished.spacing == open_pyramid(image).spacing
    np.testing.assert_array_equal(finished.levels[1][...], LABELS[:, ::2, ::2])
    with pytest.raises(ValueError, match="is there already; choose another name"):
        create_labels(path, open_pyramid(image))


def stop(step):
    raise Cancelled


def test_only_label_images_made_here_can_be_finished(tmp_path):
    with pytest.raises(ValueError, match="was not made by create_labels"):
        finish_pyramid(make_image(tmp_path / "image.ome.zarr"))


def test_of_an_image_of_one_level_labels_keep_the_units(tmp_path):
    image = make_image(tmp_path / "image.ome.zarr", levels=1)
    write_labels(image / "labels" / "l", LABELS, like=read_volume(image))
    _, scale, shift = stored_places(image / "labels" / "l")
    assert (scale.tolist(), shift.tolist()) == ([3, 1, 0.5], [10, 20, 30])


def test_a_region_of_an_image_gets_labels_in_its_place(tmp_path):
    image = make_image(tmp_path / "image.ome.zarr")
    part = open_pyramid(image).read((slice(1, 4), slice(2, 8), slice(5, 10)))
    write_labels(tmp_path / "l.ome.zarr", LABELS[:3, :6, :5], like=part)
    np.testing.assert_allclose(read_labels(tmp_path / "l.ome.zarr").affine, part.affine)


@pytest.mark.parametrize("where", ["l.ome.zarr", "image.ome.zarr/labels/l"])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch, where):
    image = make_image(tmp_path / "image.ome.zarr")
    volume = read_volume(image)
    before = everything(tmp_path)

    def full(path, value, exclusive=False):
        if len(value) < 400:
            return real(path, value, exclusive)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    from zarr.storage import _local

    real = _local._put
    monkeypatch.setattr(_local, "_put", full)
    noise = np.random.default_rng(0).integers(0, 255, LABELS.shape).astype(np.uint8)
    with pytest.raises(OSError, match=r"cannot write .*: the disk is full; free some space"):
        write_labels(tmp_path / where, noise, like=volume, provenance={"model": "m"})
    assert everything(tmp_path) == before
    monkeypatch.setattr(_local, "_put", real)
    write_labels(tmp_path / where, LABELS, like=volume)
    before = everything(tmp_path)
    monkeypatch.setattr(_local, "_put", full)
    with pytest.raises(OSError, match="the disk is full"):
        write_labels(tmp_path / where, noise, like=volume)
    assert everything(tmp_path) == before


def everything(folder):
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


def test_no_image_is_replaced_by_labels(tmp_path, make_volume):
    image = make_image(tmp_path / "image.ome.zarr")
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="is the image itself; choose another name"):
        write_labels(image, LABELS, like=read_volume(image))
    with pytest.raises(ValueError, match="no label image; choose another name"):
        write_labels(image, LABELS, like=make_volume(LABELS[None]))
    (tmp_path / "mine.zarr").mkdir()
    with pytest.raises(ValueError, match="no label image; choose another name"):
        write_labels(tmp_path / "mine.zarr", LABELS, like=make_volume(LABELS[None]))
    (tmp_path / "mine.zarr").rmdir()
    assert everything(tmp_path) == before


def test_images_are_not_written_as_zarr(tmp_path, make_volume):
    with pytest.raises(ValueError, match="which is not written; use"):
        write_image(tmp_path / "a.ome.zarr", make_volume(LABELS[None]))


def test_what_exceeds_the_memory_names_the_way_block_by_block(tmp_path, monkeypatch):
    image = make_image(tmp_path / "image.ome.zarr")
    monkeypatch.setattr("napari_medseg.io.reading.host_memory", lambda: (1000, 2000))
    with pytest.raises(ValueError, match=r"napari-medseg segment image\.ome\.zarr --out LABELS"):
        read_volume(image)
