"""What a pass of a network takes in memory, measured on small images before a large one is run."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.capture import record
from napari_medseg.explain.layers import named_layers
from napari_medseg.explain.room import TooLarge, sides, working_room
from napari_medseg.networks.base import SegmentationNetwork

_SIDES = {2: (64, 128), 3: (32, 64)}  # of the small images
_SURELY = 1 << 14  # bytes that no pass takes per voxel of the image, gradients included

By = Sequence[str] | None
"""Of what gradients are taken: layers, or without any the image; None is a pass without."""

_known: weakref.WeakKeyDictionary[nn.Module, dict[By, list[tuple[int, np.ndarray]]]] = (
    weakref.WeakKeyDictionary()
)


def check_pass(
    segmenter: Segmenter,
    size: Sequence[int],
    *,
    batch: int = 1,
    by: By = None,
    limit: int | None = None,
) -> None:
    """Refuse a pass that takes more memory than there is, before it is made.

    Parameters
    ----------
    segmenter : Segmenter
        The model; the caller has its network to itself.
    size : sequence of int
        ``*S`` of what the network is given at once.
    batch : int
        How many of it.
    by : sequence of str or None
        See `By`.
    limit : int or None
        Bytes it may take; None is most of what the device has free.

    Raises
    ------
    TooLarge
        With what to choose instead.
    """
    allowed = working_room(segmenter.device) if limit is None else limit
    if batch * math.prod(size) * _SURELY <= allowed:
        return
    network = segmenter.network
    needed = batch * working_bytes(network, size, by)
    if needed <= allowed:
        return
    fits = (s for s in _smaller(network, size) if batch * working_bytes(network, s, by) <= allowed)
    window = next(fits, None)
    later = tuple(
        layer.name
        for layer in reversed(named_layers(network).values())
        if by and layer.stage and working_bytes(network, size, (layer.name,)) <= allowed
    )
    instead = []
    if window is not None:
        instead.append(f"a window of {sides(window)}")
    if later:
        instead.append(f"a later layer ({', '.join(later[:4])})")
    raise TooLarge(
        f"{'passes' if by is None else 'gradients'} over {sides(size)} voxels",
        needed,
        allowed,
        instead or ["a machine with more memory"],
        layers=later,
        window=window,
    )


def working_bytes(network: SegmentationNetwork, size: Sequence[int], by: By = None) -> int:
    """Return about how many bytes a pass over an image of `size` holds at most.

    What two small passes hold after each operation tells how it grows: with the voxels and, where
    each voxel attends to all, with their square.
    """
    key = None if by is None else tuple(by)
    measured = _known.setdefault(network, {}).get(key)
    if measured is None:
        sizes = _small_sizes(network)
        measured = [(math.prod(small), held_bytes(network, small, key)) for small in sizes]
        _known[network][key] = measured
    (n, held), (many, more) = measured[0], measured[-1]
    if len(held) != len(more):  # the network goes through large images in more steps
        held, more = held.max(keepdims=True), more.max(keepdims=True)
    voxels = math.prod(size)
    each, at_many = held / n, more / many
    growth = (at_many - each) / (many - n) if many > n else np.zeros_like(each)
    grown = each + growth * (voxels - n)
    # what shrinks per voxel is the share of what does not depend on the image
    return round(voxels * float(np.where(growth > 0, grown, at_many).max()))


def _smaller(network: SegmentationNetwork, size: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield halves, quarters, ... of a size that the network takes."""
    d = network.divisor
    while any(side > d for side in size):
        size = tuple(max(-(-side // 2 // d) * d, d) for side in size)
        if not _takes(network, size):
            return
        yield tuple(size)


def _small_sizes(network: SegmentationNetwork) -> list[tuple[int, ...]]:
    d, dims = network.divisor, network.config.spatial_dims
    short, long = (-(-side // d) * d for side in _SIDES[dims])
    sizes = [(short,) * dims, (*(short,) * (dims - 2), long, long)]
    taken = [size for size in sizes if _takes(network, size)]
    return taken or [(d,) * dims]  # the raw layout knows one size


def _takes(network: SegmentationNetwork, size: Sequence[int]) -> bool:
    try:
        network.check_input(torch.empty((1, network.config.in_channels, *size), device="meta"))
    except ValueError:
        return False
    return True


def held_bytes(network: SegmentationNetwork, size: Sequence[int], by: By) -> np.ndarray:
    """Return how many bytes tensors hold after each operation of a pass."""
    shape, weight = (1, network.config.in_channels, *size), next(network.parameters())
    with torch.inference_mode(False), torch.set_grad_enabled(by is not None and not by):
        x = torch.ones(shape, device=weight.device, dtype=weight.dtype, requires_grad=by == ())
        with _Living() as living:
            if by is None:
                network(x)
            else:
                with record(network, by, live=True) as found:
                    score = network(x).sum()
                torch.autograd.grad(score, list(found.values()) or [x], allow_unused=True)
    return np.array(living.course, np.float64)


class _Living(TorchDispatchMode):
    """Counts the bytes of tensors made within it that are still there."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own has no hints
        self.course: list[int] = []
        self._now = 0
        self._seen: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first use imports the compiler, which takes seconds

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        for given in _tensors(args):
            self._seen.add(given.untyped_storage().data_ptr())
        result = func(*args, **(kwargs or {}))
        for made in _tensors(result):
            self._count(made.untyped_storage())
        self.course.append(self._now)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        where, size = storage.data_ptr(), storage.nbytes()
        if where and where not in self._seen:
            self._seen.add(where)
            self._now += size
            weakref.finalize(storage, self._free, where, size)

    def _free(self, where: int, size: int) -> None:
        self._seen.discard(where)
        self._now -= size


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)
