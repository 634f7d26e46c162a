"""A viewer as a project, and a project as a viewer: what is there, and how it is brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.journal import content_key
from napari_medseg.progress import Report, Step, silent
from napari_medseg.project import Project, check_file, file_entry, write_project
from napari_medseg.widgets.keeping.keeper import Copy, copy_of
from napari_medseg.widgets.keeping.layer_records import (
    image_entry,
    image_layer,
    labels_entry,
    labels_layer,
    plain,
    show_labels_state,
)
from napari_medseg.widgets.keeping.origins import image_under, is_kept
from napari_medseg.widgets.placement import is_map
from napari_medseg.widgets.pyramids import image_file_layers
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volume_layers import LayerData
from napari_medseg.widgets.volumes import KEY, some_voxels

if TYPE_CHECKING:
    from napari.viewer import Viewer

_CAMERA = ("center", "zoom", "angles", "perspective")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All a thread needs to write a project.

    Parameters
    ----------
    content : dict
        JSON; files are still to be looked at.
    arrays : dict
        What lies in no file of its own.
    copies : mapping
        The labels as they are written.
    left_out : int
        How many layers are no part of a project.
    """

    content: dict[str, Any]
    arrays: dict[str, dict[str, np.ndarray]]
    copies: dict[Labels, Copy]
    left_out: int = 0

    def write(self, path: Path, report: Report = silent) -> None:
        """Write the project; files outside of it are read once, for their checksums."""
        known: dict[str, dict[str, Any]] = {}
        images = []
        for entry in self.content["images"]:
            told = dict(entry)
            if "source" in entry:
                paths = entry["source"]["paths"]
                report(Step(0, 0, "image", f"looking at {Path(paths[0]).name} …"))
                known |= {p: file_entry(p, path) for p in paths if p not in known}
                told["files"] = [known[p] for p in paths]
                told["index"] = told.pop("source")["index"]
            images.append(told)
        model = self.content["model"]
        if model is not None:
            model = {**model, **file_entry(model["path"], path)}
        write_project(path, {**self.content, "images": images, "model": model}, self.arrays)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A project with everything it names in memory.

    Parameters
    ----------
    project : Project
        What its file says.
    images : list
        For each image its values and our part of its metadata.
    labels : list of dict
        For each label layer its arrays.
    model : Path or None
        The model's file, if it is there and the same.
    """

    project: Project
    images: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    labels: list[dict[str, np.ndarray]] = field(default_factory=list)
    model: Path | None = None


def snapshot(viewer: Viewer) -> Snapshot:
    """Return what is in a viewer, as it is now.

    Raises
    ------
    ValueError
        If an image cannot be part of a project.
    """
    images = [x for x in viewer.layers if isinstance(x, Image) and not is_map(x)]
    kept = [layer for layer in viewer.layers if is_kept(layer)]
    arrays: dict[str, dict[str, np.ndarray]] = {}
    entries = []
    for index, image in enumerate(images):
        entry = image_entry(image)
        if "source" not in entry:
            entry["content"] = f"image-{index}"
            arrays[entry["content"]] = {"image": image.data}
        entries.append(entry)
    labels, copies = [], {}
    for index, layer in enumerate(kept):
        under = image_under(viewer, layer)
        entry = labels_entry(layer, images.index(under) if under in images else None)
        entry["content"] = f"labels-{index}"
        copies[layer] = copy = copy_of(layer)
        arrays[entry["content"]] = {"labels": copy.labels, **copy.marks}
        labels.append(entry)
    names = [layer.name for layer in viewer.layers if layer in (*images, *kept)]
    content = {
        "images": entries,
        "labels": labels,
        "order": names,
        "model": _model(viewer),
        "view": _view(viewer),
    }
    left_out = len(viewer.layers) - len(names)
    return Snapshot(content, arrays, copies, left_out)


def missing_files(project: Project) -> list[Mapping[str, Any]]:
    """Return the files of a project's images that are not where it says, each once."""
    told = {f["absolute"]: f for e in project.content["images"] for f in e.get("files", ())}
    return [entry for entry in told.values() if project.find(entry) is None]


def load(project: Project, found: Mapping[str, Path], report: Report = silent) -> Loaded:
    """Read everything a project names.

    Parameters
    ----------
    found : mapping
        Where files are now that are not where the project says, by the path it says.

    Raises
    ------
    ValueError
        If a file is another one than it was, or damaged.
    OSError
        If one cannot be read.
    """
    loaded, layers = Loaded(project), {}
    for entry in project.content["images"]:
        report(Step(0, 0, "image", f"reading {entry['name']} …"))
        if "files" not in entry:
            loaded.images.append((project.arrays(entry)["image"], {}))
            continue
        paths = tuple(found.get(f["absolute"]) or project.find(f) for f in entry["files"])
        if None in paths:
            name = Path(entry["files"][paths.index(None)]["absolute"]).name
            raise ValueError(f"{name} is not there any more; find it, and open the project again")
        if paths not in layers:
            layers[paths] = image_file_layers([path for path in paths if path is not None])
        loaded.images.append(_read_image(entry, paths, layers[paths]))
    for entry in project.content["labels"]:
        report(Step(0, 0, "image", f"reading {entry['name']} …"))
        loaded.labels.append(project.arrays(entry))
    model = project.content.get("model")
    path = project.find(model) if model is not None else None
    if model is None or path is None:
        return loaded
    try:
        check_file(path, model)
    except ValueError:  # said when it is shown
        return loaded
    return Loaded(project, loaded.images, loaded.labels, path)


def build(loaded: Loaded) -> list[Layer]:
    """Return the layers of a project that was read, the lowest first.

    Raises
    ------
    ValueError
        If the project says less than is needed.
    """
    content = loaded.project.content
    try:
        images = [
            image_layer(entry, data, own)
            for entry, (data, own) in zip(content["images"], loaded.images, strict=True)
        ]
        labels = [
            labels_layer(
                entry, arrays, None if entry.get("image") is None else images[entry["image"]]
            )
            for entry, arrays in zip(content["labels"], loaded.labels, strict=True)
        ]
        layers = {layer.name: layer for layer in (*images, *labels)}
        return [layers[name] for name in content["order"]]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(
            f"{loaded.project.path.name} is damaged and cannot be opened; take an earlier copy of "
            "it"
        ) from error


def show(viewer: Viewer, loaded: Loaded, layers: list[Layer]) -> None:
    """Put the layers of a project into an empty viewer, and show what was shown."""
    entries = {entry["name"]: entry for entry in loaded.project.content["labels"]}
    for layer in layers:
        viewer.add_layer(layer)
    for layer in layers:
        if isinstance(layer, Labels):
            show_labels_state(layer, entries[layer.name])
    _show_view(viewer, loaded.project.content["view"])


def _read_image(
    entry: Mapping[str, Any], paths: tuple[Any, ...], layers: Sequence[LayerData]
) -> tuple[Any, dict[str, Any]]:
    """Return values and our metadata of one of the images that were read."""
    data, kwargs, _ = layers[int(entry["index"])]
    if content_key(some_voxels(data)) != entry["key"]:
        raise ValueError(
            f"{Path(paths[0]).name} is not the image this project was made with, or was changed "
            "since; choose the right one"
        )
    source = {"paths": [str(path) for path in paths], "index": int(entry["index"])}
    return data, {**kwargs["metadata"][KEY], "source": source}


def _model(viewer: Viewer) -> dict[str, Any] | None:
    model = session_of(viewer).model
    if model is None or not model.path.is_file():
        return None
    return {"name": model.card.name, "title": model.title, "path": str(model.path)}


def _view(viewer: Viewer) -> dict[str, Any]:
    dims, camera, active = viewer.dims, viewer.scene.camera, viewer.layers.selection.active
    return {
        "point": plain(dims.point),
        "ndisplay": dims.ndisplay,
        "order": plain(dims.order),
        "camera": {name: plain(getattr(camera, name)) for name in _CAMERA},
        "active": "" if active is None else active.name,
    }


def _show_view(viewer: Viewer, view: Mapping[str, Any]) -> None:
    dims = viewer.dims
    if len(view["order"]) == dims.ndim:
        dims.ndisplay = int(view["ndisplay"])
        dims.order = tuple(view["order"])
        dims.point = tuple(view["point"])
    for name in _CAMERA:
        value = view["camera"][name]
        setattr(viewer.scene.camera, name, tuple(value) if isinstance(value, list) else value)
    if view["active"] in viewer.layers:
        viewer.layers.selection.active = viewer.layers[view["active"]]
