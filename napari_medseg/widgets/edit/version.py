"""Whether labels changed while something was computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_medseg.widgets.layers import Happened, Step, catch_up, follow_steps, is_being_painted


@dataclass
class _Count:
    steps: int = 0

    def add(self, _happened: Happened, _step: Step) -> None:
        self.steps += 1


_counts: WeakKeyDictionary[Labels, _Count] = WeakKeyDictionary()


def version_of(layer: Labels) -> tuple[int, int, bool]:
    """Return what is another one after every stroke, edit, undo and redo, and for a new array."""
    if layer not in _counts:
        _counts[layer] = _Count()
        follow_steps(layer, _counts[layer].add)
    catch_up(layer)
    return _counts[layer].steps, id(layer.data), is_being_painted(layer)
