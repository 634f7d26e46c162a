"""Planes through a volume: which axes a view shows, what it is called, which way is which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from napari.layers import Layer

from napari_medseg.widgets.volumes import KEY, Place

Vertical = Literal["up", "down"]

_PLANES = ("axial", "coronal", "sagittal")  # by the body's axis across them: S, A, R
_ENDS = (("L", "R"), ("P", "A"), ("I", "S"))  # low and high end of the world's x, y, z (RAS+)


class Anatomy:
    """Which way the last three axes of a viewer's world run in the body.

    Parameters
    ----------
    layers : iterable of Layer
        The first one our readers made says it; unknown if there is none.
    """

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        self._body: tuple[int, ...] | None = None  # axis of RAS for each of the world's last three
        self._ends: tuple[tuple[str, str], ...] = (("", ""),) * 3
        for layer in layers:
            place = layer.metadata.get(KEY, {}).get("place")
            if isinstance(place, Place) and place.spacing_known and len(place.shape) == 3:
                self._read(layer, place)
                return

    @property
    def known(self) -> bool:
        """Whether there is a layer that says it."""
        return self._body is not None

    def ends(self, axis: int) -> tuple[str, str]:
        """Return the letters where an axis begins and where it ends, e.g. ("R", "L").

        Parameters
        ----------
        axis : int
            -3, -2 or -1: of the world, counted from its last axis.
        """
        return self._ends[axis]

    def plane(self, across: int) -> str:
        """Return what the plane across an axis is called; nothing where it is not known."""
        if self._body is None:
            return ""
        return _PLANES[2 - self._body[across]]

    def vertical(self, axis: int) -> Vertical:
        """Return which way an axis runs on a canvas that shows it from top to bottom.

        The top is superior, else anterior, as radiologists hang images.
        """
        return "up" if self._ends[axis][1] in ("S", "A") and self.known else "down"

    def _read(self, layer: Layer, place: Place) -> None:
        directions = place.affine[:3, :3]
        body = tuple(int(a) for a in np.abs(directions).argmax(axis=0))
        if len(set(body)) != 3:
            return
        zero = np.zeros(layer.ndim)
        origin = np.asarray(layer.data_to_world(zero), float)
        ends = []
        for axis, along in enumerate(body):
            one = zero.copy()
            one[layer.ndim - 3 + axis] = 1
            moved = np.asarray(layer.data_to_world(one), float) - origin
            forward = directions[along, axis] * moved[axis - 3] > 0
            ends.append(_ENDS[along] if forward else _ENDS[along][::-1])
        self._body, self._ends = body, tuple(ends)


def order_across(ndim: int, across: int) -> tuple[int, ...]:
    """Return the order of axes that shows the plane across one of the last three axes.

    Parameters
    ----------
    across : int
        -3, -2 or -1. The axes before the last three stay before it.
    """
    rest = [a for a in (-3, -2, -1) if a != across]
    return (*range(ndim - 3), *(ndim + a for a in (across, *rest)))
