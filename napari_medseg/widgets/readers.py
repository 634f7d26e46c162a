"""What napari opens by drop or *File > Open*: images, label images, case folders, models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from napari.layers import Layer

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.io import (
    CaseFiles,
    Pyramid,
    find_cases,
    is_image_path,
    open_pyramid,
    read_labels,
    read_volume,
)
from napari_medseg.io.dicom import is_segmentation
from napari_medseg.io.label_marks import says_labels
from napari_medseg.io.layouts import LABEL_FOLDERS, LABEL_STEMS
from napari_medseg.io.paths import (
    ITK_SUFFIXES,
    NIBABEL_SUFFIXES,
    NIFTI_SUFFIXES,
    SECOND_HALVES,
    TIFF_SUFFIXES,
    ZARR_SUFFIXES,
    image_stem,
    image_suffix,
    is_zarr_folder,
)
from napari_medseg.io.tiff_metadata import stated_classes, stated_spacing
from napari_medseg.project import is_project
from napari_medseg.widgets.dicom_layers import is_dicom_path, read_dicom_layers, tell_notes
from napari_medseg.widgets.file_classes import labels_with_classes
from napari_medseg.widgets.grids.questions import grid_questions
from napari_medseg.widgets.keeping.sources import with_file, with_source
from napari_medseg.widgets.keeping.waiting import without_freezing
from napari_medseg.widgets.notices import offer, show_failure
from napari_medseg.widgets.pyramids import image_file_layers, pyramid_layers
from napari_medseg.widgets.volume_layers import LayerData, from_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer

Reader = Callable[[Any], list[Any]]
NO_LAYERS: list[Any] = [(None,)]  # napari's word for "read, and nothing to show"
# formats that say more of an image than napari's own reader reads
_SCANS = (*NIFTI_SUFFIXES, *NIBABEL_SUFFIXES, *SECOND_HALVES, *ITK_SUFFIXES, *ZARR_SUFFIXES)
_MODALITIES = 8  # more images in a folder are those of several cases
_EDITABLE = 256 << 20  # bytes: labels in pieces that are no larger are read, to be edited


def image_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of image and label files, if all paths are such."""
    return _read_images if all(_is_image(Path(p)) for p in _listed(path)) else None


def folder_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of a case folder: the images of one case, with its labels."""
    return _read_folders if all(Path(p).is_dir() for p in _listed(path)) else None


def model_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of checkpoints, which chooses the model in the workbench."""
    return _read_models if all(Path(p).suffix == SUFFIX for p in _listed(path)) else None


def project_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of projects, which brings back all that was open."""
    return _read_projects if all(is_project(p) for p in _listed(path)) else None


def is_label_path(path: Path) -> bool:
    """Whether the name of a file or of its folder says that it holds labels."""
    words = image_stem(path).lower().replace("-", "_").replace(".", "_").split("_")
    folder = path.parent.name.lower().removesuffix("tr").removesuffix("ts")
    return folder in LABEL_FOLDERS or any(word in LABEL_STEMS for word in (words[0], words[-1]))


def _holds_labels(path: Path) -> bool:
    """Whether the name of a file, or the file itself, says that it holds labels."""
    return is_label_path(path) or says_labels(path)


def _read_images(path: str | Sequence[str]) -> list[LayerData]:
    paths = _each_image_once([Path(p) for p in _listed(path)])
    return [layer for one in paths for layer in _read_image(one)]


def _read_image(path: Path) -> list[LayerData]:
    viewer = napari.current_viewer()
    if viewer is not None:
        grid_questions(viewer)  # labels of another grid are asked about once they are there
    if is_dicom_path(path) and not is_segmentation(path):
        return read_dicom_layers(path)
    pyramid = None if is_dicom_path(path) else open_pyramid(path)
    if pyramid is not None:
        return _read_pyramid(pyramid, path)
    if _holds_labels(path):
        try:
            labels = without_freezing(partial(read_labels, path), _size(path))
        except ValueError:
            if is_dicom_path(path):
                raise
            labels = None  # its name says labels, its values do not
        if labels is not None:
            tell_notes(labels)
            return [with_file(labels_with_classes(labels, image_stem(path), path), path)]
    volume = without_freezing(partial(read_volume, path), _size(path))
    tell_notes(volume)
    return with_source(from_volume(volume), [path])


def _read_pyramid(pyramid: Pyramid, path: Path) -> list[LayerData]:
    """Return the layers of an image in pieces and of the labels that lie inside it."""
    tell_notes(pyramid)
    if pyramid.is_labels:
        return _read_label_pyramid(pyramid, path, pyramid.name)
    layers = with_source(pyramid_layers(pyramid), [path])
    for name in pyramid.labels:
        inside = path / "labels" / name
        found = open_pyramid(inside)
        if found is not None:
            layers += _read_label_pyramid(found, inside, f"{pyramid.name} · {name}")
    return layers


def _read_label_pyramid(pyramid: Pyramid, path: Path, name: str) -> list[LayerData]:
    """Return labels to be edited if they are small, else as they lie in their pieces."""
    if pyramid.nbytes <= _EDITABLE and pyramid.time_points == 1:
        labels = without_freezing(partial(read_labels, path), pyramid.nbytes)
        return [with_file(labels_with_classes(labels, name, path), path)]
    return with_source(pyramid_layers(pyramid, name), [path])


def _read_folders(path: str | Sequence[str]) -> list[Any]:
    layers = [layer for p in _listed(path) for layer in _read_folder(Path(p))]
    return layers or NO_LAYERS


def _read_folder(folder: Path) -> list[LayerData]:
    if is_zarr_folder(folder):
        return _read_image(folder)
    if is_dicom_path(folder) and not any(is_image_path(p) for p in folder.iterdir()):
        return read_dicom_layers(folder)
    cases = _cases(folder)
    if len(cases) != 1:
        viewer = napari.current_viewer()
        text = f"{folder.name} holds {len(cases)} cases"
        if viewer is None:
            raise ValueError(f"{text}; open the folder of one case, or one image")
        offer(f"{text}.", "Open as worklist", partial(open_worklist, viewer, folder))
        return []
    case = cases[0]
    read = partial(image_file_layers, case.images, case.name)
    layers = without_freezing(read, sum(_size(path) for path in case.images))
    layers = with_source(layers, case.images)
    if case.label is not None:
        name = f"{case.name} · labels"
        volume = without_freezing(partial(read_labels, case.label), _size(case.label))
        layers.append(with_file(labels_with_classes(volume, name, case.label), case.label))
    return layers


def open_worklist(viewer: Viewer, folder: Path) -> None:
    """Work through the cases of `folder` in the Worklist panel."""
    from napari_medseg.widgets.case_folder import open_folder
    from napari_medseg.widgets.dock import show_panel

    open_folder(viewer, folder)
    show_panel(viewer, "worklist")


def choose_model_file(viewer: Viewer, path: Path) -> None:
    """Use a checkpoint for what is segmented next, and show where that is done.

    Raises
    ------
    ValueError, OSError
        If it is no model that can be used here.
    """
    from napari_medseg.widgets.dock import show_panel
    from napari_medseg.widgets.model_choice import model_choice_of

    model_choice_of(viewer).open(path)
    show_panel(viewer, "segment")


def drop_opens(paths: Sequence[Path]) -> bool:
    """Whether a drop of `paths` says more to us than to napari's own reader.

    So it is for NIfTI, DICOM, NRRD, MetaImage and Zarr, models, projects, folders of cases,
    pictures named as labels and TIFF files with a known pixel size, also when plain pictures are
    among them.
    """
    return any(_says_more(p) for p in paths) and all(
        p.is_dir() or p.suffix == SUFFIX or is_project(p) or _is_image(p) for p in paths
    )


def open_dropped(viewer: Viewer, paths: Sequence[Path]) -> None:
    """Open what was dropped into `viewer`, each path by its kind; a failure is said in words."""
    for path in _each_image_once(paths):
        try:
            if path.suffix == SUFFIX:
                choose_model_file(viewer, path)
                continue
            if is_project(path):
                _open_project(viewer, path)
                continue
            for data in _read_folder(path) if path.is_dir() else _read_image(path):
                viewer.add_layer(Layer.create(*data))
        except (ValueError, OSError) as error:
            show_failure(error)


def _says_more(path: Path) -> bool:
    if is_dicom_path(path) or is_zarr_folder(path):
        return True
    if path.is_dir():
        try:
            cases = _cases(path)
        except (ValueError, OSError):
            return False
        return any(c.label or image_suffix(c.images[0]) in _SCANS for c in cases)
    suffix = image_suffix(path)
    if suffix in TIFF_SUFFIXES and not is_label_path(path):
        return _tiff_says_more(path)
    ours = path.suffix == SUFFIX or is_project(path)
    return ours or suffix in _SCANS or (bool(suffix) and _holds_labels(path))


def _is_image(path: Path) -> bool:
    """Whether a path is named as an image, or as the half of one that holds the values."""
    return bool(image_suffix(path)) or is_dicom_path(path)


def _each_image_once(paths: Sequence[Path]) -> list[Path]:
    """Leave out the values of images whose header is there, too."""
    headers = {image_stem(p) for p in paths if image_suffix(p) in NIBABEL_SUFFIXES}
    return [
        p for p in paths if image_suffix(p) not in SECOND_HALVES or image_stem(p) not in headers
    ]


def _cases(folder: Path) -> list[CaseFiles]:
    """Return the cases of a folder, or the one case that the folder itself is."""
    images = [p for p in sorted(folder.iterdir()) if p.is_file() and is_image_path(p)]
    says = _holds_labels if len(images) <= _MODALITIES + 1 else is_label_path
    labels = [p for p in images if says(p)]
    if images and len(labels) <= 1:
        rest = tuple(p for p in images if p not in labels)
        if rest and (labels or len(rest) <= _MODALITIES):
            return [CaseFiles(folder.name, rest, labels[0] if labels else None)]
    return find_cases(folder)


def _read_models(path: str | Sequence[str]) -> list[Any]:
    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("a model is opened into a napari window, and none is open")
    choose_model_file(viewer, Path(_listed(path)[-1]))
    return NO_LAYERS


def _read_projects(path: str | Sequence[str]) -> list[Any]:
    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("a project is opened into a napari window, and none is open")
    _open_project(viewer, Path(_listed(path)[-1]))
    return NO_LAYERS


def _open_project(viewer: Viewer, path: Path) -> None:
    from napari_medseg.widgets.keeping.opening import open_project

    open_project(viewer, path)


def _tiff_says_more(path: Path) -> bool:
    """Whether a TIFF file says how large its pixels are or what they mean, or has several sizes."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            said = stated_spacing(tif) is not None or stated_classes(tif) is not None
            return said or len(tif.series[0].levels) > 1
    except (tifffile.TiffFileError, ValueError, OSError, IndexError):
        return False


def _size(path: Path) -> int:
    """Return the bytes of a file; of what is not there none, reading it says so."""
    return path.stat().st_size if path.is_file() else 0


def _listed(path: str | Sequence[str]) -> list[str]:
    return [path] if isinstance(path, str) else list(path)
