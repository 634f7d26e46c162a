"""Where the answers that a network gives at coarser resolutions differ from its last."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import looking, probabilities_of
from napari_medseg.explain.view import View
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Report, Step, silent


def has_levels(network: SegmentationNetwork) -> bool:
    """Whether a network answers at several resolutions, as those that teach themselves do."""
    return type(network).forward_levels is not SegmentationNetwork.forward_levels


def levels(segmenter: Segmenter, view: View, *, report: Report = silent) -> Overlay:
    """Return, per supervised level, how far its probabilities are from those of the answer.

    Half the sum over the classes of the differences (total variation: 0 the same, 1 sure of
    another class); of overlapping classes their mean difference. A coarse level is brought to full
    size without interpolation. Of several windows, the one around ``view.at``.

    Raises
    ------
    ValueError
        If the network answers at one resolution only.
    """
    network, activation = segmenter.network, segmenter.card.activation
    if not has_levels(network):
        raise ValueError(f"{segmenter.card.name!r} answers at one resolution only")
    view = view.one_window()
    maps, names = [], []
    with looking(segmenter, view, report) as outer:
        for index, image in enumerate(view.image):
            outer(Step(index, len(view.image), "slice"))
            found = [
                probabilities_of(logits.float().cpu(), activation)
                for logits in network.forward_levels(image[None].to(segmenter.device))
            ]
            names = [f"1/{view.size[0] // p.shape[2]} of the size" for p in found[1:]]
            answer, apart = found[0], []
            for coarse in found[1:]:
                change = (F.interpolate(coarse, answer.shape[2:]) - answer).abs()
                total = change.sum(1) / 2 if activation == "softmax" else change.mean(1)
                apart.append(total)
            maps.append(torch.stack(apart, dim=1))
    values, place = view.placed(torch.cat(maps))
    return Overlay(
        name="disagreement of the levels",
        words="how far the answer of each coarser level is from the last: 0 the same, 1 another",
        values=values,
        place=place,
        kind="share",
        channels=tuple(names),
        notes=view.notes,
    )
