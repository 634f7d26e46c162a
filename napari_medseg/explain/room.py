"""How much memory a look may take, and saying so before it is taken."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_medseg.engine.device import free_memory

_OF_MAPS = 0.25  # of the free memory, for maps that are kept
_OF_PASSES = 0.8  # of the free memory, for what a pass needs while it lasts
_UNKNOWN = 1 << 33  # bytes, of devices that do not say what is free


class TooLarge(ValueError):
    """What was asked for does not fit into memory; the message says what to choose instead.

    Parameters
    ----------
    what : str
        What is too large, in the plural: "the maps of enc1".
    needed, allowed : int
        Bytes.
    instead : sequence of str
        What else can be done, best first.
    layers : tuple of str
        Stages that would fit, best first.
    window : tuple of int or None
        A window of the run that would fit.
    """

    def __init__(
        self,
        what: str,
        needed: int,
        allowed: int,
        instead: Sequence[str],
        *,
        layers: tuple[str, ...] = (),
        window: tuple[int, ...] | None = None,
    ) -> None:
        *most, last = instead
        choices = f"{', '.join(most)} or {last}" if most else last
        super().__init__(
            f"{what} take {amount(needed)}, {amount(allowed)} may be used; choose {choices}"
        )
        self.needed, self.allowed = needed, allowed
        self.layers, self.window = layers, window


def room(limit: int | None = None) -> int:
    """Return how many bytes maps may take: `limit`, or a share of what the host has free."""
    return _share(torch.device("cpu"), _OF_MAPS) if limit is None else limit


def working_room(device: torch.device) -> int:
    """Return how many bytes a pass may take on a device while it lasts."""
    return _share(device, _OF_PASSES)


def amount(count: int) -> str:
    """Return a number of bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"


def sides(size: Sequence[int]) -> str:
    """Return voxels a side in words."""
    return "x".join(map(str, size))


def _share(device: torch.device, share: float) -> int:
    free = free_memory(device)
    return int(share * (_UNKNOWN if free is None else free))
