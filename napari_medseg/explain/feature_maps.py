"""Feature maps: the channels of a layer, sorted, or summed up in one map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.capture import map_bytes
from napari_medseg.explain.classes import class_share
from napari_medseg.explain.layers import Layer, find_layer
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import Pass, run
from napari_medseg.explain.room import amount, room
from napari_medseg.explain.view import View, as_array
from napari_medseg.progress import Report, silent

SORTS = ("energy", "separation", "order")
SUMMARIES = {
    "mean": "mean of the channels",
    "max": "largest channel",
    "energy": "length of the vector of channels (L2)",
    "pca": "the three directions in which the channels differ most, as red, green and blue",
}
_NOTHING = 1e-9  # of the variance: rounding
_ROUNDING = 1e-6  # of the largest value, of a mean that is 0
_AT_ONCE = 1 << 16  # voxels
_HALF_FROM = 1 << 28  # bytes: larger stacks are kept in half precision

_SUMS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda maps: maps.mean(0, dtype=torch.float32),
    "max": lambda maps: maps.amax(0),
    "energy": lambda maps: torch.linalg.vector_norm(maps, dim=0, dtype=torch.float32),
}


def features(
    segmenter: Segmenter,
    view: View,
    layer: str,
    *,
    sort: str = "energy",
    labels: np.ndarray | None = None,
    value: int = 1,
    most: int | None = None,
    half: bool | None = None,
    report: Report = silent,
) -> Overlay:
    """Return a layer's channels as a stack of maps, the most telling first.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    layer : str
        See `layers.layers_of`.
    sort : str
        "energy": the mean square over the image. "separation": how well a channel tells the class
        from the rest, see `separation`. "order": as the network has them.
    labels : ndarray or None
        ``(*S)`` of the image, for "separation"; None is the model's own answer in the view.
    value : int
        The class, a value of `labels`.
    most : int or None
        How many channels to keep; fewer where the memory does not hold them, and it is said.
    half : bool or None
        Whether to record in half precision; None does so where the maps are large, or do not fit
        else.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such layer or way to sort, the class is not in the view, or the maps are
        too large (`TooLarge`).
    """
    if sort not in SORTS:
        raise ValueError(f"channels are sorted by {', '.join(SORTS)}, got {sort!r}")
    passed, chosen = layer_maps(segmenter, view, layer, half, report)
    maps, place = passed.laid(layer)
    inside = None
    if sort == "separation":
        inside = class_share(segmenter, view, passed.logits, labels, value, chosen.stride)
    order, names = _sorted(maps, sort, inside)
    kept, said = _that_fit(maps, most)
    order = order[:kept]
    values = as_array(maps[torch.from_numpy(order)])
    return Overlay(
        name=f"{layer} channels",
        words=f"channels of {chosen.title}; {chosen.words}",
        values=values,
        place=place,
        kind="map" if maps.min() >= 0 else "signed",
        channels=tuple(names[i] for i in order),
        notes=(*view.notes, *said),
    )


def _that_fit(maps: Tensor, most: int | None) -> tuple[int, tuple[str, ...]]:
    """Return how many of the channels wanted fit into memory, and what to say if not all do."""
    wanted, each = len(maps) if most is None else min(most, len(maps)), 4 * maps[0].numel()
    kept = min(wanted, max(room() // max(each, 1), 1))
    said = f"{kept} of {len(maps)} channels: each takes {amount(each)}; look at a part for more"
    return kept, (said,) if kept < wanted else ()


def summary(
    segmenter: Segmenter,
    view: View,
    layer: str,
    how: str = "energy",
    *,
    half: bool | None = None,
    report: Report = silent,
) -> Overlay:
    """Return one map, or one colour picture, that sums up the channels of a layer.

    Parameters
    ----------
    segmenter, view, layer, half
        As for `features`.
    how : str
        "mean", "max", "energy" (L2 over the channels) or "pca": the first three principal
        components over the image's voxels as red, green and blue.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such layer or summary.
    """
    if how not in SUMMARIES:
        raise ValueError(f"channels are summed up by {', '.join(SUMMARIES)}, got {how!r}")
    passed, chosen = layer_maps(segmenter, view, layer, half, report)
    values, place = passed.laid(layer)
    kind, notes = "map", view.notes
    channels: tuple[str, ...] = (SUMMARIES[how],)
    if how == "pca":
        maps, shares = principal_colours(values)
        kind = "rgb"
        channels = tuple(
            f"{colour}: {share:.0%} of the variance"
            for colour, share in zip(("red", "green", "blue"), shares, strict=True)
        )
    else:
        maps = as_array(_SUMS[how](values))[None]
        largest = max(float(values.max()), -float(values.min()))
        if how == "mean" and np.abs(maps).max() <= _ROUNDING * largest:
            maps[:] = 0  # else its colours would be those of rounding errors
            notes = (*notes, f"the mean is 0 everywhere: {layer} is normalised over its channels")
        kind = "map" if maps.min() >= 0 else "signed"
    return Overlay(
        name=f"{layer} {how}",
        words=f"{SUMMARIES[how]}, of {chosen.title}",
        values=maps,
        place=place,
        kind=kind,
        channels=channels,
        notes=notes,
    )


def layer_maps(
    segmenter: Segmenter,
    view: View,
    layer: str,
    half: bool | None = None,
    report: Report = silent,
) -> tuple[Pass, Layer]:
    """Return a pass that recorded a layer, and the layer."""
    chosen = find_layer(segmenter.network, layer)
    if half is None and map_bytes(chosen, view.size, batch=len(view.image)) > _HALF_FROM:
        half = True
    return run(segmenter, view, [layer], half=half, report=report), chosen


def _sorted(maps: Tensor, sort: str, inside: np.ndarray | None) -> tuple[np.ndarray, list[str]]:
    """Return the order of the channels, and a name for each."""
    names = [f"channel {i + 1}" for i in range(len(maps))]
    if inside is not None:
        auc = separation(maps, inside)
        said = [f"{'higher' if a >= 0.5 else 'lower'} inside, AUC {max(a, 1 - a):.2f}" for a in auc]
        score = np.abs(auc - 0.5)
    elif sort == "energy":
        score = np.array([float(one.float().square().mean()) for one in maps])
        said = [f"energy {s:.3g}" for s in score]
    else:
        return np.arange(len(maps)), names
    names = [f"{name} ({one})" for name, one in zip(names, said, strict=True)]
    return np.argsort(-score, kind="stable"), names


def separation(maps: Tensor, inside: np.ndarray) -> np.ndarray:
    """Return how well each map tells voxels inside from those outside: ``(n, *S), (*S) -> (n,)``.

    The area under the ROC curve: the probability that a voxel inside has the larger value, equal
    ones counting half. 0.5 tells nothing; 0 and 1 tell everything.

    Source: Mann & Whitney 1947 for the estimate by ranks.
    """
    scores, there = [], torch.from_numpy(inside)
    for one in maps:
        within, without = one[there].float(), one[~there].float().sort().values
        below = torch.searchsorted(without, within).double()
        up_to = torch.searchsorted(without, within, right=True).double()
        scores.append(float((below + up_to).mean()) / 2 / len(without))
    return np.array(scores)


def principal_colours(values: Tensor) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Return the first three principal components as colours, and their shares of the variance.

    Shapes: ``(n, *S) -> (3, *S)`` uint8; each from its 1st to its 99th percentile. The sign of a
    component is that of its largest weight, so that the same maps give the same colours.
    """
    flat = values.flatten(1)
    mean = flat.mean(1, keepdim=True, dtype=torch.float64)
    products = torch.zeros((len(flat), len(flat)), dtype=torch.float64)
    for some in flat.split(_AT_ONCE, dim=1):  # in double precision a few voxels at a time
        centred = some.double() - mean
        products += centred @ centred.T
    spread, directions = np.linalg.eigh((products / max(flat.shape[1], 1)).numpy())
    variances, directions = spread[::-1].clip(0), directions[:, ::-1]
    total = max(float(variances.sum()), 1e-30)
    colours = np.zeros((3, flat.shape[1]), np.uint8)
    for i in range(min(3, len(values))):
        if variances[i] <= _NOTHING * total:
            continue
        weights = directions[:, i] * np.sign(directions[np.abs(directions[:, i]).argmax(), i])
        along = torch.from_numpy(weights.copy())
        component = torch.cat(
            [along @ (some.double() - mean) for some in flat.split(_AT_ONCE, dim=1)]
        ).numpy()
        low, high = np.percentile(component, (1, 99))
        if high > low:
            colours[i] = ((component - low) / (high - low)).clip(0, 1) * 255 + 0.5
    shares = [float(v) / total for v in variances[:3]] + [0.0] * 3
    return colours.reshape(3, *values.shape[1:]), (shares[0], shares[1], shares[2])
