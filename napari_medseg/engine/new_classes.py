"""Teach a model classes it does not know: rows of its last layer are added, the old ones stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.engine.cases import PALETTE
from napari_medseg.networks import architectures
from napari_medseg.networks.base import SegmentationNetwork

_UNHEARD = 5e-5  # share of the background's probability that new classes begin with
_RARE = 0.01  # probability a new region begins with, Lin et al. 2017, arXiv:1708.02002, §4.1


def copy_of(network: SegmentationNetwork, card: ModelCard) -> SegmentationNetwork:
    """Return a network of its own with the same weights, in eval mode on the same device.

    Built from the card and not copied: hooks of a run that goes on elsewhere stay behind.
    """
    architecture = architectures()[card.architecture]
    copied = architecture.build(architecture.config.from_dict(card.config))
    copied.load_state_dict(network.state_dict())
    return copied.to(network.device).eval()


def classes_to_add(named: Sequence[str], card: ModelCard) -> tuple[LabelClass, ...]:
    """Return the classes that ``"5=cyst"`` texts name, in colours the model does not use yet.

    Raises
    ------
    ValueError
        If a text says no value and name, or the model has the value already.
    """
    known = {c.value for c in card.classes} | {v for c in card.classes for v in c.unites}
    colours = [c for c in PALETTE if c not in {k.colour for k in card.classes}] or list(PALETTE)
    order = max(c.order for c in card.classes) + 1
    added: list[LabelClass] = []
    for text in named:
        value, equals, name = text.partition("=")
        if not (equals and name.strip() and value.strip().isdecimal()):
            raise ValueError(f"a new class is given as value=name, such as 5=cyst, got {text!r}")
        if int(value) in known:
            raise ValueError(
                f"new class {text!r}: {card.name!r} has a class of value {int(value)} already; "
                f"choose a value other than {', '.join(map(str, sorted(known)))}"
            )
        known.add(int(value))
        colour = colours[len(added) % len(colours)]
        added.append(LabelClass(value=int(value), name=name.strip(), colour=colour, order=order))
    return tuple(added)


def with_classes(
    network: SegmentationNetwork, card: ModelCard, added: Sequence[LabelClass]
) -> tuple[SegmentationNetwork, ModelCard]:
    """Return a copy of a network that has outputs for further classes, and its card.

    The old rows of the last layer are kept to the bit. With softmax a new class begins as a tiny
    share of the background's probability, so that the probabilities of the old classes change by
    less than 1e-4; with sigmoid they do not change at all and a new region begins as a rare one.
    """
    if not added:
        return copy_of(network, card), card
    config = {**card.config, "num_classes": card.out_channels + len(added)}
    architecture = architectures()[card.architecture]
    grown = architecture.build(architecture.config.from_dict(config))
    state = dict(network.state_dict())
    state["head.weight"], state["head.bias"] = _rows(
        state["head.weight"], state["head.bias"], len(added), softmax=card.activation == "softmax"
    )
    grown.load_state_dict(state)
    grown = grown.to(network.device).eval()
    grown_card = card.replace(config=grown.config.to_dict(), classes=(*card.classes, *added))
    return grown, grown_card


def _rows(weight: Tensor, bias: Tensor, count: int, *, softmax: bool) -> tuple[Tensor, Tensor]:
    if softmax:
        more = weight[:1].repeat_interleave(count, 0)
        begin = bias[:1] + math.log(_UNHEARD / count)
    else:
        more = torch.zeros_like(weight[:1]).repeat_interleave(count, 0)
        begin = torch.full_like(bias[:1], math.log(_RARE / (1 - _RARE)))
    return torch.cat([weight, more]), torch.cat([bias, begin.repeat_interleave(count)])
