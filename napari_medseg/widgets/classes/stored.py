"""What a Labels layer carries of its classes in its metadata, and who is told when it changes.

It lies there as plain numbers and words, so it goes where the layer goes: into duplicates of it,
and into files. What is stored is replaced, never changed in place, for duplicates share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Labels
from psygnal import Signal

from napari_medseg.widgets.volumes import KEY

_CLASSES = "classes"


class ClassSignals:
    """What is told of the classes of one layer.

    ``changed()``: names, colours, locks or what is hidden; ``counted()``: how many voxels there
    are of each; ``protected(str)``: a sentence on what an action left as it was.
    """

    changed = Signal()
    counted = Signal()
    protected = Signal(object, int)


_signals: WeakKeyDictionary[Labels, ClassSignals] = WeakKeyDictionary()


def class_signals(layer: Labels) -> ClassSignals:
    """Return what tells of the classes of a layer."""
    if layer not in _signals:
        _signals[layer] = ClassSignals()
    return _signals[layer]


def stored(layer: Labels, what: str) -> Any:
    """Return what a layer carries under the word `what`; None if nothing."""
    return layer.metadata.get(KEY, {}).get(_CLASSES, {}).get(what)


def store(layer: Labels, **what: Any) -> None:
    """Let a layer carry this from now on, plain lists and words; the rest stays as it is."""
    own = layer.metadata.get(KEY, {})
    kept = {**own.get(_CLASSES, {}), **what}
    layer.metadata[KEY] = {**own, _CLASSES: kept}


def locked_of(layer: Labels) -> frozenset[int]:
    """Return the values that no tool, stroke or answer may change."""
    return frozenset(stored(layer, "locked") or ())


def hidden_of(layer: Labels) -> frozenset[int]:
    """Return the values that are not shown."""
    return frozenset(stored(layer, "hidden") or ())


def set_locked(layer: Labels, value: int, on: bool) -> None:
    """Lock a class, so that its voxels stay those they are, or unlock it."""
    set_all_locked(layer, locked_of(layer) | {value} if on else locked_of(layer) - {value})


def set_all_locked(layer: Labels, values: Iterable[int]) -> None:
    """Lock the classes with these values and unlock all others."""
    from napari_medseg.widgets.step_log import catch_up  # it imports this module

    if set(values) != locked_of(layer):
        store(layer, locked=sorted(values))
        catch_up(layer)  # from now on its strokes are followed, and put right
        class_signals(layer).changed.emit()
