"""What is prompted in `benchmarks.interactive`: the lanes, and what others have to offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.interact.interaction import InteractConfig, Interaction
from napari_medseg.interact.prompts import Prompt
from napari_medseg.volume import Volume

GRABCUT_ROUNDS = 3
_FIRST = 20.0  # pixels; where GrabCut looks around a first point


class Tool(Protocol):
    """Answers prompts on one image."""

    needs_start: bool
    """Whether it starts from the model's answer; else from nothing."""

    def answer(self, labels: np.ndarray, prompts: Sequence[Prompt]) -> tuple[np.ndarray, int]:
        """Return labels ``(*S)`` after the last of `prompts`, and voxels changed outside."""


class Lane:
    """The project's own: `Interaction`, as the panel uses it."""

    def __init__(self, volume: Volume, segmenter: Segmenter | None, lane: str) -> None:
        self.needs_start = segmenter is not None
        self._interaction = Interaction(volume, segmenter, InteractConfig(lane=lane))

    def answer(self, labels: np.ndarray, prompts: Sequence[Prompt]) -> tuple[np.ndarray, int]:
        """Return what the panel would show, and what it changed outside of the region."""
        before = labels.copy()
        answer = self._interaction.answer(labels, prompts)
        outside = np.ones(labels.shape, bool)
        outside[answer.box] = False
        stray = int(np.count_nonzero((labels != before)[outside]))
        after = before.copy()
        after[answer.box] = answer.labels
        outside[:] = True
        outside[self._interaction.region(before, prompts)] = False
        return after, stray + int(np.count_nonzero((after != before)[outside]))


class RandomWalker:
    """scikit-image's random walker as it comes: all prompts are seeds, there is nothing else.

    Where nobody said what is background, the border of the image is.

    Source: Grady 2006, "Random walks for image segmentation", TPAMI 28(11).
    """

    needs_start = False

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._image = np.moveaxis(volume.array, 0, -1).astype(np.float64)

    def answer(self, labels: np.ndarray, prompts: Sequence[Prompt]) -> tuple[np.ndarray, int]:
        """Return the likeliest class of each voxel."""
        from skimage.segmentation import random_walker

        seeds = seeds_of(self._volume, prompts)
        background = int(max(p.value for p in prompts)) + 1  # 0 is "free" to the random walker
        seeds[seeds == 0] = background
        if not (seeds == background).any():
            inside = (slice(1, -1),) * seeds.ndim
            border = np.ones(seeds.shape, bool)
            border[inside] = False
            seeds[border & (seeds < 0)] = background
        if np.unique(seeds[seeds > 0]).size < 2:
            return labels.copy(), 0
        found = random_walker(
            self._image,
            np.where(seeds < 0, 0, seeds),
            mode="bf" if seeds.ndim == 2 else "cg_j",  # cg_j is less exact, and slower in 2D
            spacing=np.array(self._volume.spacing),
            channel_axis=-1,
        )
        return np.where(found == background, 0, found).astype(labels.dtype), 0


class GrabCut:
    """OpenCV's GrabCut, 2D: the labels so far are probable, prompts are sure.

    Source: Rother et al. 2004, "GrabCut", SIGGRAPH.
    """

    needs_start = True

    def __init__(self, volume: Volume) -> None:
        values = np.moveaxis(volume.array, 0, -1)
        low, high = values.min(), values.max()
        scaled = ((values - low) / max(float(high - low), 1e-9) * 255).astype(np.uint8)
        self._image = np.ascontiguousarray(np.broadcast_to(scaled, (*volume.shape, 3)))
        self._volume = volume

    def answer(self, labels: np.ndarray, prompts: Sequence[Prompt]) -> tuple[np.ndarray, int]:
        """Return 1 where GrabCut finds foreground."""
        import cv2

        seeds = seeds_of(self._volume, prompts)
        mask = np.where(labels > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        if not labels.any():
            centre = prompts[-1].indices(self._volume)[0]
            away = np.indices(labels.shape) - centre[:, None, None]
            mask[np.linalg.norm(away, axis=0) <= _FIRST] = cv2.GC_PR_FGD
        mask[seeds > 0], mask[seeds == 0] = cv2.GC_FGD, cv2.GC_BGD
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(0)
        cv2.grabCut(self._image, mask, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
        found = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
        return found.astype(labels.dtype), 0


def seeds_of(volume: Volume, prompts: Sequence[Prompt]) -> np.ndarray:
    """Return the class each voxel was said to be, 0 background, -1 where nothing was said."""
    seeds = np.full(volume.shape, -1, np.int32)
    for prompt in prompts:
        box, mask = prompt.voxels(volume)
        seeds[box][mask] = prompt.value if prompt.positive else 0
    return seeds


def why_not(tool: str, spatial_dims: int) -> str:
    """Return why a tool cannot be had, "" if it can."""
    if tool == "GrabCut" and spatial_dims == 3:
        return "GrabCut is for pictures"
    if tool == "GrabCut" and find_spec("cv2") is None:
        return "OpenCV is not installed"
    return ""


MakeTool = Callable[[Volume, Segmenter], Tool]
TOOLS: dict[str, MakeTool] = {
    "lane 0": lambda volume, segmenter: Lane(volume, segmenter, "refine"),
    "lane 1": lambda volume, segmenter: Lane(volume, segmenter, "adapt"),
    "0+1": lambda volume, segmenter: Lane(volume, segmenter, "auto"),
    "lane 0, no model": lambda volume, segmenter: Lane(volume, None, "refine"),
    "random walker": lambda volume, segmenter: RandomWalker(volume),
    "GrabCut": lambda volume, segmenter: GrabCut(volume),
}
FROM_NOTHING = ("random walker", "lane 0, no model")
