"""Whether a file itself says that it holds labels, whatever it is called.

What says so: the intent "label" of NIfTI, the fields of Slicer's segmentations in NRRD and
MetaImage, the kind of a DICOM object, the attributes of OME-Zarr, and of PNG and TIFF the comment
that `write_labels` leaves in them.
"""

from __future__ import annotations

from pathlib import Path

from napari_medseg.io.paths import sniff


def says_labels(path: Path) -> bool:
    """Whether a file says in its header that its values are labels.

    Parameters
    ----------
    path : Path
        A file or an OME-Zarr folder. Of what is not there, damaged or no image the answer is
        False: reading it says what it is.
    """
    try:
        return _says(path, sniff(path))
    except (ValueError, OSError):
        return False


def _says(path: Path, kind: str) -> bool:
    if kind == "nifti":
        from napari_medseg.io.nifti_file import has_label_intent

        return has_label_intent(path)
    if kind == "itk":
        from napari_medseg.io.itk import has_segments

        return has_segments(path)
    if kind == "dicom":
        from napari_medseg.io.dicom import is_segmentation

        return path.is_file() and is_segmentation(path)
    if kind == "zarr":
        from napari_medseg.io.ome_zarr import open_ome_zarr

        return open_ome_zarr(path).is_labels
    if kind == "tiff":
        from napari_medseg.io.tiff_metadata import opened, stated_classes

        with opened(path) as tif:
            return stated_classes(tif) is not None
    if kind == "picture":
        from napari_medseg.io.images import has_classes

        return has_classes(path)
    return False
