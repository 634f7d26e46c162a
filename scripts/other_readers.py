"""The same file by a library that is not ours, to see that every voxel lies where we say.

Used by hostile_table.py. NIfTI by nibabel, NRRD, MetaImage and DICOM images by SimpleITK, DICOM
segmentations by highdicom, pictures and TIFF by Pillow. Only their own index-to-mm matrices are
used, so nothing of this package's geometry takes part in the check.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.volume import Volume

Other = tuple[np.ndarray, np.ndarray]
"""Values ``(i, j, k, C)`` and the (4, 4) matrix from (i, j, k, 1) to RAS+ mm."""

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_NEAR = 0.01  # of a voxel
_LOSSY = 3  # grey values by which two JPEG decoders may differ
_SOME = 500  # voxels looked at, and all corners


def compare(volume: Volume, path: Path) -> str:
    """Check `volume` against another library's reading of the file it came from.

    Returns
    -------
    str
        What was compared, "SHIFT: ..." if a voxel lies elsewhere or has another value, or
        "not checked: ..." where no other library opens the file.
    """
    kind = volume.storage.format if volume.storage else ""
    classes = (volume.storage.header if volume.storage else {}).get("classes")
    name, reader = {
        "nifti": ("nibabel", _by_nibabel),
        "itk": ("SimpleITK", _by_simpleitk),
        "dicom": ("SimpleITK", _by_gdcm),
        "image": ("Pillow", _by_pillow),
    }.get(kind, ("", _nobody))
    if kind == "dicom" and classes is not None:
        name, reader = "highdicom", _by_highdicom
    try:
        values, affine = reader(path, volume)
    except Exception:  # noqa: BLE001  # whatever the other library trips over
        return f"not checked: {name or 'no other library'} does not open it"
    wrong = _difference(volume, values, affine)
    return f"SHIFT: {wrong}" if wrong else f"{name}: same values at the same mm"


def _difference(volume: Volume, values: np.ndarray, affine: np.ndarray) -> str:
    """Return what is different, "" if nothing is."""
    shape = values.shape[:3]
    if np.prod(shape) != np.prod(volume.shape) or values.shape[3] != len(volume.array):
        return f"{values.shape} there, {volume.array.shape} here"
    random = np.random.default_rng(0)
    corners = list(itertools.product(*((0, n - 1) for n in shape)))
    index = np.array([*corners, *random.integers(0, shape, (_SOME, 3))])
    world = affine @ np.c_[index, np.ones(len(index))].T
    here = (np.linalg.inv(volume.affine) @ world)[:3].T
    off = float(np.abs(here - np.rint(here)).max())
    if off > _NEAR:
        return f"voxels lie up to {off:.2g} of a voxel beside each other"
    at = np.rint(here).astype(int)
    box = np.array((1, *volume.shape)[-3:])
    if (at < 0).any() or (at >= box).any():
        return "voxels lie outside the volume"
    boxed = volume.array.reshape(len(volume.array), *box)
    ours = boxed[:, at[:, 0], at[:, 1], at[:, 2]].astype(float)
    theirs = values[tuple(index.T)].astype(float).T
    lossy = _LOSSY if volume.array.dtype == np.uint8 else 0
    same = np.isclose(ours, theirs, rtol=1e-5, atol=lossy, equal_nan=True)
    return "" if same.all() else f"{(~same).sum()} of {same.size} values differ"


def _by_nibabel(path: Path, _volume: Volume) -> Other:
    import nibabel as nib

    try:
        image = nib.load(path)
    except nib.filebasedimages.ImageFileError:  # nibabel goes by the suffix alone
        kinds = (nib.Nifti1Image, nib.Nifti2Image)
        image = _first_that_works([lambda k=kind: k.from_bytes(_plain(path)) for kind in kinds])
    values = np.asanyarray(image.dataobj)
    if values.dtype.names:
        values = np.stack([values[name] for name in "RGB"], axis=-1)
    values = values.reshape(*(*values.shape, 1, 1)[:3], -1) if values.ndim < 4 else values
    values = values.reshape(*values.shape[:3], -1, order="F")
    units = getattr(image.header, "get_xyzt_units", lambda: ("mm",))
    unit = units()[0]
    scale = {"meter": 1000.0, "micron": 0.001}.get(unit, 1.0)
    return values, np.diag([scale] * 3 + [1.0]) @ image.affine


def _plain(path: Path) -> bytes:
    import gzip

    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _by_simpleitk(path: Path, _volume: Volume) -> Other:
    import SimpleITK as sitk

    return _of_itk(sitk.ReadImage(str(path)))


def _by_gdcm(_path: Path, volume: Volume) -> Other:
    """Read the files of a series in the order of ITK's own sorting."""
    import SimpleITK as sitk

    assert volume.storage is not None
    files = list(dict.fromkeys(file for file, _ in volume.storage.header["slices"]))
    if len(files) == 1:
        return _of_itk(sitk.ReadImage(files[0]), volume)
    reader = sitk.ImageSeriesReader()
    folder = str(Path(files[0]).parent)
    uids = reader.GetGDCMSeriesIDs(folder)
    groups = [reader.GetGDCMSeriesFileNames(folder, uid) for uid in uids]
    names = next(g for g in groups if set(g) >= set(files))
    reader.SetFileNames([name for name in names if name in set(files)])
    return _of_itk(reader.Execute())


def _of_itk(image: Any, volume: Volume | None = None) -> Other:
    import SimpleITK as sitk

    values = sitk.GetArrayFromImage(image)
    many = image.GetNumberOfComponentsPerPixel() > 1
    values = values if many else values[..., None]
    while values.ndim < 4:
        values = values[None]
    dims = min(image.GetDimension(), 3)
    turn = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:dims, :dims]
    affine = np.eye(4)
    affine[:dims, :dims] = turn * np.array(image.GetSpacing()[:dims])
    affine[:dims, 3] = image.GetOrigin()[:dims]
    if values.ndim == 5:  # times
        values = np.moveaxis(values[..., 0], 0, -1)
    values = values.transpose(2, 1, 0, 3)
    if volume is not None and _has_no_place(volume):
        return values, volume.affine[:, [2, 1, 0, 3]]
    return values, _LPS_TO_RAS @ affine


def _has_no_place(volume: Volume) -> bool:
    """Whether the file says nothing about where its pictures lie: then only values compare."""
    from pydicom import dcmread

    assert volume.storage is not None
    head = dcmread(volume.storage.path, stop_before_pixels=True, force=True)
    groups = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
    return "ImagePositionPatient" not in head and not any(
        "PlanePositionSequence" in item for group in groups for item in head.get(group) or []
    )


def _by_highdicom(path: Path, volume: Volume) -> Other:
    import highdicom as hd

    seg = hd.seg.segread(path)
    assert volume.storage is not None
    if seg.segmentation_type == hd.seg.SegmentationTypeValues.FRACTIONAL or volume.notes:
        whole = seg.get_volume(combine_segments=False)
        parts = np.asarray(whole.array) >= 0.5
        numbers = np.arange(1, parts.shape[-1] + 1)
        labels = np.where(parts, numbers, 0).max(-1)  # the later class is shown
    else:
        whole = seg.get_volume(combine_segments=True)
        labels = np.asarray(whole.array)
    values = labels.reshape(*labels.shape[:3], 1)
    return values, _LPS_TO_RAS @ np.asarray(whole.affine)


def _by_pillow(path: Path, volume: Volume) -> Other:
    from PIL import Image, ImageOps, ImageSequence

    with Image.open(path) as image:
        frames = [
            np.asarray(_shown(ImageOps.exif_transpose(one), len(volume.array)))
            for one in ImageSequence.Iterator(image)
        ]
    values = np.stack(frames)
    values = values[..., None] if values.ndim == 3 else values
    return values.transpose(2, 1, 0, 3), volume.affine[:, [2, 1, 0, 3]]


def _shown(image: Any, channels: int) -> Any:
    """Return a picture as it is seen on a screen, without its transparency."""
    if channels == 3:
        return image.convert("RGB")
    return image if image.mode in ("L", "I", "I;16", "I;16B", "F") else image.convert("L")


def _nobody(_path: Path, _volume: Volume) -> Other:
    raise ValueError("no independent reader for this format")


def _first_that_works(attempts: list[Callable[[], Any]]) -> Any:
    error: Exception = ValueError("nothing to try")
    for attempt in attempts:
        try:
            return attempt()
        except Exception as failed:  # noqa: BLE001  # the next one may open it
            error = failed
    raise error
