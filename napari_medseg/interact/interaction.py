"""`Interaction`: one image and a model, or none, that answer to prompts.

The panel, the robot user, the benchmark and Python use the same one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_labels, sides
from napari_medseg.editing.scope import intersection, union
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.interact.adapt import fit_head, probabilities_of
from napari_medseg.interact.adapt_config import AdaptConfig
from napari_medseg.interact.around import region_of
from napari_medseg.interact.feature_cache import FeatureCache
from napari_medseg.interact.features import RegionFeatures
from napari_medseg.interact.nearby import changed_away
from napari_medseg.interact.polish import polish
from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.interact.refine import placed, refine
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.seeds import Seeds, seeds_of
from napari_medseg.packed import Box, within
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume

_BELIEF = AdaptConfig(features=0.0, image=0.0, always=0.0)
_LOST = 0.5  # doubt beyond which a model is wrong as a whole
LANES = ("auto", "refine", "adapt")


@dataclass(frozen=True, kw_only=True)
class InteractConfig(Config):
    """How prompts are answered.

    Parameters
    ----------
    lane : str
        "refine", lane 0: prompts, image and the model's probabilities. "adapt", lane 1: a small
        head of the model learns all prompts and answers. "auto": lane 1 where there is a model,
        with what lane 0 says as a prior.
    """

    lane: str = field(
        default="auto",
        metadata={"choices": LANES, "tip": "refine: fast; adapt: the model learns the prompts"},
    )
    region_2d: int = field(
        default=256, metadata={"min": 8, "tip": "pixels around a prompt that may change"}
    )
    region_3d: int = field(
        default=48, metadata={"min": 4, "tip": "voxels around a prompt that may change"}
    )
    refine: RefineConfig = field(default_factory=RefineConfig)

    def __post_init__(self) -> None:
        if self.lane not in LANES:
            raise ValueError(f"lane is one of {', '.join(LANES)}; got {self.lane!r}")
        if self.region_2d < 1 or self.region_3d < 1:
            raise ValueError("a region reaches at least one voxel around a prompt")


@dataclass(frozen=True, eq=False)
class Answer:
    """What became of a region because of a prompt.

    Parameters
    ----------
    box : tuple of slice
        The region; nothing outside of it is different.
    labels : ndarray
        Of the box, the type of the labels that were given.
    notes : tuple of str
        What a person should know: contradictions, voxels that are locked.
    seconds : dict of str to float
        "network", "adapt", "refine" and "all".
    """

    box: Box
    labels: np.ndarray
    notes: tuple[str, ...]
    seconds: dict[str, float]


class Interaction:
    """Answers to prompts on one image; keeps what the model knows of it from one to the next.

    One call at a time, from any thread.

    Parameters
    ----------
    volume : Volume
        The image.
    segmenter : Segmenter or None
        The model; without one the image and the prompts alone decide.
    config : InteractConfig or None
        How prompts are answered.
    """

    def __init__(
        self,
        volume: Volume,
        segmenter: Segmenter | None = None,
        config: InteractConfig | None = None,
    ) -> None:
        self.volume = volume
        self.segmenter = segmenter
        self.config = config or InteractConfig()
        self._cache = None if segmenter is None else FeatureCache(segmenter, volume)
        self._answered: tuple[Box, np.ndarray] | None = None

    @property
    def values(self) -> tuple[int, ...]:
        """The background 0 and the classes of the model, if there is one."""
        classes = () if self.segmenter is None else self.segmenter.card.classes
        return (0, *(c.value for c in classes))

    def answer(
        self,
        labels: np.ndarray,
        prompts: Sequence[Prompt],
        *,
        together: int = 1,
        locked: Collection[int] = (),
        may_change: np.ndarray | None = None,
        report: Report = silent,
    ) -> Answer:
        """Answer the newest prompt, or some of the newest together.

        Parameters
        ----------
        labels : ndarray
            ``(*S)`` integers as they are now; not changed.
        prompts : sequence of Prompt
            All so far, oldest first; the last ones are new.
        together : int
            How many are new. The model learns them all at once.
        locked : collection of int
            Classes that neither gain nor lose a voxel.
        may_change : ndarray of bool or None
            ``(*S)``; None is everywhere.
        report : Report
            Called between the stages and by the network; may raise `Cancelled`.

        Raises
        ------
        ValueError
            If a new prompt cannot be answered, in words for a person.
        """
        started = time.perf_counter()
        new = self._checked(labels, prompts, together, locked)
        box = self.region(labels, prompts, together)
        region = self._asked(labels, prompts, box, locked, may_change)
        clock = _Clock()
        features = self.features(box, report)
        clock.lap("network")
        adapts = features is not None and self.config.lane != "refine"
        adapted, doubt = region, 0.0
        if features is not None:
            region = replace(region, probabilities=probabilities_of(features, region.values))
            adapted, doubt = _adapted(features, region, report, whole=adapts)
        clock.lap("adapt")
        found = region.labels
        said: tuple[str, ...] = ()
        if self.config.lane != "adapt" or not adapts:
            for prompt in new:
                report(Step(0, 0, "prompt"))
                # what a prompt against a class taught the model counts once, in the polish
                heard = region if adapts and not prompt.positive else adapted
                now = replace(heard, labels=found)
                found = refine(now, prompt, self.volume, self.config.refine)
        if features is not None and adapts:
            found = self._polished(features, adapted, found)
            said = _kept_near(region, found, new, self.volume, doubt)
            region.hold(found)
            self._answered = (box, found)
        clock.lap("refine")
        seconds = {**clock.laps, "all": time.perf_counter() - started}
        notes = (*region.seeds.notes, *_kept_back(region.seeds, found), *said)
        return Answer(box, found, notes, seconds)

    def region(self, labels: np.ndarray, prompts: Sequence[Prompt], together: int = 1) -> Box:
        """Return where the answer to the newest prompts may differ from `labels` ``(*S)``."""
        flat = self.volume.spatial_dims == 2
        margin = self.config.region_2d if flat else self.config.region_3d
        new = prompts[-together:]
        box = union([region_of(prompt, labels, self.volume, margin) for prompt in new])
        assert box is not None  # there is a prompt
        return box

    def features(self, box: Box, report: Report = silent) -> RegionFeatures | None:
        """Return what the model knows of a box, kept or computed; None without a model."""
        return None if self._cache is None else self._cache.of(box, report)

    def probabilities(self, box: Box, report: Report = silent) -> np.ndarray | None:
        """Return what the model says of a box: ``(K, *box)`` of `values`; None without a model."""
        features = self.features(box, report)
        return None if features is None else features.probabilities()

    def prepare(self, report: Report = silent) -> None:
        """Run the model over an image in 2D before there is a prompt."""
        if self.volume.spatial_dims == 2:
            self.features(tuple(slice(0, n) for n in self.volume.shape), report)

    def forget(self, box: Box | None = None) -> None:
        """Drop what was kept of a box of the image, or of all of it, because it has changed."""
        if self._cache is not None:
            self._cache.forget(box)
        self._answered = None

    def _asked(
        self,
        labels: np.ndarray,
        prompts: Sequence[Prompt],
        box: Box,
        locked: Collection[int],
        may_change: np.ndarray | None,
    ) -> Region:
        """Return what is known of a region before the model is asked."""
        here = labels[box].copy()
        known = {*self.values, *np.unique(here).tolist(), *(p.value for p in prompts)}
        values = tuple(sorted(known - set(locked) or {0}))
        return Region(
            self.volume.array[(slice(None), *box)],
            here,
            seeds_of(prompts, self.volume, box, values),
            self.volume.spacing,
            values,
            may_change=_free(here, locked, None if may_change is None else may_change[box]),
        )

    def _checked(
        self,
        labels: np.ndarray,
        prompts: Sequence[Prompt],
        together: int,
        locked: Collection[int],
    ) -> Sequence[Prompt]:
        check_labels(labels)
        if labels.shape != self.volume.shape:
            raise ValueError(
                f"the labels have {sides(labels.shape)} voxels, the image has "
                f"{sides(self.volume.shape)}; choose the labels that belong to this image"
            )
        if not prompts:
            raise ValueError("there is no prompt to answer; point at something first")
        if not 1 <= together <= len(prompts):
            raise ValueError(f"of {len(prompts)} prompts 1 to all are new; got {together}")
        for new in prompts[-together:]:
            new.voxels(self.volume)  # says so if it is outside
            if new.value in locked:
                raise ValueError(
                    f"class {new.value} is locked; unlock it, or point with another class"
                )
            if labels.dtype.kind != "b" and new.value > np.iinfo(labels.dtype).max:
                raise ValueError(
                    f"class {new.value} does not fit into labels of type {labels.dtype}; choose a "
                    f"class up to {np.iinfo(labels.dtype).max}"
                )
        return prompts[-together:]

    def _polished(
        self, features: RegionFeatures, region: Region, refined: np.ndarray
    ) -> np.ndarray:
        """Return the labels of a region whose model learnt the prompts, with lane 0's as a prior.

        Labels that are neither the model's own nor its last answer came from elsewhere: they stay,
        and only lane 0 may turn them around the prompt.
        """
        box = region.seeds.box
        own = (region.labels == features.labels()) | (refined != region.labels)
        if self._answered is not None:
            shared = intersection(self._answered[0], box)
            if shared is not None:
                last = self._answered[1][within(shared, self._answered[0])]
                own[within(shared, box)] |= region.labels[within(shared, box)] == last
        free = own if region.may_change is None else own & region.may_change
        turned = replace(region, labels=refined, may_change=free)
        return polish(turned, prior=refined if self.config.lane == "auto" else None)


def _adapted(
    features: RegionFeatures, region: Region, report: Report, *, whole: bool
) -> tuple[Region, float]:
    """Return a region with the probabilities of a model that learnt the prompts, and its doubt.

    If not the whole of it, then only how far it is to be believed.
    """
    own, spacing = region.probabilities, region.spacing
    size = region.labels.shape
    look = region.look(region.grid(math.prod(size))) if whole else np.zeros((1, *size), np.float32)
    head = fit_head(
        features,
        region.seeds,
        look,
        spacing,
        None if whole else _BELIEF,
        values=region.values,
        labels=region.labels,
        own=own,
        report=report,
    )
    if not whole:
        head = replace(head, near=torch.zeros_like(head.near))
    found = head.probabilities(features, look, spacing, report, own=own)
    return replace(region, probabilities=found), head.doubt


def _kept_near(
    region: Region, found: np.ndarray, new: Sequence[Prompt], volume: Volume, doubt: float
) -> tuple[str, ...]:
    """Take back, in `found`, what changes away from points and scribbles.

    But where the model is wrong as a whole a prompt says something of all that it finds: then that
    stays, and is said.
    """
    if any(prompt.kind not in POINTED for prompt in new):
        return ()
    where = np.zeros(found.shape, bool)
    for prompt in new:
        where |= placed(*prompt.voxels(volume), region.seeds.box)
    away = changed_away(region.labels, found, where)
    if not away.any():
        return ()
    if doubt > _LOST:
        return ("the model is far off here, so places away from this prompt change, too",)
    found[away] = region.labels[away]
    return ()


class _Clock:
    """Seconds since the last lap."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._since = now - self._since, now


def _free(
    labels: np.ndarray, locked: Collection[int], may_change: np.ndarray | None
) -> np.ndarray | None:
    """Return which voxels of a region may change, None if all may."""
    open_ = ~np.isin(labels, list(locked))
    if open_.all():
        return may_change
    return open_ if may_change is None else open_ & may_change


def _kept_back(seeds: Seeds, labels: np.ndarray) -> tuple[str, ...]:
    """Say how much of the region could not become what the prompts ask for."""
    count = int(np.count_nonzero(seeds.broken(labels)))
    if not count:
        return ()
    return (
        f"{count} voxel{'s' if count > 1 else ''} a prompt asks for stay: they are locked or "
        "protected",
    )
