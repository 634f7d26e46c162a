"""Analyze 7.5, MGH, AFNI, PAR/REC and MINC in, by nibabel: values and place as NIfTI has them.

Decisions:

* The place is nibabel's affine; what is read carries a NIfTI header with it, so that labels
  written for it as NIfTI lie voxel for voxel on it.
* Analyze does not say which side is left; nibabel's usual answer (radiological) is taken and said.
* Several volumes become channels; in MINC, where time comes first, they are refused.
* MINC 2 needs the package h5py, which nibabel uses.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.errors import UnusableFile, explained
from napari_medseg.io.halves import halves_of
from napari_medseg.io.nifti import placed
from napari_medseg.io.nifti_file import (
    NiftiFile,
    as_float32,
    channels_last,
    check_shape,
    silent_nibabel,
)
from napari_medseg.volume import Volume

_NO_SIDES = (
    "Analyze files do not say which side is left; it was taken as most programs do, "
    "check it before sides matter"
)
_NO_PLACE = "the file does not say how the head lies; FreeSurfer's usual way was taken"


def read_nibabel(path: Path) -> Volume:
    """Read an Analyze, MGH, AFNI, PAR/REC or MINC image.

    Parameters
    ----------
    path : Path
        An existing file; of two halves either.

    Returns
    -------
    Volume
        ``(C, D, H, W)``, or ``(C, H, W)``; mm.

    Raises
    ------
    UnusableFile
        If it is damaged, half of it is missing, it needs a package that is not installed, or it
        holds what is not an image.
    OSError
        If it cannot be read.
    """
    header_path, data_path = halves_of(path)
    with explained(path), silent_nibabel(), warnings.catch_warnings(), ExitStack() as files:
        warnings.simplefilter("ignore")  # nibabel's remarks on odd headers
        image = _opened(path, header_path, data_path, files)
        shape = check_shape(path, image.header)
        values = np.asanyarray(image.dataobj)
        if values.dtype.kind == "f" and values.dtype.itemsize > 4:
            values = as_float32(values)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        file = NiftiFile(
            header=_nifti_header(image, values),
            values=channels_last(values, shape),
            spacing_known=_spacing_known(image, header_path),
            notes=_notes(image, header_path),
        )
    return placed(path, file)


def _opened(path: Path, header_path: Path, data_path: Path, files: ExitStack) -> Any:
    """Return nibabel's image, whose values may be read while `files` is open.

    Of PAR/REC and MGH the file is opened here, since nibabel would leave it open.
    """
    import nibabel as nib
    from nibabel import brikhead, parrec
    from nibabel.fileholders import FileHolder
    from nibabel.openers import ImageOpener

    name = header_path.name.lower()
    if name.removesuffix(".gz").endswith(".hdr"):
        return _analyze(header_path, data_path)
    if name.endswith(".par"):
        values = files.enter_context(data_path.open("rb"))
        halves = {"header": FileHolder(str(header_path)), "image": FileHolder(fileobj=values)}
        return parrec.PARRECImage.from_file_map(halves, mmap=False)
    if header_path != data_path:
        return brikhead.load(str(header_path))
    if not name.endswith((".mnc", ".mnc.gz")):
        stream = files.enter_context(ImageOpener(str(path)))
        return nib.MGHImage.from_file_map({"image": FileHolder(fileobj=stream)}, mmap=False)
    try:
        image: Any = nib.load(path)
    except ImportError as error:
        raise UnusableFile(
            f"{path.name} is MINC 2, which needs the package h5py: install it with "
            "'pip install h5py', or convert the file to .nii.gz (mnc2nii)"
        ) from error
    if len(image.shape) > 3:
        raise UnusableFile(
            f"{path.name} holds several volumes {image.shape}; export one, or convert the file "
            "to .nii.gz (mnc2nii)"
        )
    return image


def _analyze(header_path: Path, data_path: Path) -> Any:
    """Open a pair without NIfTI's mark as what SPM or others write."""
    import nibabel as nib
    from nibabel.fileholders import FileHolder
    from nibabel.openers import ImageOpener

    with ImageOpener(str(header_path)) as file:
        start = file.read(348)
    kinds: tuple[Any, ...] = (nib.Spm2AnalyzeImage, nib.Spm99AnalyzeImage, nib.AnalyzeImage)
    kind = next((k for k in kinds if k.header_class.may_contain_header(start)), kinds[-1])
    files = {"header": FileHolder(str(header_path)), "image": FileHolder(str(data_path))}
    if "mat" in kind.make_file_map():
        files["mat"] = FileHolder(str(_matrix(header_path)))
    return kind.from_file_map(files)


def _matrix(header_path: Path) -> Path:
    """Return where SPM puts the matrix of an Analyze image."""
    stem = header_path.name[: header_path.name.lower().rindex(".hdr")]
    return header_path.with_name(f"{stem}.mat")


def _nifti_header(image: Any, values: np.ndarray) -> Any:
    """Return a NIfTI header with the image's place; as large as it needs to be."""
    import nibabel as nib

    small = max(values.shape) <= np.iinfo(np.int16).max
    header: Any = nib.Nifti1Header() if small else nib.Nifti2Header()
    header.set_data_dtype(values.dtype if values.dtype.kind != "b" else np.uint8)
    header.set_data_shape(values.shape)
    header.set_sform(image.affine, code="scanner")
    steps = np.linalg.norm(image.affine[:3, :3], axis=0)
    header.set_zooms([*steps, *[1.0] * values.ndim][: values.ndim])
    header.set_xyzt_units("mm")
    return header


def _spacing_known(image: Any, header_path: Path) -> bool:
    """Whether the header gives voxel sizes; of Analyze nibabel repairs zeros to 1."""
    import nibabel as nib
    from nibabel.openers import ImageOpener

    if not isinstance(image, nib.AnalyzeImage):
        return True
    with ImageOpener(str(header_path)) as file:
        raw = type(image.header).from_fileobj(file, check=False)
    return bool((raw["pixdim"][1:4] > 0).all())


def _notes(image: Any, header_path: Path) -> tuple[str, ...]:
    import nibabel as nib
    from nibabel.openers import ImageOpener

    if isinstance(image, nib.AnalyzeImage):
        placed_by_spm = isinstance(image, nib.Spm99AnalyzeImage) and _matrix(header_path).exists()
        return () if placed_by_spm else (_NO_SIDES,)
    if isinstance(image, nib.MGHImage):
        with ImageOpener(str(header_path)) as file:  # nibabel repairs the flag, too
            placed_by_scanner = file.read(30)[28:30] == b"\0\x01"
        return () if placed_by_scanner else (_NO_PLACE,)
    return ()
