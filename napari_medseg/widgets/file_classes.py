"""The names and colours that a label file gives its classes, on the layer made of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_medseg.engine.card import LabelClass
from napari_medseg.io.class_tables import classes_beside
from napari_medseg.io.classes import ClassName
from napari_medseg.volume import Volume
from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.placement import class_look
from napari_medseg.widgets.volume_layers import LayerData, from_labels


def labels_with_classes(volume: Volume, name: str, path: Path | None = None) -> LayerData:
    """Return the Labels layer of a label file, with the classes the file names.

    Parameters
    ----------
    path : Path or None
        The file; a table beside it is looked at where the file itself names no classes.
    """
    data, kwargs, kind = from_labels(volume, name)
    named = file_classes(volume, path)
    if named:
        import fastremap  # not needed at start-up

        # values without a name are told apart, too
        more = sorted({int(v) for v in fastremap.unique(data)} - {0, *(c.value for c in named)})
        named += tuple(ClassName(value, f"class {value}") for value in more)
    return data, {**kwargs, **look_of(named)}, kind


def file_classes(volume: Volume, path: Path | None = None) -> tuple[ClassName, ...]:
    """Return the classes that a label file names, else those of a table beside it."""
    named = volume.storage.header.get("classes", ()) if volume.storage is not None else ()
    return tuple(named) or (classes_beside(path) if path is not None else ())


def look_of(named: Iterable[ClassName]) -> dict[str, Any]:
    """Return names and colours of classes as keywords of a Labels layer; none for no classes.

    A class without a colour gets one that people tell apart from the others.
    """
    classes: list[LabelClass] = []
    for one in named:
        if 0 < one.value < 65536 and all(c.value != one.value for c in classes):
            colour = one.colour or next_colour([c.colour for c in classes])
            classes.append(LabelClass(value=one.value, name=one.name, colour=colour))
    return class_look(classes) if classes else {}
