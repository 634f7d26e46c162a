"""The classes of a Labels layer: read from it, changed, and shown on the canvas as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.engine.card import LabelClass
from napari_medseg.packed import bounding_box
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.classes.palette import PALETTE, next_colour
from napari_medseg.widgets.classes.stored import (
    class_signals,
    hidden_of,
    locked_of,
    store,
    stored,
)
from napari_medseg.widgets.layers import apply_edit, class_look, why_not_editable


def classes_of(layer: Labels) -> list[LabelClass]:
    """Return the classes of a layer by ascending value, the background left out.

    They are those somebody named (in the table, in a model's card, in the file the layer came
    from), and one for every other value from 1 to 65535 that occurs in the layer.
    """
    named = _named(layer)
    occurring = [v for v in sorted(voxel_counts(layer)) if 0 < v < 65536]
    gone = set(stored(layer, "removed") or ()) - set(occurring)
    unnamed = [value for value in occurring if value not in named]
    found = {c.value: c for c in _made_up(layer, unnamed, named.values())}
    return [c for v, c in sorted({**found, **named}.items()) if v not in gone]


def set_classes(layer: Labels, classes: Iterable[LabelClass]) -> None:
    """Let a layer have these classes, with their names and colours on the canvas.

    A value that occurs in the layer and is not among them keeps a class of its own.

    Raises
    ------
    ValueError
        If two of them have the same value, or the layer cannot hold one.
    """
    classes = list(classes)
    values = {c.value for c in classes}
    if len(values) < len(classes) or max(values, default=0) > _largest(layer):
        raise ValueError(
            f"'{layer.name}' can have classes with different values from 1 to {_largest(layer)}; "
            f"got {[c.value for c in classes]}"
        )
    listed = [_plain(c) for c in sorted(classes, key=lambda c: c.value)]
    gone = set(stored(layer, "removed") or ()) - values  # undo may bring them back
    listed += [_plain(c) for v, c in _named(layer).items() if v in gone]
    store(layer, named=listed, removed=sorted(gone))
    show_classes(layer)
    class_signals(layer).changed.emit()


def show_classes(layer: Labels) -> None:
    """Give the canvas the names and colours of the classes; those that are hidden have none."""
    look = class_look(classes_of(layer))
    colours = dict(look["colormap"].color_dict)
    colours |= dict.fromkeys(hidden_of(layer), "transparent")
    layer.colormap = DirectLabelColormap(
        color_dict=colours,
        selection=layer.selected_label,
        use_selection=layer.show_selected_label,
    )
    layer.features = look["features"]


def adopt_classes(layer: Labels) -> None:
    """Keep the classes of a layer as they are, those made up for its values as well."""
    set_classes(layer, classes_of(layer))


def begin_classes(layer: Labels) -> None:
    """Give labels nobody has painted yet the class one would paint with; others stay as they are.

    So its colour is one that all people tell apart, and it does not change after the first stroke.
    """
    if why_not_editable(layer) or classes_of(layer) or stored(layer, "named") is not None:
        return
    value = min(max(int(layer.selected_label), 1), _largest(layer))
    colour = next_colour([])
    set_classes(layer, [LabelClass(value=value, name=f"class {value}", colour=colour)])


def adopt_new_values(layer: Labels) -> None:
    """Give values that came up in a layer with classes of its own a colour on the canvas."""
    named = stored(layer, "named")
    if named is not None and {v for v in voxel_counts(layer) if v > 0} - {
        c["value"] for c in named
    }:
        adopt_classes(layer)


def next_value(layer: Labels) -> int:
    """Return the smallest value from 1 that no class of the layer has."""
    taken = {c.value for c in classes_of(layer)}
    return next(value for value in range(1, len(taken) + 2) if value not in taken)


def add_class(layer: Labels, name: str = "") -> LabelClass:
    """Add a class with the next free value, in a colour told apart from the others; select it.

    Raises
    ------
    ValueError
        If the layer can hold no further value.
    """
    classes, value = classes_of(layer), next_value(layer)
    if value > _largest(layer):
        raise ValueError(
            f"'{layer.name}' holds values up to {_largest(layer)} and all have a class; remove one"
        )
    colour = next_colour(c.colour for c in classes)
    new = LabelClass(value=value, name=name.strip() or f"class {value}", colour=colour)
    set_classes(layer, [*classes, new])
    layer.selected_label = value
    return new


def rename_class(layer: Labels, value: int, name: str) -> None:
    """Give a class another name; nothing happens where it is empty."""
    if name.strip():
        _change(layer, value, name=name.strip())


def recolour_class(layer: Labels, value: int, colour: str) -> None:
    """Give a class another colour, ``#rrggbb``."""
    _change(layer, value, colour=colour)


def tell_apart(layer: Labels) -> None:
    """Give all classes colours that are told apart by people who do not see red and green."""
    colours: list[str] = []
    for _ in classes_of(layer):
        colours.append(next_colour(colours))
    pairs = zip(classes_of(layer), colours, strict=True)
    set_classes(layer, [replace(c, colour=colour) for c, colour in pairs])


def remove_class(layer: Labels, value: int) -> int:
    """Make the voxels of a class background, as one undo step, and take it from the list.

    Undo brings the voxels back, and the class with its name and colour.

    Returns
    -------
    int
        How many voxels changed.

    Raises
    ------
    ValueError
        If the class is locked, or the layer cannot be edited.
    """
    own = next((c for c in classes_of(layer) if c.value == value), None)
    if own is None:
        return 0
    reason = why_not_editable(layer)
    if value in locked_of(layer):
        reason = f"'{own.name}' is locked; unlock it before you remove it"
    if reason:
        raise ValueError(reason)
    adopt_classes(layer)
    changed, box = 0, bounding_box(layer.data == value)
    if box is not None:
        here = layer.data[box]
        edited = np.where(here == value, 0, here).astype(here.dtype)
        changed = apply_edit(layer, edited, f"Remove {own.name}", box=box)
    store(layer, removed=sorted({*(stored(layer, "removed") or ()), value}))
    class_signals(layer).changed.emit()
    return changed


def set_visible(layer: Labels, value: int, on: bool) -> None:
    """Show a class on the canvas or hide it; its voxels stay."""
    set_hidden(layer, hidden_of(layer) - {value} if on else hidden_of(layer) | {value})


def set_hidden(layer: Labels, values: Iterable[int]) -> None:
    """Hide the classes with these values on the canvas, and show all others."""
    if set(values) == hidden_of(layer):
        return
    store(layer, hidden=sorted(values))
    adopt_classes(layer)


def _change(layer: Labels, value: int, **what: str) -> None:
    classes = classes_of(layer)
    changed = [replace(c, **what) if c.value == value else c for c in classes]  # type: ignore[arg-type]
    if changed != classes:
        set_classes(layer, changed)


def _plain(label_class: LabelClass) -> dict[str, Any]:
    """Return a class as words and numbers; what only models need is left out."""
    return {key: asdict(label_class)[key] for key in ("value", "name", "colour")}


def _named(layer: Labels) -> dict[int, LabelClass]:
    """Return the classes a layer carries, or those its table of features names."""
    kept = stored(layer, "named")
    if kept is not None:
        return {c["value"]: LabelClass(**c) for c in kept}
    features = layer.features
    if not {"index", "name"} <= set(features.columns):
        return {}
    names = {
        int(value): str(name)
        for value, name in zip(features["index"], features["name"], strict=True)
        if 0 < int(value) < 65536
    }
    colours = _colours_on_canvas(layer, list(names))
    return {
        value: LabelClass(value=value, name=name, colour=colour or PALETTE[value % len(PALETTE)])
        for (value, name), colour in zip(names.items(), colours, strict=True)
    }


def _made_up(layer: Labels, values: Sequence[int], named: Iterable[LabelClass]) -> list[LabelClass]:
    """Return a class for each value, in its colour on the canvas or, without one, a free one."""
    taken, made = [c.colour for c in named], []
    for value, colour in zip(values, _colours_on_canvas(layer, values), strict=True):
        colour = colour or next_colour(taken)
        taken.append(colour)
        made.append(LabelClass(value=value, name=f"class {value}", colour=colour))
    return made


def _colours_on_canvas(layer: Labels, values: Sequence[int]) -> list[str]:
    """Return the colour of each value, ``#rrggbb``; empty where it has none of its own."""
    colours = layer.colormap
    if isinstance(colours, DirectLabelColormap):
        return [_hex(colours.color_dict[v]) if v in colours.color_dict else "" for v in values]
    plain = colours.model_copy(update={"use_selection": False})
    return [_hex(colour) for colour in plain.map(np.asarray(values, int))]


def _hex(colour: np.ndarray) -> str:
    red, green, blue = (round(255 * float(part)) for part in colour[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"


def _largest(layer: Labels) -> int:
    return min(int(np.iinfo(layer.data.dtype).max), 65535)
