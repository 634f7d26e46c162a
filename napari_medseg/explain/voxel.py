"""Why a voxel got its label: what a person can look at, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.attention_maps import attention
from napari_medseg.explain.classes import class_name, class_names
from napari_medseg.explain.gradients import contributions, grad_cam
from napari_medseg.explain.layers import named_layers
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import run
from napari_medseg.explain.table import Cell, Table
from napari_medseg.explain.targets import target_of
from napari_medseg.explain.view import View
from napari_medseg.explain.viewing import view_of
from napari_medseg.explain.where import checked_voxel
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume

_ROWS = ("together", "attention", "from_here")  # overlays that answer for one place, best first


@dataclass(frozen=True, eq=False)
class Why:
    """What speaks for the label of one voxel.

    Parameters
    ----------
    at : tuple of int
        The voxel of the image.
    model : str
        Name of the model.
    value : int
        The label it got.
    name : str
        Of that class.
    classes : Table
        Probability of every class there, as the run gives it.
    sentences : tuple of str
        The answer, how near another one is, and where the next voxel with another answer lies.
    layers : Table
        Per stage, how much of what it contributes lies at the voxel, and its strongest channel.
    overlays : tuple of Overlay
        Evidence for the class at this voxel, and where the network looks from there.
    notes : tuple of str
        What a person should know.
    """

    at: tuple[int, ...]
    model: str
    value: int
    name: str
    classes: Table
    sentences: tuple[str, ...]
    layers: Table
    overlays: tuple[Overlay, ...] = field(repr=False)
    notes: tuple[str, ...] = ()


def why(
    segmenter: Segmenter,
    volume: Volume,
    at: Sequence[int],
    *,
    view: View | None = None,
    config: InferenceConfig | None = None,
    report: Report = silent,
) -> Why:
    """Gather what speaks for the label of a voxel.

    Parameters
    ----------
    segmenter, volume
        The model and the image.
    at : sequence of int
        The voxel, one number per axis of ``*S``.
    view : View or None
        One that shows the voxel, if there is one; else it is prepared.
    config : InferenceConfig or None
        How the model is run.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If the voxel is not in the image, or model and image do not go together.
    """
    at = checked_voxel(at, volume)
    config = config or InferenceConfig()
    box = tuple(slice(a, a + 1) for a in at)
    answer = segmenter.segment(volume, config.replace(probabilities=True), report, box=box)
    assert answer.probabilities is not None
    shares, value = answer.probabilities.reshape(-1), int(answer.labels.reshape(-1)[0])
    fits = view is not None and view.volume is volume and view.holds(at)
    if view is None or not fits:
        view = view_of(segmenter, volume, at=at, config=config, report=report)
    view = view.looking_at(at).one_window().alone()
    names = class_names(segmenter)
    asked = (
        value if value or segmenter.card.activation == "softmax" else _likeliest(segmenter, shares)
    )
    logits = run(segmenter, view, report=report).logits
    rows = tuple((n, float(p)) for n, p in zip(names, shares, strict=True))
    evidence = grad_cam(segmenter, view, asked, region="here", report=report)
    looked = [name for name in [place_overlay(segmenter)] if name]
    looks = attention(segmenter, view, looked, report=report) if looked else []
    return Why(
        at=at,
        model=segmenter.card.title or segmenter.card.name,
        value=value,
        name=class_name(segmenter, value),
        classes=Table("classes", "probability of each class", ("class", "probability"), rows,
                      kind="bars"),
        sentences=(
            _decision(names, shares, segmenter.card.activation),
            _nearest(view, logits, names, segmenter.card.activation),
        ),
        layers=_layers(segmenter, view, asked, report),
        overlays=(evidence, *(o for o in looks if isinstance(o, Overlay))),
        notes=(*answer.notes, *view.notes),
    )  # fmt: skip


def changes(before: Why, after: Why) -> Table:
    """Return the probabilities of a voxel for two models, such as before and after a fine-tune.

    Raises
    ------
    ValueError
        If they are about different voxels.
    """
    if before.at != after.at:
        raise ValueError(f"these are about two voxels, {before.at} and {after.at}; ask about one")
    old, new = (dict(zip(w.classes.column("class"), w.classes.column("probability"), strict=True))
                for w in (before, after))  # fmt: skip
    names = list(dict.fromkeys([*old, *new]))
    rows = tuple(
        (name, p := float(old.get(name, 0.0)), q := float(new.get(name, 0.0)), q - p)
        for name in names
    )
    return Table(
        "before and after",
        f"{before.name} became {after.name}"
        if before.value != after.value
        else f"{before.name} before and after",
        ("class", before.model, after.model, "change"),
        rows,
    )


def place_overlay(segmenter: Segmenter) -> str:
    """Return the finest of the network's overlays that answer for one place; empty if none."""
    known = named_layers(segmenter.network)
    strides = {name: layer.stride for name, layer in known.items()}
    for key in _ROWS:
        found = [n for n in segmenter.network.overlays if n.rpartition(":")[2] == key]
        if found:
            reached = [strides.get(n.rpartition(":")[0], 1 << 30) for n in found]
            return [n for n, s in zip(found, reached, strict=True) if s == min(reached)][-1]
    return ""


def _likeliest(segmenter: Segmenter, shares: np.ndarray) -> int:
    return segmenter.card.classes[int(shares.argmax())].value


def _decision(names: Sequence[str], shares: np.ndarray, activation: str) -> str:
    if activation == "sigmoid":
        near = int(np.abs(shares - 0.5).argmin())
        return (
            f"nearest decision: {names[near]} has a probability of {shares[near]:.2f}, "
            f"{abs(shares[near] - 0.5):.2f} from one half, where it would turn"
        )
    first, second = (int(i) for i in np.argsort(-shares, kind="stable")[:2])
    return (
        f"{names[first]} ({shares[first]:.2f}) before {names[second]} ({shares[second]:.2f}): a "
        f"shift of {(shares[first] - shares[second]) / 2:.2f} from one to the other would turn it"
    )


def _nearest(view: View, logits: Tensor, names: Sequence[str], activation: str) -> str:
    """Say how far the nearest voxel with another answer is, within the view."""
    index, voxel = view.voxel()
    answer = logits[index].argmax(0) if activation == "softmax" else _code(logits[index])
    other = (answer != answer[voxel]) & view.covered()[index]
    places = other.nonzero().double()
    if not len(places):
        return "the model gives no other answer in the part of the image looked at"
    mm = torch.tensor(view.voxel_mm, dtype=torch.float64)
    away = ((places - torch.tensor(voxel)) * mm).square().sum(1).sqrt()
    nearest = int(away.argmin())
    there = tuple(int(v) for v in places[nearest])
    if activation == "softmax":
        what = names[int(answer[there])]
    else:  # names of the classes that overlap there
        at: tuple[slice | int, ...] = (slice(None), *there)
        inside = (logits[index][at] > 0).tolist()
        what = ", ".join(n for n, is_in in zip(names, inside, strict=True) if is_in) or "no class"
    unit = "mm" if view.volume.spacing_known else "voxels"
    return (
        f"the nearest voxel with another answer ({what}) is {float(away[nearest]):.1f} {unit} away"
    )


def _code(logits: Tensor) -> Tensor:
    """Return a number per combination of overlapping classes: ``(K, *S) -> (*S)``."""
    weights = 2 ** torch.arange(len(logits)).view(-1, *[1] * (logits.ndim - 1))
    return ((logits > 0) * weights).sum(0)


def _layers(segmenter: Segmenter, view: View, value: int, report: Report) -> Table:
    stages = [layer for layer in named_layers(segmenter.network).values() if layer.stage]
    target = target_of(segmenter, view, None, value, "here")
    given = contributions(segmenter, view, target, [s.name for s in stages], report)
    _, voxel = view.voxel()
    rows: list[tuple[Cell, ...]] = []
    for layer in stages:
        activation, spoken = given[layer.name]
        there = tuple(v // layer.stride for v in voxel)
        here: tuple[slice | int, ...] = (slice(None), *there)
        total = float(spoken.abs().sum())
        strongest = int(spoken[here].abs().argmax())
        channel = activation[strongest]
        spread = float(channel.std(correction=0))
        unusual = float(channel[there] - channel.mean()) / spread if spread > 0 else 0.0
        rows.append(
            (
                layer.name,
                layer.stride,
                float(spoken[here].abs().sum()) / total if total > 0 else 0.0,
                strongest + 1,
                float(channel[there]),
                unusual,
            )
        )
    return Table(
        "layers",
        "what each stage contributes at this voxel",
        (
            "layer",
            "stride",
            "share that lies here",
            "strongest channel",
            "its value here",
            "standard deviations from its mean",
        ),
        tuple(rows),
        definition="contribution: activation times gradient of the class's logit at this voxel; "
        "its size at the place over the voxel, as a share of that of the whole map",
        measure="share that lies here",
    )
