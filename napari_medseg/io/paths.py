"""What a file is, by its name and by its first bytes."""

from __future__ import annotations

import gzip
import os
import re
import zipfile
import zlib
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath

from napari_medseg.io.errors import broken
from napari_medseg.io.halves import halves_of

NIFTI_SUFFIXES = (".nii.gz", ".nii")
TIFF_SUFFIXES = (".tif", ".tiff")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
ZARR_SUFFIXES = (".ome.zarr", ".zarr", ".ome.zarr.zip", ".zarr.zip", ".ozx")
NIBABEL_SUFFIXES = (".hdr", ".hdr.gz", ".mgz", ".mgh", ".head", ".par", ".mnc", ".mnc.gz")
SECOND_HALVES = (".img", ".img.gz", ".brik", ".brik.gz", ".rec")
"""Values beside a header; either file opens the image, the header stands for it in lists."""
DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
IMAGE_SUFFIXES = (
    *NIFTI_SUFFIXES,
    *NIBABEL_SUFFIXES,
    *ITK_SUFFIXES,
    *ZARR_SUFFIXES,
    *TIFF_SUFFIXES,
    *PICTURE_SUFFIXES,
)
SUPPORTED = (
    "NIfTI (.nii, .nii.gz, .hdr/.img), DICOM, NRRD, MetaImage, OME-Zarr, Analyze, MGH, AFNI, "
    "PAR/REC, MINC, PNG, JPEG, BMP and TIFF"
)

_ZARR_MARKS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FIRST_ELEMENTS = tuple(bytes((low, 0)) for low in (0x00, 0x01, 0x05, 0x08, 0x12, 0x16))


def image_suffix(path: str | os.PathLike[str]) -> str:
    """Return the image suffix of a path in lower case (".nii.gz"), "" if it has none."""
    name = _name(path).lower()
    known = (*IMAGE_SUFFIXES, *SECOND_HALVES)
    return next((suffix for suffix in known if name.endswith(suffix)), "")


def is_image_path(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a path is that of an image this package reads, once for each image."""
    return image_suffix(path) in IMAGE_SUFFIXES and not _name(path).startswith(".")


def image_stem(path: str | os.PathLike[str]) -> str:
    """Return the file name without its image suffix: ``liver.nii.gz`` gives ``liver``."""
    name, suffix = _name(path), image_suffix(path)
    return name[: -len(suffix)] if suffix else Path(path).stem


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key by which ``case_2`` comes before ``case_10``."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts] + [
        (2, 0, text)
    ]


def is_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM files do, or as old ones without the preamble."""
    try:
        return _is_dicom(path, _first_bytes(path))
    except OSError:
        return False


def holds_dicom(folder: Path) -> bool:
    """Whether one of the first files in a folder or below is DICOM by its content."""
    return any(is_dicom(path) for path in islice(folder.rglob("*"), 100) if path.is_file())


def is_zarr_folder(folder: Path) -> bool:
    """Whether a folder is a Zarr store, or an image or array in one."""
    return any((folder / mark).is_file() for mark in _ZARR_MARKS)


def zarr_inside(path: Path) -> str | None:
    """Return where in a zip file a Zarr store begins ("" is its root), None if there is none."""
    try:
        with zipfile.ZipFile(path) as file:
            marks = [PurePosixPath(n) for n in file.namelist() if n.endswith(_ZARR_MARKS)]
    except zipfile.BadZipFile:
        return None
    outermost = min((mark.parent for mark in marks), key=lambda at: len(at.parts), default=None)
    return None if outermost is None else "/".join(outermost.parts)


def sniff(path: Path) -> str:
    """Say what a file holds, by its content first.

    The answers are "nifti", "nibabel" (Analyze, MGH, AFNI, PAR/REC, MINC), "dicom", "itk",
    "tiff", "zarr" and "picture".

    Parameters
    ----------
    path : Path
        An existing file, the folder of a DICOM series, or a Zarr store; a suffix counts only
        where the content says nothing.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is none of the supported formats; the message says what it seems to be.
    """
    if path.is_dir():
        if is_zarr_folder(path):
            return "zarr"
        if holds_dicom(path):
            return "dicom"
        raise ValueError(f"{path} is a folder; give an image file ({SUPPORTED})")
    start = _first_bytes(path)
    if not start:
        raise ValueError(f"{path.name} is empty (0 bytes); copy or export the file again")
    if _is_dicom(path, start) or path.suffix.lower() in DICOM_SUFFIXES:
        return "dicom"
    if start.startswith(_TIFF_MAGIC):
        return "tiff"
    if start.startswith(b"PK\3\4") and zarr_inside(path) is not None:
        return "zarr"
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return "picture"
    if start.startswith(b"BM") and image_suffix(path) == ".bmp":
        return "picture"
    if start.startswith(b"NRRD") or _is_meta_image(path, start):
        return "itk"
    if start.startswith((b"GIF8", b"RIFF")):
        raise ValueError(
            f"{path.name} is a GIF or WebP file, which is not read; save it as PNG first"
        )
    if image_suffix(path) in (*NIBABEL_SUFFIXES, *SECOND_HALVES):
        return _by_nibabel(path)
    if image_suffix(path) in NIFTI_SUFFIXES or _is_nifti(start):
        return "nifti"
    if image_suffix(path):
        raise ValueError(
            f"{path.name} is not an image, although its name ends in {image_suffix(path)}; "
            "copy or export the file again"
        )
    raise ValueError(f"{path.name} is not an image this program reads; supported: {SUPPORTED}")


def _name(path: str | os.PathLike[str]) -> str:
    if isinstance(path, PurePath):  # making it anew costs more than all else in long lists
        return path.name
    return Path(path).name


def _first_bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(544)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}; check the path") from error
    except OSError as error:
        raise OSError(f"cannot read {path}: {error.strerror or error}") from error


def _is_dicom(path: Path, start: bytes) -> bool:
    """Whether a file of this name and these first bytes is DICOM.

    Without the preamble an element of group 8 comes first, which values of an image in a file of
    another format's name could be, too.
    """
    if start[128:132] == b"DICM":
        return True
    return start[:2] == b"\x08\0" and start[2:4] in _FIRST_ELEMENTS and not image_suffix(path)


def _is_nifti(start: bytes) -> bool:
    marks = (b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0")
    return start[344:348] in marks or start[4:8] in marks or start[:2] == b"\x1f\x8b"


def _is_meta_image(path: Path, start: bytes) -> bool:
    named = image_suffix(path) in (".mha", ".mhd")
    return named and any(key in start for key in (b"ObjectType", b"NDims", b"DimSize"))


def _by_nibabel(path: Path) -> str:
    """Say of a file with a suffix of NIfTI pairs and kindred formats which of them it is."""
    header, _ = halves_of(path)
    start = _first_bytes(header)
    if start[:2] == b"\x1f\x8b":
        try:
            with gzip.open(header, "rb") as file:
                start = file.read(348)
        except (OSError, EOFError, zlib.error) as error:
            raise broken(path, "is cut off or damaged") from error
    if start[344:348] == b"ni1\0" or start[4:8] == b"ni2\0":
        return "nifti"
    kind = image_suffix(header).removesuffix(".gz")
    marks = {
        ".hdr": (b"\x5c\x01\0\0", b"\0\0\x01\x5c"),  # 348, the length of the header
        ".mgz": (b"\0\0\0\x01",),
        ".mgh": (b"\0\0\0\x01",),
        ".mnc": (b"CDF", b"\x89HDF"),
    }
    if not start.startswith(marks.get(kind, (b"",))):
        raise broken(path, f"is not an image, although its name ends in {image_suffix(path)}")
    return "nibabel"
