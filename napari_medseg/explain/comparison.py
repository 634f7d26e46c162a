"""Two models on one image: where their answers and their features differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.layers import named_layers
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import Pass, classes_of, probabilities_of, run
from napari_medseg.explain.table import Cell, Table
from napari_medseg.explain.targets import class_names
from napari_medseg.explain.view import View
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

    Parameters
    ----------
    before, after : Segmenter
        Two models that prepare images alike and find the same classes: a model and what was made
        of it.
    view : View
        Of `before`.
    layers : sequence of str or None
        Whose features are compared; None is the stages both have.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If the two cannot be compared on the same view.
    """
    _check_alike(before, after, view)
    shared = [
        name
        for name, layer in named_layers(before.network).items()
        if layer.stage and _same_layer(after, name, layer.channels, layer.stride)
    ]
    names = shared if layers is None else list(layers)
    missing = [n for n in names if n not in shared and n not in named_layers(after.network)]
    if missing:
        raise ValueError(f"{after.card.name!r} has no layer {missing[0]!r} to compare")
    old, new = (run(s, view, names, report=report) for s in (before, after))
    notes = () if names else ("the two networks have no stage in common: answers only",)
    overlays, answers = _answers(before, view, old, new)
    turned, features = _features(view, old, new, names)
    return Comparison((*overlays, *turned), answers, features, notes)


def _check_alike(before: Segmenter, after: Segmenter, view: View) -> None:
    one, other = before.card, after.card
    if [c.value for c in one.classes] != [c.value for c in other.classes] or (
        one.activation != other.activation
    ):
        raise ValueError(
            f"{one.name!r} and {other.name!r} do not find the same classes; compare a model with "
            "one that was made of it"
        )
    if (one.preprocessing, one.spatial_dims) != (other.preprocessing, other.spatial_dims):
        raise ValueError(
            f"{one.name!r} and {other.name!r} do not prepare images alike; compare their labels "
            "instead"
        )
    after.network.check_input(torch.empty(view.image.shape, device="meta"))


def _same_layer(segmenter: Segmenter, name: str, channels: int, stride: int) -> bool:
    other = named_layers(segmenter.network).get(name)
    return other is not None and (other.channels, other.stride) == (channels, stride)


def _answers(
    segmenter: Segmenter, view: View, old: Pass, new: Pass
) -> tuple[tuple[Overlay, Overlay], Table]:
    activation, names = segmenter.card.activation, class_names(segmenter)
    was, now = (probabilities_of(p.logits, activation) for p in (old, new))
    values, place = view.placed(now - was)
    change = Overlay(
        name="change of probability",
        words="probability of each class after minus before",
        values=values,
        place=place,
        kind="signed",
        unit="probability",
        channels=names,
        notes=view.notes,
    )
    sets = [classes_of(p, activation) for p in (was, now)]
    differs = (sets[0] != sets[1]).any(1, keepdim=True)
    where = Overlay(
        name="changed answer",
        words="where the answer is another than before",
        values=view.placed(differs.float())[0],
        place=place,
        kind="share",
        channels=("changed",),
    )
    inside = view.covered()
    rows: list[tuple[Cell, ...]] = []
    for index, name in enumerate(names):
        a, b = (one[:, index][inside] for one in sets)
        both, either = int((a & b).sum()), int(a.sum() + b.sum())
        dice = 2 * both / either if either else 1.0
        rows.append((name, int(a.sum()), int(b.sum()), dice))
    answers = Table(
        "answers",
        "voxels of each class before and after, on the model's own grid",
        ("class", "before", "after", "Dice of the two"),
        tuple(rows),
        definition="Dice of before and after; 1 where neither has the class",
    )
    return (change, where), answers


def _features(
    view: View, old: Pass, new: Pass, names: Sequence[str]
) -> tuple[list[Overlay], Table]:
    overlays, rows = [], []
    for name in names:
        a, place = old.placed(name)
        b, _ = new.placed(name)
        sizes = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
        cosine = (a * b).sum(0) / np.maximum(sizes, 1e-12)
        turned = np.where(sizes > 0, (1 - cosine).clip(0, 2), 0)[None].astype(np.float32)
        change = float(np.linalg.norm(b - a) / max(float(np.linalg.norm(a)), 1e-12))
        rows.append((name, change, float(turned.mean())))
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
