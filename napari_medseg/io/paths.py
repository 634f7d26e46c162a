"""What a file is, by its name and by its first bytes."""

from __future__ import annotations

import os
import re
import zipfile
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath

NIFTI_SUFFIXES = (".nii.gz", ".nii")
TIFF_SUFFIXES = (".tif", ".tiff")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
ZARR_SUFFIXES = (".ome.zarr", ".zarr", ".ome.zarr.zip", ".zarr.zip", ".ozx")
DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
IMAGE_SUFFIXES = (
    *NIFTI_SUFFIXES,
    *ITK_SUFFIXES,
    *ZARR_SUFFIXES,
    *TIFF_SUFFIXES,
    *PICTURE_SUFFIXES,
)
SUPPORTED = "NIfTI (.nii, .nii.gz), DICOM, NRRD, MetaImage, OME-Zarr, PNG, JPEG, BMP and TIFF"

_ZARR_MARKS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FOREIGN_SUFFIXES = {
    ".mgz": "a FreeSurfer MGZ file",
    ".mgh": "a FreeSurfer MGH file",
    ".mnc": "a MINC file",
    ".brik": "an AFNI file",
    ".head": "an AFNI file",
    ".rec": "a Philips PAR/REC file",
    ".par": "a Philips PAR/REC file",
    ".hdr": "one half of an Analyze or NIfTI pair (.hdr and .img)",
    ".img": "one half of an Analyze or NIfTI pair (.hdr and .img)",
}


def image_suffix(path: str | os.PathLike[str]) -> str:
    """Return the image suffix of a path in lower case (".nii.gz"), "" if it has none."""
    name = _name(path).lower()
    return next((suffix for suffix in IMAGE_SUFFIXES if name.endswith(suffix)), "")


def is_image_path(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a path is that of an image this package reads."""
    return image_suffix(path) != "" and not _name(path).startswith(".")


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


def holds_dicom(folder: Path) -> bool:
    """Whether one of the first files in a folder or below starts as DICOM files do."""
    files = [path for path in islice(folder.rglob("*"), 100) if path.is_file()]
    return any(_first_bytes(path)[128:132] == b"DICM" for path in files)


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

    The answers are "nifti", "dicom", "itk", "tiff", "zarr" and "picture".

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
    if start[128:132] == b"DICM" or path.suffix.lower() in DICOM_SUFFIXES:
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
    foreign = _foreign(path, start)
    if foreign:
        raise ValueError(
            f"{path.name} is {foreign}, which is not read yet; convert it to .nii.gz first "
            f"(supported: {SUPPORTED})"
        )
    if image_suffix(path) in NIFTI_SUFFIXES:
        return "nifti"
    if _is_nifti(start):
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


def _is_nifti(start: bytes) -> bool:
    return start[344:348] == b"n+1\0" or start[4:8] == b"n+2\0" or start[:2] == b"\x1f\x8b"


def _is_meta_image(path: Path, start: bytes) -> bool:
    named = image_suffix(path) in (".mha", ".mhd")
    return named and any(key in start for key in (b"ObjectType", b"NDims", b"DimSize"))


def _foreign(path: Path, start: bytes) -> str:
    if start.startswith((b"GIF8", b"RIFF")):
        return "a GIF or WebP file"
    if start[344:348] == b"ni1\0" or start[4:8] == b"ni2\0":
        return _FOREIGN_SUFFIXES[".hdr"]
    name = path.name.lower().removesuffix(".gz")
    return _FOREIGN_SUFFIXES.get(Path(name).suffix, "")
