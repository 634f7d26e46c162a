"""NIfTI-1 and NIfTI-2 in: values, axes and place in the world.

Decisions:

* The file's sform is used, else its qform, else pixdim (nibabel's order). A singular or
  non-finite sform gives way to a valid qform; without one the file is refused, since nobody
  could say where its voxels lie.
* Voxel sizes of 0 in a file without sform and qform are unknown, and 1.
* A fourth axis, or a fifth of a vector image, becomes C, whether it is time, b-values or
  channels. RGB24 and RGBA32 become three channels.
* Values keep their type; scaled ones (slope, intercept) and float64 become float32, unless
  float32 cannot hold them. NaN and infinity stay; what they mean is for the engine to say.
* A 2D file is 2D; a file of one slice with three axes is a volume of one slice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.nifti_file import NiftiFile, classes_of, load_nifti
from napari_medseg.io.orientation import canonical_place
from napari_medseg.io.paths import image_stem
from napari_medseg.volume import Storage, Volume

_LARGEST_MM = 1e9  # beyond are not places but damage
_MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI file or pair, compressed or not, whatever its suffix says.

    Parameters
    ----------
    path : Path
        An existing file; of a pair (.hdr and .img) either.

    Returns
    -------
    Volume
        ``(C, D, H, W)``, or ``(C, H, W)`` for a file of two axes; mm.

    Raises
    ------
    ValueError
        If it is not NIfTI, is cut off or corrupt, or holds what is not an image.
    OSError
        If it cannot be read.
    """
    return placed(path, load_nifti(path))


def placed(path: Path, file: NiftiFile) -> Volume:
    """Return what a NIfTI header and values are in a volume's axes.

    Raises
    ------
    UnusableFile
        If nobody can say where the voxels lie.
    """
    header, values = file.header, file.values
    spatial = min(values.ndim - 1, 3)
    shape = values.shape[:spatial]
    affine, transform = _file_affine(path, header)
    axes, flips, to_file = canonical_place(affine, shape)
    world = np.diag([*[_mm_per_unit(header)] * 3, 1.0]) @ affine @ to_file
    # headers hold float32, so that what lies beyond six digits is noise (0.99999998 mm)
    spacing = tuple(float(f"{s:.6g}") for s in np.linalg.norm(world[:3, :3], axis=0)[-spatial:])
    storage = Storage(
        axes=axes,
        flips=flips,
        affine=affine,
        path=str(path),
        format="nifti",
        header={
            "nifti": header.copy(),
            "transform": transform,
            "classes": classes_of(header),
        },
    )
    channels = [storage.to_canonical(values[..., c]) for c in range(values.shape[-1])]
    # torch and most of numpy's users want forward strides, so the flips are carried out here
    array = np.ascontiguousarray(channels[0])[None] if len(channels) == 1 else np.stack(channels)
    return Volume(
        array=array,
        spacing=spacing,
        affine=world,
        spacing_known=file.spacing_known,
        storage=storage,
        name=image_stem(path),
        notes=file.notes,
    )


def _file_affine(path: Path, header: Any) -> tuple[np.ndarray, str]:
    """Return the file's index to RAS+ matrix in the file's own unit, and where it stands."""
    candidates = {}
    if header["sform_code"] > 0:
        candidates["sform"] = header.get_sform()
    if header["qform_code"] > 0:
        try:
            candidates["qform"] = header.get_qform()
        except ValueError:  # quaternion longer than 1
            candidates["qform"] = np.full((4, 4), np.nan)
    for name, affine in candidates.items():
        if _usable(affine):
            return affine, name
    if candidates:
        raise UnusableFile(
            f"{path.name} does not say where its voxels lie: its {' and '.join(candidates)} "
            "matrix is singular or out of all bounds; export it again, or set a valid orientation"
        )
    affine = header.get_base_affine()
    if not _usable(affine):
        raise UnusableFile(
            f"{path.name} has a voxel size that is out of all bounds; export the image again"
        )
    return affine, "pixdim"


def _usable(affine: np.ndarray) -> bool:
    if not np.isfinite(affine).all() or np.abs(affine).max() > _LARGEST_MM:
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if lengths.min() < 1 / _LARGEST_MM:
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-3)


def _mm_per_unit(header: Any) -> float:
    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:  # a code the standard does not know
        return 1.0
    return _MM_PER_UNIT.get(unit, 1.0)
