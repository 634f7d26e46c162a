"""Two models on one image: where their answers and their features differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.classes import class_channel, class_name
from napari_medseg.explain.comparable import (
    prepare_alike,
    shared_classes,
    why_not_comparable,
)
from napari_medseg.explain.layers import named_layers
from napari_medseg.explain.overlay import Overlay, sampled
from napari_medseg.explain.passing import Pass, classes_of, probabilities_of, run
from napari_medseg.explain.place import Place
from napari_medseg.explain.table import Cell, Table
from napari_medseg.explain.view import View
from napari_medseg.explain.viewing import view_of
from napari_medseg.progress import Report, silent


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two models differ on a view.

    Parameters
    ----------
    overlays : tuple of Overlay
        The change of each class's probability, where the answer changed, and per stage how much
        its features turned.
    answers : Table
        Per class, voxels before and after and their overlap.
    features : Table
        Per stage, how much its features changed; without rows where the networks are not alike.
    notes : tuple of str
        What could not be compared.
    """

    overlays: tuple[Overlay, ...]
    answers: Table
    features: Table
    notes: tuple[str, ...] = ()


def compare(
    before: Segmenter,
    after: Segmenter,
    view: View,
    *,
    layers: Sequence[str] | None = None,
    report: Report = silent,
) -> Comparison:
    """Run two models over a view of the first and say where they differ.

    Models that prepare images alike see the same. Of others each sees the image as it prepares it,
    and what the second gives is brought to the voxels of the first by linear interpolation.

    Parameters
    ----------
    before, after : Segmenter
        Two models that find the same classes, or some of the same: a model and what was made of
        it, or two for one purpose.
    view : View
        Of `before`.
    layers : sequence of str or None
        Whose features are compared; None is the stages both have, as far as they are alike.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If the two cannot be compared on the image.
    """
    reason = why_not_comparable(before.card, after.card)
    if reason:
        raise ValueError(reason)
    shared = [
        name
        for name, layer in named_layers(before.network).items()
        if layer.stage and _same_layer(after, name, layer.channels, layer.stride)
    ]
    names = shared if layers is None else list(layers)
    missing = [n for n in names if n not in shared and n not in named_layers(after.network)]
    if missing:
        raise ValueError(f"{after.card.name!r} has no layer {missing[0]!r} to compare")
    notes = [] if names else ["the two networks have no stage in common: answers only"]
    other = view
    if prepare_alike(before.card, after.card):
        channels = view.image.shape[1]
        after.network.check_input(torch.empty((1, channels, *view.at_once), device="meta"))
    else:
        # all its windows that touch what the first one shows, in its slices
        other = view_of(after, view.volume, box=view.shown, blend=True, report=report)
        notes.append(
            "the two prepare images otherwise: each sees the image in its own way, and what the "
            "second gives is brought to the voxels of the first; what it does not see is left out"
        )
    old, new = run(before, view, names, report=report), run(after, other, names, report=report)
    overlays, answers = _answers(before, after, old, new)
    turned, features = _features(old, new, names)
    return Comparison((*overlays, *turned), answers, features, tuple(notes))


def _same_layer(segmenter: Segmenter, name: str, channels: int, stride: int) -> bool:
    other = named_layers(segmenter.network).get(name)
    return other is not None and (other.channels, other.stride) == (channels, stride)


def _answers(
    before: Segmenter, after: Segmenter, old: Pass, new: Pass
) -> tuple[tuple[Overlay, Overlay], Table]:
    activation = before.card.activation
    shared = [c.value for c in shared_classes(before.card, after.card)]
    values = [0, *shared] if activation == "softmax" else shared
    was, place = old.view.placed(probabilities_of(old.logits, activation))
    now = _over(new, *new.view.placed(probabilities_of(new.logits, activation)), old, was, place)
    known, now = np.isfinite(now[0]), np.nan_to_num(now, nan=0)
    sets = [classes_of(torch.from_numpy(p)[None], activation)[0].numpy() for p in (was, now)]
    of = [[class_channel(segmenter, value) for value in values] for segmenter in (before, after)]
    (was, now), (one, two) = (
        [arrays[channels] for arrays, channels in zip(pair, of, strict=True)]
        for pair in ((was, now), sets)
    )
    names = tuple(class_name(before, value) for value in values)
    change = Overlay(
        name="change of probability",
        words="probability of each class after minus before",
        values=(now - was) * known,
        place=place,
        kind="signed",
        unit="probability",
        channels=names,
        notes=old.view.notes,
    )
    differs = ((one != two).any(0) & known)[None]
    where = Overlay(
        name="changed answer",
        words="where the answer is another than before",
        values=differs.astype(np.float32),
        place=place,
        kind="share",
        channels=("changed",),
    )
    rows: list[tuple[Cell, ...]] = []
    for name, a, b in zip(names, one & known, two & known, strict=True):
        both, either = int((a & b).sum()), int(a.sum() + b.sum())
        rows.append((name, int(a.sum()), int(b.sum()), 2 * both / either if either else 1.0))
    answers = Table(
        "answers",
        "voxels of each class before and after, on the first model's own grid",
        ("class", "before", "after", "Dice of the two"),
        tuple(rows),
        definition="Dice of before and after; 1 where neither has the class",
    )
    return (change, where), answers


def _over(
    passed: Pass, values: np.ndarray, place: Place, first: Pass, like: np.ndarray, onto: Place
) -> np.ndarray:
    """Bring maps of a pass to where those of the first lie; not a number where there are none."""
    if passed.view is first.view:
        return values
    return sampled(values, place, onto.centres(like.shape[1:]))


def _features(old: Pass, new: Pass, names: Sequence[str]) -> tuple[list[Overlay], Table]:
    overlays, rows = [], []
    for name in names:
        a, place = old.placed(name)
        b = _over(new, *new.placed(name), old, a, place)
        known = np.isfinite(b[0])
        a, b = a * known, np.nan_to_num(b, nan=0)
        sizes = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
        cosine = (a * b).sum(0) / np.maximum(sizes, 1e-12)
        turned = np.where(sizes > 0, (1 - cosine).clip(0, 2), 0)[None].astype(np.float32)
        change = float(np.linalg.norm(b - a) / max(float(np.linalg.norm(a)), 1e-12))
        rows.append((name, change, float(turned.sum() / max(np.count_nonzero(known), 1))))
        overlays.append(
            Overlay(
                name=f"{name} turned",
                words=f"how far the features of {name} turned: 0 not at all, 1 at right angles",
                values=turned,
                place=place,
                channels=("1 - cosine",),
            )
        )
    table = Table(
        "features",
        "how much the features of each stage changed",
        ("layer", "relative change", "mean turn"),
        tuple(rows),
        definition="length of the difference over the length before; 1 minus the cosine of the "
        "vectors of channels, averaged over the voxels",
    )
    return overlays, table
