"""The features and logits of a region, computed once and kept while a person corrects it.

They lie on the network's grid, the only one they are computed for; what is read from them is
interpolated onto the image's grid as the engine does it, so that labels are to the bit those of
`Segmenter.segment`, and probabilities but for the last digit.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference import check_flips, read_out
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box, checked_box, network_box
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.readout import Readout
from napari_medseg.engine.resample import AxisMap, Resampler
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.sliding_window import Consume
from napari_medseg.interact.penultimate import Collector, Penultimate
from napari_medseg.packed import within
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume

_KEPT = 1 << 21  # voxels: of no larger box what was read out is kept


@dataclass(frozen=True, eq=False)
class RegionFeatures:
    """What a model knows of the voxels of a box.

    Parameters
    ----------
    box : tuple of slice
        On the image's grid ``*S``; one slice per axis, D included only for a volume.
    card : ModelCard
        Of the model.
    grid : Grid
        The image's grid and the network's, three axes each (D = 1 for an image).
    part : tuple of slice
        Voxels of the network's grid that are kept, three axes.
    logits : Tensor
        ``(K, *part)`` float32, on the segmenter's device.
    features : Tensor
        ``(F, *part)`` half precision, likewise.
    stream : int
        Axis along which the engine interpolates last.
    whole : RegionFeatures or None
        What it was cut from; what was read out of that is kept there.
    """

    box: Box
    card: ModelCard
    grid: Grid
    part: Box
    logits: Tensor
    features: Tensor
    stream: int = 0
    whole: RegionFeatures | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels of the box, ``*S``."""
        return tuple(b.stop - b.start for b in self.box)

    @property
    def values(self) -> tuple[int, ...]:
        """Label values: 0, then those of the classes in the card's order."""
        return (0, *(c.value for c in self.card.classes))

    @property
    def nbytes(self) -> int:
        """Memory that is held."""
        read = sum(array.nbytes for array in self._read.values())
        return self.logits.nbytes + self.features.nbytes + read

    def labels(self) -> np.ndarray:
        """Return the model's own labels of the box, ``(*S)``, as `Segmenter.segment` does."""
        return self._once("labels", RegionFeatures._read_labels)

    def probabilities(self) -> np.ndarray:
        """Return the probability of every label value: ``(V, *S)`` float32, summing to 1."""
        return self._once("probabilities", RegionFeatures._read_probabilities)

    def _once(self, name: str, read: Callable[[RegionFeatures], np.ndarray]) -> np.ndarray:
        """Return a copy of what is read out of the whole once, and kept if that is not large."""
        whole = self.whole or self
        if math.prod(whole.shape) > _KEPT:
            return read(self)
        if name not in whole._read:
            whole._read[name] = read(whole)
        at: Any = (..., *within(self.box, whole.box))
        return whole._read[name][at].copy()

    def _read_labels(self) -> np.ndarray:
        readout = Readout(self._shape3, self.card)
        self.interpolate(self.logits, readout)
        return readout.labels.reshape(self.shape)

    def _read_probabilities(self) -> np.ndarray:
        found = value_probabilities(self.image_logits(), self.card)
        return found.cpu().numpy().reshape(-1, *self.shape)

    def image_logits(self) -> Tensor:
        """Return the model's logits on the image's grid, ``(K, *S)`` float32, of the box."""
        return self.on_image(self.logits).reshape(-1, *self.shape)

    def on_image(self, values: Tensor) -> Tensor:
        """Interpolate ``(N, *part)`` onto the image's grid: ``(N, D, H, W)`` float32 of the box."""
        found = torch.empty((len(values), *self._shape3), device=values.device)

        def write(block: Tensor, corner: tuple[int, ...]) -> None:
            at = tuple(slice(c, c + n) for c, n in zip(corner, block.shape[1:], strict=True))
            found[(slice(None), *at)] = block

        self.interpolate(values, write)
        return found

    def interpolate(self, values: Tensor, consume: Consume) -> None:
        """Hand ``(N, *part)``, interpolated onto the image's grid, to `consume` block by block."""
        first = [b.start for b in self._box3]

        def place(block: Tensor, corner: tuple[int, ...]) -> None:
            consume(block, tuple(c - f for c, f in zip(corner, first, strict=True)))

        Resampler(self._axes, self.stream, place)(values.float(), (0, 0, 0))

    def at(self, voxels: np.ndarray) -> Tensor:
        """Return the features at voxels of the box: ``(N, ndim)`` int -> ``(N, F)`` float32."""
        voxels = np.asarray(voxels, np.intp)
        if voxels.shape[1] == 2:
            voxels = np.insert(voxels, 0, 0, axis=1)
        kept = self.features.reshape(len(self.features), -1)
        total = torch.zeros((len(kept), len(voxels)), device=kept.device)
        for corner in itertools.product((0, 1), repeat=3):  # of the cell a voxel's centre lies in
            weight = np.ones(len(voxels), np.float32)
            place = np.zeros(len(voxels), np.intp)
            for number, step, axis in zip(voxels.T, corner, self._axes, strict=True):
                fraction = axis.fraction[number]
                weight = weight * (fraction if step else 1 - fraction)
                place = place * axis.length + np.minimum(axis.low[number] + step, axis.length - 1)
            if weight.any():
                values = kept.index_select(1, torch.from_numpy(place).to(kept.device)).float()
                total += values * torch.from_numpy(weight).to(values)
        return total.T

    def crop(self, box: Sequence[slice]) -> RegionFeatures:
        """Return a box inside this one; nothing is copied.

        Raises
        ------
        ValueError
            If it is not inside.
        """
        asked = tuple(box)
        if not inside(asked, self.box):
            raise ValueError(
                f"the box {asked} is not inside {self.box}; compute its features first"
            )
        grid = self.grid
        part = network_box(grid, _three(asked))
        at = tuple(
            slice(p.start - mine.start, p.stop - mine.start)
            for p, mine in zip(part, self.part, strict=True)
        )
        cut = (slice(None), *at)
        return dataclasses.replace(
            self,
            box=asked,
            part=part,
            logits=self.logits[cut],
            features=self.features[cut],
            whole=self.whole or self,
        )

    @cached_property
    def _read(self) -> dict[str, np.ndarray]:
        return {}

    @property
    def _box3(self) -> Box:
        return _three(self.box)

    @property
    def _shape3(self) -> tuple[int, ...]:
        return tuple(b.stop - b.start for b in self._box3)

    @property
    def _axes(self) -> list[AxisMap]:
        sides = zip(self.grid.input_shape, self.grid.shape, self.part, self._box3, strict=True)
        return [AxisMap.of(*side) for side in sides]


def region_features(
    segmenter: Segmenter,
    volume: Volume,
    box: Sequence[slice] | None = None,
    config: InferenceConfig | None = None,
    report: Report = silent,
    *,
    prepared: Prepared | None = None,
) -> RegionFeatures:
    """Run a model over a box of an image and keep what it knew before its last layer.

    Parameters
    ----------
    segmenter : Segmenter
        Of any architecture; a 2D model takes a volume slice by slice.
    volume : Volume
        ``(C, *S)``.
    box : sequence of slice or None
        On ``*S``; None is all. The windows that touch it are computed, as they lie for the whole.
    config : InferenceConfig or None
        How to run the model.
    report : Report
        Called before every window; may raise `Cancelled`.
    prepared : Prepared or None
        What `Segmenter.prepare` gave for this image, if it is at hand.

    Raises
    ------
    ValueError
        If model, volume and box do not go together.
    OSError
        If there is not enough memory.
    """
    config = config or InferenceConfig()
    asked = checked_box(box, volume.shape)
    check_flips(segmenter.card, config)
    with segmenter.running(report) as outer:
        prepared = prepared or segmenter.prepare(volume, config, outer)
        grid = prepared.grid
        part = network_box(grid, _three(asked))
        network = Penultimate(segmenter.network)
        found = Collector(
            network_shape(grid, asked), segmenter.card, network.channels, segmenter.device
        )
        plan, _ = read_out(
            network,
            segmenter.card,
            dataclasses.replace(prepared, grid=Grid(grid.shape, grid.shape)),
            config,
            found,
            slice_axis=segmenter.slice_axis(volume, config),
            device=segmenter.device,
            wanted=part,
            report=outer,
        )
    return RegionFeatures(
        asked, segmenter.card, grid, part, found.logits, found.features, plan.tiling.order[0]
    )


def value_probabilities(logits: Tensor, card: ModelCard) -> Tensor:
    """Return the probability of every label value, background first: ``(K, *S) -> (V, *S)``.

    Overlapping regions are written into one label image, later ones over earlier ones: a voxel has
    a region's value where it is in the region and in none that is written later.
    """
    if card.activation == "softmax":
        return logits.softmax(0)
    rest = torch.ones_like(logits[0])
    found = logits.new_empty((len(card.classes) + 1, *logits.shape[1:]))
    for index in sorted(range(len(card.classes)), key=lambda i: card.classes[i].order)[::-1]:
        inside_region = logits[index].sigmoid()
        found[index + 1] = rest * inside_region
        rest = rest * (1 - inside_region)
    found[0] = rest
    return found


def inside(box: Sequence[slice], other: Sequence[slice]) -> bool:
    """Whether every voxel of `box` is in `other`."""
    return all(o.start <= b.start and b.stop <= o.stop for b, o in zip(box, other, strict=True))


def network_shape(grid: Grid, box: Sequence[slice]) -> tuple[int, ...]:
    """Return how many network voxels a box of the image needs, along three axes."""
    return tuple(p.stop - p.start for p in network_box(grid, _three(box)))


def feature_bytes(segmenter: Segmenter, shape: Sequence[int]) -> int:
    """Return the memory that the features and logits of `shape` network voxels take."""
    channels = segmenter.network.feature_info[-1].channels
    return (2 * channels + 4 * segmenter.card.out_channels) * math.prod(shape)


def _three(box: Sequence[slice]) -> Box:
    return (slice(0, 1), *box) if len(box) == 2 else tuple(box)
