"""The names and colours that a label file gives its classes, on the layer made of it."""

from __future__ import annotations

from napari_medseg.engine.card import LabelClass
from napari_medseg.volume import Volume
from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.placement import class_look
from napari_medseg.widgets.volumes import LayerData, from_labels


def labels_with_classes(volume: Volume, name: str) -> LayerData:
    """Return the Labels layer of a label file, with the classes the file names.

    A class without a colour in the file gets one that people tell apart from the others.
    """
    data, kwargs, kind = from_labels(volume, name)
    named = volume.storage.header.get("classes", []) if volume.storage is not None else []
    classes: list[LabelClass] = []
    for one in named:
        if 0 < one.value < 65536 and all(c.value != one.value for c in classes):
            colour = one.colour or next_colour([c.colour for c in classes])
            classes.append(LabelClass(value=one.value, name=one.name, colour=colour))
    if not classes:
        return data, kwargs, kind
    return data, {**kwargs, **class_look(classes)}, kind
