"""Which names are proposed for files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels, Layer

from napari_medseg.io.paths import PICTURE_SUFFIXES, TIFF_SUFFIXES, image_stem, image_suffix
from napari_medseg.widgets.keeping import questions
from napari_medseg.widgets.keeping.origins import file_of, image_under
from napari_medseg.widgets.settings import preferences
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

PROJECT = ".medseg.json"


def where_to_save(viewer: Viewer, layer: Labels) -> str:
    """Ask in which file labels are saved; empty if the person would rather not."""
    proposed, flat = proposed_labels(viewer, layer), layer.ndim == 2
    image = image_under(viewer, layer)
    storage = place_of(layer if image is None else image).storage
    dicom = storage is not None and storage.format == "dicom"
    return questions.ask_where_to_save(layer.name, proposed, flat=flat, dicom=dicom)


def proposed_labels(viewer: Viewer, layer: Labels) -> Path:
    """Return a file for labels that is not there yet: beside their image, named after it."""
    path = file_of(layer)
    image = image_under(viewer, layer)
    source = "" if image is None else file_of(image)
    of_image = image_suffix(source)
    suffix = ".nii.gz"
    if layer.ndim == 2 and (not of_image or of_image in PICTURE_SUFFIXES):
        suffix = ".png"
    elif of_image in TIFF_SUFFIXES:
        suffix = ".tif"
    elif of_image in (".ome.zarr", ".zarr"):
        suffix = ".ome.zarr"
    elif of_image in (".nrrd", ".mha"):
        suffix = of_image
    stem = image_stem(source) if source else safe_name(layer if image is None else image)
    folder = Path(path or source).parent if path or source else start_folder()
    return _free(folder, f"{stem}_labels", suffix)


def proposed_project(viewer: Viewer) -> Path:
    """Return a file for a project that is not there yet, named after its first image."""
    files = [path for path in map(file_of, viewer.layers) if path]
    folder = Path(files[0]).parent if files else start_folder()
    stem = image_stem(files[0]) if files else next(map(safe_name, viewer.layers), "project")
    return _free(folder, stem, PROJECT)


def safe_name(layer: Layer) -> str:
    """Return the name of a layer as a file name: short, and without what systems forbid."""
    plain = "".join(c if c.isalnum() or c in " ._-" else "_" for c in layer.name)
    return plain.strip(" .")[:60] or "labels"


def start_folder() -> Path:
    """Return where dialogs start when nothing says better."""
    return Path(preferences().data_directory or Path.home())


def _free(folder: Path, stem: str, suffix: str) -> Path:
    count = 1
    while (path := folder / f"{stem}{f'_{count}' * (count > 1)}{suffix}").exists():
        count += 1
    return path
