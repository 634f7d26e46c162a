"""What layers that were read say of the files they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_medseg.case_labels import fingerprint
from napari_medseg.widgets.volume_layers import LayerData
from napari_medseg.widgets.volumes import KEY

SOURCE = "source"  # in our part of a layer's metadata: the files and which of their layers it is
FILE = "file"  # the path of labels' own file
WRITTEN = "written"  # the fingerprint of that file as it was read or written


def with_source(layers: Sequence[LayerData], paths: Sequence[Path]) -> list[LayerData]:
    """Note in layers that were read which files they come from."""
    told = []
    for index, (data, kwargs, kind) in enumerate(layers):
        metadata = kwargs.get("metadata", {})
        source = {"paths": [str(path.absolute()) for path in paths], "index": index}
        own = {**metadata.get(KEY, {}), SOURCE: source}
        told.append((data, {**kwargs, "metadata": {**metadata, KEY: own}}, kind))
    return told


def with_file(layer: LayerData, path: Path) -> LayerData:
    """Note in labels that were read which file they may be saved in again."""
    data, kwargs, kind = layer
    metadata = kwargs.get("metadata", {})
    own = {FILE: str(path.absolute()), WRITTEN: fingerprint(path)}
    return data, {**kwargs, "metadata": {**metadata, KEY: {**metadata.get(KEY, {}), **own}}}, kind
