"""Whether a person changed a class table, or the program only wrote down what was there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from napari.layers import Labels

from napari_medseg.widgets.classes.stored import hidden_of, locked_of, stored


@dataclass(frozen=True)
class ClassState:
    """Names and colours by value, and which classes are locked and hidden."""

    names: Mapping[int, str]
    colours: Mapping[int, str]
    locked: frozenset[int]
    hidden: frozenset[int]

    def changed_by_person(self, after: ClassState) -> bool:
        """Whether `after` holds something that nobody but a person can have decided.

        A class that is new and has the name that is made up for its value is none.
        """
        renamed = any(
            name != self.names.get(value, f"class {value}") for value, name in after.names.items()
        )
        recoloured = any(
            colour != self.colours.get(value, colour) for value, colour in after.colours.items()
        )
        switched = (self.locked, self.hidden) != (after.locked, after.hidden)
        removed = bool(self.names.keys() - after.names.keys()) and bool(after.names)
        return renamed or recoloured or switched or removed


def class_state(layer: Labels) -> ClassState:
    """Return the classes of a layer as its table or, without one, the canvas shows them."""
    named = stored(layer, "named")
    if named is not None:
        names = {int(c["value"]): str(c["name"]) for c in named}
        colours = {int(c["value"]): str(c["colour"]).lower() for c in named}
    else:
        names, colours = _names_on_canvas(layer), _colours_on_canvas(layer)
    return ClassState(names, colours, locked_of(layer), hidden_of(layer))


def _names_on_canvas(layer: Labels) -> dict[int, str]:
    features = layer.features
    if not {"index", "name"} <= set(features):
        return {}
    pairs = zip(features["index"], features["name"], strict=True)
    return {int(value): str(name) for value, name in pairs if value}


def _colours_on_canvas(layer: Labels) -> dict[int, str]:
    colours = getattr(layer.colormap, "color_dict", {})
    return {
        int(value): "#" + bytes(np.round(np.asarray(colour)[:3] * 255).astype(np.uint8)).hex()
        for value, colour in colours.items()
        if value
    }
