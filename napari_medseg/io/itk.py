"""NRRD and MetaImage in and out, by SimpleITK: values, axes and place in the world.

Decisions:

* Where a file states no voxel size, it is unknown: SimpleITK's 1 is a guess.
* Components of a voxel become channels, and so does a fourth axis, whether it is time or not.
* Slicer's segmentations (``.seg.nrrd``) are label images whose classes the file names; labels are
  written with the same fields, also into ``.mha``.
* ITK knows no sheared grids (of a tilted gantry): they are not written.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, hex_colour
from napari_medseg.io.errors import UnusableFile, broken, explained
from napari_medseg.io.orientation import canonical_place, index_map
from napari_medseg.io.paths import image_stem
from napari_medseg.volume import Storage, Volume

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_FRESH = {2: (1, 0), 3: (2, 1, 0)}  # file axis of (D,) H, W: ITK's first axis is the column
_STATES_SIZE = re.compile(
    rb"^((?i:space directions|spacings):(?!.*(?i:nan))|(ElementSpacing|ElementSize)\s*=)", re.M
)
_COMPRESSED = re.compile(rb"^CompressedDataSize = (\d+)\s(?:.*\n)*?ElementDataFile = LOCAL\n", re.M)
_UNIT = re.compile(rb'^space units:\s*"([^"]*)"', re.M)
_MM_PER_UNIT = {"m": 1000.0, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "microns": 1e-3, "nm": 1e-6}
_SEGMENTATION = re.compile(rb"^Segment(ation_|\d+_)\w+\s*:?=", re.M)
_SEGMENT = re.compile(r"Segment(\d+)_(Name|Color|LabelValue)")


def read_itk(path: Path) -> Volume:
    """Read an NRRD or MetaImage file, also one whose values lie in a file beside it.

    Parameters
    ----------
    path : Path
        ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.

    Returns
    -------
    Volume
        ``(C, D, H, W)``, or ``(C, H, W)`` for a file of two axes; mm.

    Raises
    ------
    UnusableFile
        If it is damaged, holds complex values, or has more axes than an image has.
    OSError
        If it cannot be read.
    """
    import SimpleITK as sitk

    with explained(path), _quiet(sitk):
        _refuse_cut_off(path)
        try:
            image = sitk.ReadImage(str(path), imageIO=_reader(path))
        except RuntimeError as error:
            raise _unreadable(path, str(error)) from error
        channels = _channels(path, image, sitk.GetArrayFromImage(image))
    header = _text_of(path)
    affine = np.diag([*[_mm_per_unit(header)] * 3, 1.0]) @ _affine_of(image)
    shape = channels[0].shape
    axes, flips, to_file = canonical_place(affine, shape)
    world = affine @ to_file
    tags = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    storage = Storage(
        axes=axes,
        flips=flips,
        affine=affine,
        path=str(path),
        format="itk",
        header={"shape": shape, "classes": segments(tags)},
    )
    spacing = np.linalg.norm(world[:3, :3], axis=0)[-len(shape) :]
    return Volume(
        array=np.stack([np.ascontiguousarray(storage.to_canonical(one)) for one in channels]),
        spacing=tuple(float(f"{s:.6g}") for s in spacing),
        affine=world,
        spacing_known=_STATES_SIZE.search(header) is not None,
        storage=storage,
        name=image_stem(path),
    )


def write_itk(
    path: Path,
    array: np.ndarray,
    like: Volume,
    *,
    classes: Sequence[ClassName] | None = None,
) -> None:
    """Write ``(C, *S)`` as NRRD or MetaImage in the place of `like`.

    Parameters
    ----------
    path : Path
        Ends in ``.nrrd`` or ``.mha``.
    array : ndarray
        ``(C, *S)``; several channels become components of a voxel.
    like : Volume
        If it was read from such a file or from NIfTI, the voxel order is that file's.
    classes : sequence of ClassName or None
        Of labels, perhaps none; None for an image. They are said as Slicer's segmentations say
        them.

    Raises
    ------
    ValueError
        If the grid is sheared.
    OSError
        If it cannot be written.
    """
    import SimpleITK as sitk

    storage = _order_of(like)
    stored = [storage.to_stored(channel) for channel in array]
    dims = like.spatial_dims
    from_file = np.linalg.inv(index_map_of(storage, stored[0].shape))
    affine = _LPS_TO_RAS @ like.affine @ from_file
    steps = affine[:dims, :dims]
    spacing = np.linalg.norm(steps, axis=0)
    direction = steps / spacing
    if not np.allclose(direction.T @ direction, np.eye(dims), atol=1e-3):
        raise ValueError(
            f"{path.name} cannot hold a sheared grid, as a tilted gantry makes; use .nii.gz"
        )
    values = np.stack(stored, axis=-1) if len(stored) > 1 else stored[0]
    values = values.transpose((*range(dims)[::-1], *range(dims, values.ndim)))
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values), isVector=len(stored) > 1)
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(affine[:dims, 3].tolist())
    for key, text in {} if classes is None else _tags(classes, values.shape).items():
        image.SetMetaData(key, text)
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(_last_line(str(error))) from error
    if not _is_whole(path, image):
        full = shutil.disk_usage(path.parent).free < values.nbytes
        raise OSError(errno.ENOSPC if full else errno.EIO, "the disk did not take all of the file")


def _is_whole(path: Path, image: Any) -> bool:
    """Whether a file holds an image: of a full disk SimpleITK says nothing."""
    import SimpleITK as sitk

    try:
        _refuse_cut_off(path)
        again = sitk.ReadImage(str(path), imageIO=_reader(path))
    except (RuntimeError, UnusableFile):
        return False
    read, meant = (sitk.GetArrayViewFromImage(one) for one in (again, image))
    return np.array_equal(read, meant, equal_nan=True)


def has_segments(path: Path) -> bool:
    """Whether the header of an NRRD or MetaImage file is that of a segmentation of Slicer's kind.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    return _SEGMENTATION.search(_text_of(path)) is not None


def segments(tags: dict[str, str]) -> list[ClassName]:
    """Return the classes that a segmentation of Slicer names."""
    found: dict[int, dict[str, str]] = {}
    for key, text in tags.items():
        match = _SEGMENT.fullmatch(key)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = text
    classes = []
    for number, said in sorted(found.items()):
        given = said.get("LabelValue", "").strip()
        value = int(given) if given.isdecimal() else number + 1
        colour = hex_colour(_numbers(said.get("Color", "")))
        classes.append(ClassName(value, said.get("Name", f"segment {value}"), colour))
    return classes


def _tags(classes: Sequence[ClassName], shape: tuple[int, ...]) -> dict[str, str]:
    """Return what Slicer's segmentations say of their classes; `shape` is slices, rows, columns."""
    tags = {"Segmentation_MasterRepresentation": "Binary labelmap"}
    extent = " ".join(f"0 {n - 1}" for n in (*shape[::-1], 1)[:3])
    for number, one in enumerate(classes):
        said = {
            "ID": f"Segment_{one.value}",
            "Name": " ".join(one.name.split()),
            "LabelValue": str(one.value),
            "Layer": "0",
            "Extent": extent,
        }
        if one.colour:
            rgb = (int(one.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
            said["Color"] = " ".join(f"{part:.6f}" for part in rgb)
        tags |= {f"Segment{number}_{key}": text for key, text in said.items()}
    return tags


def _numbers(text: str) -> list[float]:
    """Return the numbers of a line; none if one of its words is no number."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        return []
    return found if np.isfinite(found).all() else []


def _channels(path: Path, image: Any, values: np.ndarray) -> list[np.ndarray]:
    """Return each channel with the file's axes ``(column, row[, slice])``."""
    axes, components = image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    if values.dtype.kind == "c" or axes > 4 or (axes == 4 and components > 1):
        raise UnusableFile(
            f"{path.name} holds {image.GetPixelIDTypeAsString()} on {axes} axes; an image has 2 "
            "or 3, and at most one more for channels or time: export one of its images"
        )
    if components > 1:
        return [values[..., c].T for c in range(components)]
    return [values.T] if axes < 4 else [values[t].T for t in range(len(values))]


def _affine_of(image: Any) -> np.ndarray:
    """Return (column, row, slice, 1) to RAS+ in the file's unit."""
    dims = min(image.GetDimension(), 3)
    count = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(count, count)[:dims, :dims]
    affine = np.eye(4)
    affine[:dims, :dims] = direction * np.array(image.GetSpacing()[:dims])
    affine[:dims, 3] = image.GetOrigin()[:dims]
    moved: np.ndarray = _LPS_TO_RAS @ affine
    return moved


def _order_of(like: Volume) -> Storage:
    """Return how to lay the voxels: as the file did if `like` is still the whole of it."""
    storage = like.storage
    if storage is not None and storage.format in ("itk", "nifti"):
        header = storage.header.get("nifti")
        shape = storage.header.get("shape") or (header.get_data_shape() if header else ())
        if tuple(shape[axis] for axis in storage.axes if axis < len(shape)) == like.shape:
            return storage
    axes = _FRESH[like.spatial_dims]
    return Storage(axes=axes, flips=(False,) * len(axes))


def index_map_of(storage: Storage, shape: tuple[int, ...]) -> np.ndarray:
    """Return (0 or d, h, w, 1) to the file's index, also for a file of two axes."""
    if len(shape) == 3:
        return index_map(storage.axes, storage.flips, shape)
    return index_map((2, *storage.axes), (False, *storage.flips), (*shape, 1))


def _reader(path: Path) -> str:
    """Return which of ITK's readers a file is for, by its content: ITK goes by the suffix."""
    with open(path, "rb") as file:
        return "NrrdImageIO" if file.read(4) == b"NRRD" else "MetaImageIO"


def _refuse_cut_off(path: Path) -> None:
    """Raise an error for a MetaImage that is too short, of which ITK prints lines of its own."""
    with open(path, "rb") as file:
        start = file.read(1 << 16)
    size = _COMPRESSED.search(start)
    headless = not start.startswith(b"NRRD") and b"ElementDataFile" not in start
    if headless or (size and path.stat().st_size < size.end() + int(size[1])):
        raise broken(path, "is cut off or damaged")


def _text_of(path: Path) -> bytes:
    """Return the header of a file, which is text up to an empty line or the values."""
    with open(path, "rb") as file:
        start = file.read(1 << 16)
    return re.split(rb"\r?\n\r?\n|ElementDataFile", start, maxsplit=1)[0].replace(b"\r", b"")


def _mm_per_unit(header: bytes) -> float:
    unit = _UNIT.search(header)
    return _MM_PER_UNIT.get(unit[1].decode("utf-8", "replace"), 1.0) if unit else 1.0


def _unreadable(path: Path, said: str) -> UnusableFile:
    if "memory" in said.lower():
        return UnusableFile(
            f"{path.name} claims more voxels than fit into this computer's memory; crop or "
            "resample it first, or copy it again if that cannot be"
        )
    if "could not open" in said.lower() or "can't open" in said.lower() or "couldn't open" in said:
        return broken(path, "refers to a file with its values that is not beside it")
    return broken(path, "is cut off or damaged")


def _last_line(said: str) -> str:
    return said.strip().splitlines()[-1].strip()


@contextmanager
def _quiet(sitk: Any) -> Iterator[None]:
    """Keep ITK's remarks on odd headers out of the terminal."""
    was = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(was)
