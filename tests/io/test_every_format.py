"""What is segmented lies at the same millimetre for a library that is not ours, in every format.

A bright ball is written with each of the 48 axis orders and flips, on straight, anisotropic,
oblique and sheared grids, by nibabel, SimpleITK, pydicom and zarr. It is read, segmented and
written here, and found again by those libraries. A default run takes every eighth order of each
format, with the grids and label formats it has not met yet, so that each order, grid and pair of
formats comes up; ``-m slow`` runs the whole product.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import pytest

from napari_medseg.io import read_volume, write_labels

SITK = pytest.importorskip("SimpleITK")
zarr = pytest.importorskip("zarr")
SHAPE = (9, 11, 10)
CENTRE = (12.0, -7.0, 5.0)  # RAS, mm
RADIUS = 4.2
ORDERS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
GRIDS = ("isotropic", "anisotropic", "oblique", "sheared")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
WAYS = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))  # of R, A, S


@dataclass(frozen=True)
class Phantom:
    """Values ``(i, j, k)`` of a file to write, and its index to RAS+ mm."""

    values: np.ndarray
    affine: np.ndarray

    @property
    def ball(self):
        return self.values == 1000


def phantom(order, signs, grid):
    """Return a bright ball whose middle voxel is none of the grid's."""
    spacing = (1.5, 1.5, 1.5) if grid == "isotropic" else (1.7, 1.1, 1.3)
    affine = np.zeros((4, 4))
    for axis, world in enumerate(order):
        affine[world, axis] = signs[axis] * spacing[axis]
    if grid == "oblique":
        affine[:3, :3] = turned(19, -12) @ affine[:3, :3]
    if grid == "sheared":  # as by a tilted gantry: the first axis is not upright on the others
        affine[:3, 0] += 0.2 * affine[:3, 1]
    affine[:3, 3] = CENTRE - affine[:3, :3] @ [3.7, 5.6, 4.2]
    affine[3, 3] = 1
    world = np.tensordot(affine[:3], np.stack([*np.indices(SHAPE), np.ones(SHAPE)]), 1)
    ball = np.linalg.norm(world - np.reshape(CENTRE, (3, 1, 1, 1)), axis=0) < RADIUS
    background = (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 97).astype(np.int16)
    return Phantom(np.where(ball, 1000, background).astype(np.int16), affine)


def turned(about_x, about_z):
    a, b = np.deg2rad([about_x, about_z])
    first = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]) @ first


# Sources: each writes a phantom by a library that is not ours, and returns what to open.


def nifti(kind, name):
    def write(folder, image, _tools):
        nib.save(kind(image.values, image.affine), folder / name)
        return folder / name

    return write


def itk(name):
    def write(folder, image, _tools):
        made = SITK.GetImageFromArray(image.values.T)
        lps = LPS_TO_RAS @ image.affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        made.SetSpacing(spacing.tolist())
        made.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        made.SetOrigin(lps[:3, 3].tolist())
        SITK.WriteImage(made, str(folder / name))
        return folder / name

    return write


def scan_of(image, tools):
    """Return the phantom as a DICOM scan: its first axis counts slices, its last columns."""
    lps = LPS_TO_RAS @ image.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    return tools["make_scan"](
        image.values,
        rows=lps[:3, 2] / spacing[2],
        columns=lps[:3, 1] / spacing[1],
        step=lps[:3, 0],
        origin=lps[:3, 3],
        spacing=(spacing[1], spacing[2]),
    )


def dicom(folder, image, tools):
    names = [f"{(7 * i) % SHAPE[0]}" for i in range(SHAPE[0])]  # which say nothing
    return tools["write_series"](scan_of(image, tools), folder / "series", names=names)


def enhanced(folder, image, tools):
    order = [(4 * i) % SHAPE[0] for i in range(SHAPE[0])]
    return tools["write_enhanced"](scan_of(image, tools), order, folder / "enhanced.dcm")


def ome_zarr(folder, image, _tools):
    """Write axes that say which way of the body they run (RFC-4): OME-Zarr has no matrix."""
    group = zarr.open_group(folder / "image.ome.zarr", mode="w", zarr_format=3)
    group.create_array("0", data=image.values)
    axes, scale, translation = [], [], []
    for name, column in zip("zyx", image.affine[:3, :3].T, strict=True):
        world = int(np.abs(column).argmax())
        sign = int(np.sign(column[world]))
        way = {"type": "anatomical", "value": WAYS[world][:: 1 if sign > 0 else -1]}
        way["value"] = "-to-".join(way["value"])
        axes.append({"name": name, "type": "space", "unit": "millimeter", "orientation": way})
        scale.append(float(abs(column[world])))
        translation.append(float(sign * image.affine[world, 3]))
    placed = [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": translation},
    ]
    levels = [{"path": "0", "coordinateTransformations": placed}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return folder / "image.ome.zarr"


SOURCES = {
    "nifti1": nifti(nib.Nifti1Image, "image.nii.gz"),
    "nifti2": nifti(nib.Nifti2Image, "image.nii"),
    "pair": nifti(nib.Nifti1Pair, "image.hdr"),
    "mgz": nifti(nib.MGHImage, "image.mgz"),
    "nrrd": itk("image.nrrd"),
    "nhdr": itk("image.nhdr"),
    "mha": itk("image.mha"),
    "mhd": itk("image.mhd"),
    "dicom": dicom,
    "enhanced": enhanced,
    "zarr": ome_zarr,
}
BY_ITK = ("nrrd", "nhdr", "mha", "mhd")
BY_NIBABEL = ("nifti1", "nifti2", "pair", "mgz")
SAME_ORDER = {  # label formats, and the images whose order of voxels they keep
    ".nii.gz": BY_NIBABEL,
    ".nii": BY_NIBABEL,
    ".nrrd": (*BY_ITK, *BY_NIBABEL),
    ".mha": (*BY_ITK, *BY_NIBABEL),
    ".dcm": (),
    ".ome.zarr": ("zarr",),
}


# Label files: each is read by a library that is not ours, as values (i, j, k) and a matrix to RAS+.


def by_nibabel(path):
    image = nib.load(path)
    return np.asanyarray(image.dataobj), image.affine


def by_simpleitk(path):
    image = SITK.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return SITK.GetArrayFromImage(image).T, LPS_TO_RAS @ affine


def by_pydicom(path):
    """Put the frames of a segmentation where they say, without anybody's idea of a volume."""
    from pydicom import dcmread

    seg = dcmread(path)
    shared = seg.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    steps = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    frames = seg.PerFrameFunctionalGroupsSequence
    at = [np.array(f.PlanePositionSequence[0].ImagePositionPatient, float) for f in frames]
    along = np.argsort(np.array(at) @ np.cross(cosines[:3], cosines[3:]))
    affine = np.eye(4)
    affine[:3, 0] = (at[along[-1]] - at[along[0]]) / (len(at) - 1)
    affine[:3, 1] = cosines[3:] * steps[0]
    affine[:3, 2] = cosines[:3] * steps[1]
    affine[:3, 3] = at[along[0]]
    return seg.pixel_array[along], LPS_TO_RAS @ affine


def by_zarr(path):
    multiscale = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"][0]
    finest = multiscale["datasets"][0]
    placed = {one["type"]: one[one["type"]] for one in finest["coordinateTransformations"]}
    affine = np.eye(4)
    affine[:3, :3] = 0
    for i, axis in enumerate(multiscale["axes"]):
        start, end = axis["orientation"]["value"].split("-to-")
        (world,) = (w for w, way in enumerate(WAYS) if set(way) == {start, end})
        sign = 1 if WAYS[world] == (start, end) else -1
        affine[world, i] = sign * placed["scale"][i]
        affine[world, 3] = sign * placed["translation"][i]
    return zarr.open_array(path / finest["path"], mode="r")[:], affine


LABELS = {
    ".nii.gz": by_nibabel,
    ".nii": by_nibabel,
    ".nrrd": by_simpleitk,
    ".mha": by_simpleitk,
    ".dcm": by_pydicom,
    ".ome.zarr": by_zarr,
}


def can_hold(source, suffix, grid):
    """Whether a source can be written on this grid, and its labels in this format."""
    if suffix == ".dcm" and source not in ("dicom", "enhanced"):
        return False
    if "zarr" in source + suffix:
        return grid in ("isotropic", "anisotropic")
    upright = source in (*BY_ITK, "mgz") or suffix in (".nrrd", ".mha")
    return not (grid == "sheared" and upright)  # ITK and FreeSurfer know no sheared grids


def product_of_all():
    every = itertools.product(SOURCES, ORDERS, GRIDS, LABELS)
    return [c for c in every if can_hold(c[0], c[3], c[2])]


def covering():
    """Return every eighth order for each source, with grids and label formats not yet met."""
    chosen = []
    for s, source in enumerate(SOURCES):
        pairs = [p for p in itertools.product(GRIDS, LABELS) if can_hold(source, p[1], p[0])]
        met: set[str] = set()
        for order in ORDERS[s % 8 :: 8]:
            grid, suffix = max(pairs[::-1], key=lambda p: 2 * (p[1] not in met) + (p[0] not in met))
            met |= {grid, suffix}
            chosen.append((source, order, grid, suffix))
    return chosen


def name_of(case):
    source, (order, signs), grid, suffix = case
    turn = "".join("-+"[sign > 0] + "RAS"[axis] for axis, sign in zip(order, signs, strict=True))
    return f"{source}{turn}-{grid}{suffix.replace('.', '-')}"


@pytest.fixture
def tools(make_scan, write_series, write_enhanced):
    return {
        "make_scan": make_scan,
        "write_series": write_series,
        "write_enhanced": write_enhanced,
    }


def assert_is_where_it_was_put(volume, image):
    here = volume.affine @ [*np.argwhere(volume.array[0] > 500).mean(0), 1]
    there = image.affine @ [*np.argwhere(image.ball).mean(0), 1]
    np.testing.assert_allclose(here, there, atol=1e-3)
    directions = volume.affine[:3, :3] / volume.spacing
    assert (np.diag(directions[::-1]) * (1, -1, -1) > 0.7).all()  # superior, posterior, left


def assert_labels_lie_on(image, values, affine, *, same_order):
    """Assert that a label file has the grid of its image, and the ball in its place."""
    assert sorted(values.shape) == sorted(image.values.shape)
    to_image = np.linalg.inv(image.affine) @ affine
    np.testing.assert_allclose(np.rint(to_image), to_image, atol=1e-4)
    found = np.rint(to_image @ np.c_[np.argwhere(values), np.ones(values.sum())].T)[:3].T
    expected = np.argwhere(image.ball)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)
    centre = (affine @ [*np.argwhere(values).mean(0), 1])[:3]
    here = (image.affine @ [*expected.mean(0), 1])[:3]
    assert np.linalg.norm(centre - here) < 1e-3
    assert np.linalg.norm(centre - CENTRE) < 0.5  # less than half of the smallest voxel side
    if same_order:
        np.testing.assert_allclose(to_image, np.eye(4), atol=1e-4)
        np.testing.assert_array_equal(values, image.ball)


def threshold(volume):
    return volume.array[0] > 500


def assert_labels_come_back_in_place(folder, tools, case, segment=threshold):
    source, (order, signs), grid, suffix = case
    image = phantom(order, signs, grid)
    volume = read_volume(SOURCES[source](folder, image, tools))
    assert_is_where_it_was_put(volume, image)
    out = folder / f"labels{suffix}"
    write_labels(out, segment(volume), like=volume)
    values, affine = LABELS[suffix](out)
    assert_labels_lie_on(image, values, affine, same_order=source in SAME_ORDER[suffix])


@pytest.mark.parametrize("case", covering(), ids=name_of)
def test_labels_lie_on_their_image_for_another_library(tmp_path, tools, case):
    assert_labels_come_back_in_place(tmp_path, tools, case)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("source", SOURCES)
def test_labels_lie_on_their_image_in_every_combination(tmp_path, tools, source):
    cases = [case for case in product_of_all() if case[0] == source]
    for number, case in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert_labels_come_back_in_place(folder, tools, case)


def test_the_default_run_meets_every_order_grid_and_pair_of_formats():
    chosen = covering()
    assert {case[1] for case in chosen} == set(ORDERS)
    possible = product_of_all()
    for parts in ((0, 2), (0, 3)):
        met = {tuple(case[part] for part in parts) for case in chosen}
        assert met == {tuple(case[part] for part in parts) for case in possible}


@pytest.fixture(scope="module")
def segmenter():
    """A real run of the engine whose network finds what is bright: one filter of one voxel."""
    torch = pytest.importorskip("torch")
    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.networks.base import SegmentationNetwork
    from napari_medseg.networks.config import NetConfig

    class Bright(SegmentationNetwork):
        divisor = 4
        feature_info = ()

        def __init__(self, config):
            super().__init__(config)
            self.head = torch.nn.Conv3d(1, 2, 1)
            with torch.no_grad():
                self.head.weight[:] = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1, 1)
                self.head.bias[:] = torch.tensor([1.0, -1.0])

        def forward(self, x):
            return self.head(x)

    config = NetConfig(spatial_dims=3, in_channels=1, num_classes=2)
    card = ModelCard(
        name="bright",
        architecture="bright",
        config=config.to_dict(),
        classes=(LabelClass(value=1, name="ball"),),
        preprocessing=Preprocessing(
            normalise="fixed", mean=(300.0,), std=(200.0,), window=(8, 8, 8)
        ),
    )
    return Segmenter(Bright(config), card, "cpu")


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_network_finds_lies_in_the_image_for_another_library(
    tmp_path, tools, segmenter, source
):
    order = ORDERS[(11 * list(SOURCES).index(source)) % 48]
    suffix = {"dicom": ".dcm", "enhanced": ".dcm", "zarr": ".ome.zarr"}.get(source, ".nii.gz")
    grid = "anisotropic" if source == "zarr" else "oblique"
    answer = tmp_path, tools, (source, order, grid, suffix)
    assert_labels_come_back_in_place(
        *answer, segment=lambda volume: segmenter.segment(volume).labels
    )
