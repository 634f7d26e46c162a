"""Lane 1: a small head beside a network's last layer, fitted to what a person said of one image.

The network stays as it is. Its logits get a residual that starts at zero: linear in the features
before its last layer and in the image's own values, one bump around each prompt, and, where prompts
lie deep in what the model has wrong, linear in its own log-probabilities, with a constant: a model
that finds one class everywhere may still know where it is most. Partial cross-entropy draws it to
the prompts, a divergence to the model's own answer and to what is shown holds it elsewhere, less so
near the prompts and in doubt, and a ridge keeps it small. The problem is convex and the same steps
are taken in the same order, so that one question has one answer.

Source: cross-entropy on what is said only, after Tang et al. 2018, arXiv:1804.01346; a model
adapted to one image by what a person marks in it, as BIFSeg (Wang et al. 2018, arXiv:1710.04043),
but for the last layer alone and in closed steps; the bound on the curvature of the softmax that
makes every step safe is Böhning's (1992, Ann. Inst. Statist. Math. 44).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_medseg.interact.adapt_config import AdaptConfig
from napari_medseg.interact.anchors import Anchors, anchors_of
from napari_medseg.interact.belief import doubt_of
from napari_medseg.interact.features import RegionFeatures
from napari_medseg.interact.refine_score import likeliest
from napari_medseg.interact.seeds import FREE, Seeds
from napari_medseg.progress import Report, Step, silent

_STEPS = 60
_SETTLED = 1e-3  # log-odds: no coefficient moves more than that any more
_SEEDS = 600  # voxels of prompts that are looked at, at most
_ELSEWHERE = 1200  # voxels of the rest, as many of each class that is shown
_EVEN = 0.5  # power of a class's share of the rest, by which it weighs in it
_AT_ONCE = 1 << 18  # voxels whose bumps are computed together
_LOOSER = 2 / 3  # in full doubt the model holds, and a prompt reaches around it, so much less
_SHOWN = 0.9  # probability of what is shown, where it holds the answer


@dataclass(frozen=True, eq=False)
class Head:
    """A residual on the log-probabilities of label values.

    Parameters
    ----------
    values : tuple of int
        The label values, background first.
    anchors : Anchors
        Where the bumps are.
    near : Tensor
        ``(N, V)``: the bumps' heights.
    features : Tensor
        ``(F, V)``: weights on the network's features, standardised by `mean` and `scale`.
    image : Tensor
        ``(C, V)``: weights on the image's values, brought to one spread.
    own : Tensor
        ``(1 + V, V)``: what is added everywhere, and weights on the model's log-probabilities.
    mean, scale : Tensor
        ``(F,)``.
    config : AdaptConfig
        How it was fitted.
    doubt : float
        In the model, from `doubt_of`.
    """

    values: tuple[int, ...]
    anchors: Anchors
    near: Tensor
    features: Tensor
    image: Tensor
    own: Tensor
    mean: Tensor
    scale: Tensor
    config: AdaptConfig
    doubt: float = 0.0

    def probabilities(
        self,
        region: RegionFeatures,
        look: np.ndarray,
        spacing: Sequence[float],
        report: Report = silent,
        *,
        own: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the adapted probabilities of `values`: ``(V, *S)`` float32.

        Parameters
        ----------
        region : RegionFeatures
            Of the region.
        look : ndarray
            ``(C, *S)``, the image's own values there, `normalised` as those it was fitted on.
        spacing : sequence of float
            mm along each axis.
        report : Report
            Called between parts of the voxels; may raise `Cancelled`.
        own : ndarray or None
            `probabilities_of` the region and the head's values, if they are at hand.
        """
        own = probabilities_of(region, self.values) if own is None else own
        if not len(self.anchors.reach):
            return own
        scores = _log(torch.from_numpy(own), self.config.sure)
        if self.own.any():
            turned = torch.eye(len(scores)) + _centred(self.own[1:].T, dim=1)
            scores = torch.einsum("vk,k...->v...", turned, scores)
            scores += self.own[0].reshape(-1, *[1] * (scores.ndim - 1))
        report(Step(0, 0, "voxel"))
        if self.config.features:
            scores += self._by_features(region).cpu()
        report(Step(0, 0, "voxel"))
        flat = scores.reshape(len(self.values), -1)
        if self.config.image:
            flat += self.image.T @ torch.from_numpy(look).reshape(len(look), -1)
        if self.near.any():
            self._add_bumps(flat, region.shape, spacing, report)
        return scores.softmax(0).numpy()

    def _by_features(self, region: RegionFeatures) -> Tensor:
        """Return the features' share on the image's grid; being linear it is interpolated last."""
        weight = self.features.to(region.features.device) / self.scale[:, None]
        flat = region.features.reshape(len(region.features), -1)
        parts = [weight.T @ part.float() for part in flat.split(_AT_ONCE, dim=1)]
        share = torch.cat(parts, dim=1) - (weight.T @ self.mean)[:, None]
        part = share.reshape(-1, *region.features.shape[1:])
        return region.on_image(part).reshape(-1, *region.shape)

    def _add_bumps(
        self,
        flat: Tensor,
        shape: tuple[int, ...],
        spacing: Sequence[float],
        report: Report,
    ) -> None:
        """Add the bumps to ``(V, voxels)``, each only within three times its reach."""
        scores = flat.reshape(-1, *shape)
        for voxel, reach, height in zip(
            self.anchors.voxels, self.anchors.reach, self.near, strict=True
        ):
            report(Step(0, 0, "voxel"))
            bump, at = None, [slice(None)]
            for c, mm, size in zip(voxel, spacing, shape, strict=True):
                far = int(np.ceil(3 * reach / mm))
                low, high = max(int(c) - far, 0), min(int(c) + far + 1, size)
                at.append(slice(low, high))
                offset = (torch.arange(low, high) - int(c)) * mm / reach
                line = torch.exp(-(offset**2) / 2)
                bump = line if bump is None else bump[..., None] * line
            assert bump is not None
            scores[tuple(at)] += height.reshape(-1, *[1] * len(shape)) * bump


def fit_head(
    region: RegionFeatures,
    seeds: Seeds,
    look: np.ndarray,
    spacing: Sequence[float],
    config: AdaptConfig | None = None,
    *,
    values: Sequence[int] | None = None,
    labels: np.ndarray | None = None,
    own: np.ndarray | None = None,
    report: Report = silent,
) -> Head:
    """Fit a head to all that was said of a region.

    Parameters
    ----------
    region : RegionFeatures
        Of the region.
    seeds : Seeds
        What all prompts say of it, on the same box.
    look : ndarray
        ``(C, *S)``, the image's own values there, `normalised`.
    spacing : sequence of float
        mm along each axis.
    config : AdaptConfig or None
        How strongly the answer bends.
    values : sequence of int or None
        Label values, background first; those the model does not know are learnt from the prompts
        alone. None is the model's.
    labels : ndarray or None
        ``(*S)`` as they are now, which tells how far a prompt reaches; None is the model's own.
    own : ndarray or None
        `probabilities_of` the region and the values, if they are at hand.
    report : Report
        Called now and then; may raise `Cancelled`.

    Returns
    -------
    Head
        Without a prompt it is all zeros and the model's answer stays to the bit.
    """
    config = config or AdaptConfig()
    values = tuple(region.values if values is None else values)
    flat = region.features.reshape(len(region.features), -1)
    some = flat[:, :: max(1, flat.shape[1] // (1 << 14))].float()
    mean, scale = some.mean(1), some.std(1).nan_to_num(0.0) + 1e-3
    own = probabilities_of(region, values) if own is None else own
    said = likeliest(own, values, np.int32)
    shown = said if labels is None else labels
    anchors = anchors_of(seeds, spacing, shown, values, said)
    report(Step(0, 0, "step"))
    sizes = (len(anchors.reach), len(flat), len(look), 1 + len(values))
    found = torch.zeros(sum(sizes), len(values))
    doubt = doubt_of(anchors, said, spacing)
    if len(anchors.reach):
        places, weight = _sampled(seeds, anchors, shown, spacing, config)
        at = (slice(None), *places.T)
        logs = _log(torch.from_numpy(own[at]), config.sure)
        known = ((region.at(places) - mean) / scale).cpu().numpy()
        basis = _basis(_bumps(places, anchors, spacing), known, look[at], logs)
        held = _held(own[at].T, None if labels is None else shown[at[1:]], values)
        wanted = _wanted(seeds, values, at[1:])
        scaled = _freedom(sizes, config, doubt)
        pull = config.pull * (1 - _LOOSER * doubt)
        found = _fit(
            basis * scaled, logs.T.double(), wanted, held, torch.from_numpy(weight), pull, report
        )
        found = (found * scaled[:, None]).float()
    near, features, looks, turned = found.split(sizes)
    learnt = near, features.to(mean.device), looks, turned
    return Head(values, anchors, *learnt, mean, scale, config, doubt)


def _basis(bumps: np.ndarray, known: np.ndarray, look: np.ndarray, logs: Tensor) -> Tensor:
    """Return what the residual is linear in, ``(N, M)``: all that a `Head` has weights for."""
    constant = np.ones((1, len(bumps)))
    own = np.concatenate([constant, _centred(logs, dim=0).numpy()])
    return torch.from_numpy(np.concatenate([bumps, known, look.T, own.T], axis=1))


def _freedom(sizes: Sequence[int], config: AdaptConfig, doubt: float) -> Tensor:
    """Return how freely each coefficient moves: of bumps, features, look and the model's own."""
    bumps, features, looks, own = sizes
    free = max(doubt, config.always)
    return torch.tensor(
        [config.near * (1 - _LOOSER * doubt)] * bumps
        + [config.features / features**0.5] * features
        + [config.image / looks**0.5] * looks
        + [config.bias * free]
        + [config.slope * free] * (own - 1),
        dtype=torch.float64,
    )


def _wanted(seeds: Seeds, values: Sequence[int], at: tuple[np.ndarray, ...]) -> Tensor:
    """Return which values voxels may be, ``(N, V)``; who erases a class means the background."""
    allowed = seeds.allowed(values, at).T
    if values[0] == 0 and seeds.erased is not None:
        empty = seeds.erased[at] & (seeds.required[at] == FREE) & allowed[:, 0]
        allowed[empty, 1:] = False
    return torch.from_numpy(allowed)


def _held(own: np.ndarray, shown: np.ndarray | None, values: Sequence[int]) -> Tensor:
    """Return what voxels nobody spoke of are held to, ``(N, V)``: model and what is shown."""
    own = own / own.sum(1, keepdims=True)
    if shown is None:
        return torch.from_numpy(own).double()
    there = shown[:, None] == np.asarray(values)
    soft = np.where(there, _SHOWN, (1 - _SHOWN) / max(len(values) - 1, 1))
    return torch.from_numpy(np.where(there.any(1)[:, None], (own + soft) / 2, own)).double()


def probabilities_of(region: RegionFeatures, values: Sequence[int]) -> np.ndarray:
    """Return the model's own probabilities of `values`, 0 where it does not know the value."""
    own = region.probabilities()
    if tuple(values) == region.values:
        return own
    known = {value: row for row, value in enumerate(region.values)}
    nothing = np.zeros(own.shape[1:], own.dtype)
    return np.stack([own[known[v]] if v in known else nothing for v in values])


def _fit(
    basis: Tensor,
    own: Tensor,
    allowed: Tensor,
    held: Tensor,
    weight: Tensor,
    pull: float,
    report: Report,
) -> Tensor:
    """Minimise the loss; ``(N, M), (N, V), (N, V) bool, (N, V), (N,) -> (M, V)``.

    A voxel of which something is said costs ``-log`` of the probability of what is allowed there,
    every other one its divergence from what is `held` there. `weight` is that of the seeds where
    something is said, else the share of `pull`.
    """
    said = ~allowed.all(1)
    weight = torch.where(said, weight, weight * pull)
    # half the identity is an upper bound of the softmax's curvature
    curve = (basis.T * (weight / 2)) @ basis + torch.eye(basis.shape[1], dtype=basis.dtype)
    factor = torch.linalg.cholesky(curve)
    found = basis.new_zeros(basis.shape[1], own.shape[1])
    ahead = found
    for step in range(_STEPS):
        report(Step(step, _STEPS, "step"))
        p = (own + basis @ ahead).softmax(1)
        open_ = p * allowed
        wanted = torch.where(
            said[:, None], open_ / open_.sum(1, keepdim=True).clamp_min(1e-12), held
        )
        slope = basis.T @ (weight[:, None] * (p - wanted)) + ahead
        after = ahead - torch.cholesky_solve(slope, factor)
        moved = after - found
        found, ahead = after, after + step / (step + 3) * moved  # Nesterov's momentum
        if float(moved.abs().max()) < _SETTLED:
            break
    return found


def _sampled(
    seeds: Seeds,
    anchors: Anchors,
    shown: np.ndarray,
    spacing: Sequence[float],
    config: AdaptConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels the head is fitted on, ``(N, ndim)``, and what each weighs, ``(N,)``.

    A small object is a small part of a region and would be given away for one prompt near it: of
    what nobody spoke of, each class in `shown` is looked at alike, and rare ones weigh more. Not so
    in volumes, where a weak model finds rare classes everywhere: there it was measured to be worse.
    """
    said = seeds.required != FREE
    for denied in seeds.forbidden.values():
        said = said | denied
    prompts = len(anchors.reach)
    talked = np.flatnonzero(said)
    talked = talked[:: -(-len(talked) // _SEEDS)]
    free = np.flatnonzero(~said)
    rest = [free] if len(free) else []
    if shown.ndim == 2:
        classes = shown.ravel()[free]
        rest = [free[classes == value] for value in np.unique(classes)]
    weights = np.array([len(one) for one in rest]) ** _EVEN
    parts, weight = [talked], [np.full(len(talked), config.seeds * prompts / len(talked))]
    for voxels, share in zip(rest, weights / weights.sum(), strict=True):
        most = max(_ELSEWHERE // len(rest), 1)
        some = voxels[len(voxels) // (2 * most) :: max(1, len(voxels) // most)]
        places = np.stack(np.unravel_index(some, said.shape), axis=1)
        close = _bumps(places, anchors, spacing).max(axis=1)
        parts.append(some)
        weight.append((1 - close) * prompts * share / len(some))
    places = np.stack(np.unravel_index(np.concatenate(parts), said.shape), axis=1)
    return places, np.concatenate(weight)


def _bumps(places: np.ndarray, anchors: Anchors, spacing: Sequence[float]) -> np.ndarray:
    """Return how near voxels are to each anchor: ``(N, anchors)``, 1 at the anchor."""
    scale = np.asarray(spacing, float)
    apart = (places[:, None] - anchors.voxels[None]) * scale
    return np.asarray(np.exp(-np.square(apart).sum(-1) / (2 * anchors.reach**2)))


def _log(probabilities: Tensor, sure: float) -> Tensor:
    """Return log-probabilities, none further below the largest than `sure`."""
    logs = probabilities.clamp_min(1e-30).log()
    return torch.maximum(logs, logs.amax(0, keepdim=True) - sure)


def _centred(values: Tensor, dim: int) -> Tensor:
    return values - values.mean(dim, keepdim=True)
