"""What napari opens by drop or *File > Open*: images, label images, case folders, models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.io import CaseFiles, find_cases, is_image_path, read_labels, read_volume
from napari_medseg.io.layouts import LABEL_FOLDERS, LABEL_STEMS
from napari_medseg.io.paths import image_stem
from napari_medseg.widgets.volumes import LayerData, from_labels, from_volume

Reader = Callable[[Any], list[Any]]
NO_LAYERS: list[Any] = [(None,)]  # napari's word for "read, and nothing to show"


def image_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of image and label files, if all paths are such."""
    return _read_images if all(is_image_path(p) for p in _listed(path)) else None


def folder_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of a case folder: the images of one case, with its labels."""
    return _read_folders if all(Path(p).is_dir() for p in _listed(path)) else None


def model_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of checkpoints, which chooses the model in the workbench."""
    return _read_models if all(Path(p).suffix == SUFFIX for p in _listed(path)) else None


def is_label_path(path: Path) -> bool:
    """Whether the name of a file or of its folder says that it holds labels."""
    words = image_stem(path).lower().replace("-", "_").replace(".", "_").split("_")
    folder = path.parent.name.lower().removesuffix("tr").removesuffix("ts")
    return folder in LABEL_FOLDERS or any(word in LABEL_STEMS for word in (words[0], words[-1]))


def _read_images(path: str | Sequence[str]) -> list[LayerData]:
    return [layer for p in _listed(path) for layer in _read_image(Path(p))]


def _read_image(path: Path) -> list[LayerData]:
    if is_label_path(path):
        try:
            return [from_labels(read_labels(path), image_stem(path))]
        except ValueError:  # its name says labels, its values do not
            pass
    return from_volume(read_volume(path))


def _read_folders(path: str | Sequence[str]) -> list[LayerData]:
    return [layer for p in _listed(path) for layer in _read_folder(Path(p))]


def _read_folder(folder: Path) -> list[LayerData]:
    cases = _cases(folder)
    if len(cases) != 1:
        raise ValueError(
            f"{folder.name} holds {len(cases)} cases; open the folder of one case, or one image"
        )
    case = cases[0]
    layers = from_volume(read_volume(list(case.images)), case.name)
    if case.label is not None:
        layers.append(from_labels(read_labels(case.label), f"{case.name} · labels"))
    return layers


def _cases(folder: Path) -> list[CaseFiles]:
    """Return the cases of a folder, or the one case that the folder itself is."""
    images = [p for p in sorted(folder.iterdir()) if p.is_file() and is_image_path(p)]
    labels = [p for p in images if is_label_path(p)]
    if images and len(labels) <= 1:
        rest = tuple(p for p in images if p not in labels)
        if rest and (labels or len(rest) <= 8):
            return [CaseFiles(folder.name, rest, labels[0] if labels else None)]
    return find_cases(folder)


def _read_models(path: str | Sequence[str]) -> list[Any]:
    from napari_medseg.widgets.workbench import Workbench

    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("a model is opened into a napari window, and none is open")
    _, workbench = viewer.window.add_plugin_dock_widget("napari-medseg", "Workbench")
    assert isinstance(workbench, Workbench)
    workbench.choose_model(Path(_listed(path)[-1]))
    return NO_LAYERS


def _listed(path: str | Sequence[str]) -> list[str]:
    return [path] if isinstance(path, str) else list(path)
