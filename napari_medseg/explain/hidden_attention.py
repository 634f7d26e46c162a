"""What the chosen voxel takes from each voxel for a class: hidden attention times a gradient."""

from __future__ import annotations

import numpy as np
import torch

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.capture import record
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import differentiating
from napari_medseg.explain.reach import reach
from napari_medseg.explain.targets import target_of
from napari_medseg.explain.view import View
from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.networks.msd_kmamba.state_space import (
    BidirectionalStateSpace,
    DiagonalStateSpace,
    voxel_at,
)
from napari_medseg.progress import Report, silent

_CAVEAT = (
    "only what reaches the class through the chosen voxel of this block; convolution, gate and "
    "skip before the scans are left out"
)


def scanning_blocks(network: SegmentationNetwork) -> list[str]:
    """Return the paths of the blocks that `class_attention` can be asked for."""
    return [
        path
        for path, block in network.named_modules()
        if isinstance(block, BidirectionalStateSpace) and not isinstance(block, DiagonalStateSpace)
    ]


def class_attention(
    segmenter: Segmenter, view: View, block: str, value: int, *, report: Report = silent
) -> Overlay:
    """Return what the voxel ``view.at`` takes from each voxel for or against a class.

    The attention of the voxel, times the values it takes, times the gradient of the class's logit
    there by what the scans give there; `BidirectionalStateSpace.spoken` says how.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    block : str
        One of `scanning_blocks`.
    value : int
        Label value of the class.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such block or class.

    Source: after Ali et al. 2024, The Hidden Attention of Mamba Models, arXiv:2403.01590.
    """
    known = scanning_blocks(segmenter.network)
    if block not in known:
        raise ValueError(
            f"{segmenter.card.name!r} has no scan at {block!r}{did_you_mean(block, known)}; it has "
            f"them at {', '.join(known) or 'no place'}"
        )
    view = view.one_window().alone()
    target = target_of(segmenter, view, None, value, "here")
    module, (_, voxel) = segmenter.network.get_submodule(block), view.voxel()
    assert isinstance(module, BidirectionalStateSpace)
    place = tuple((v + 0.5) / side for v, side in zip(voxel, view.size, strict=True))
    entered: list[torch.Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0]))
    scans = f"{block}.scans"
    try:
        with differentiating(segmenter, view, [scans], report):
            with record(segmenter.network, [scans], live=True) as found:
                score = target.score(segmenter.network(view.image.to(segmenter.device)), 0)
            (gradient,) = torch.autograd.grad(score, found[scans])
            with torch.no_grad():
                x = entered[-1]
                d, h, w = voxel_at(place, x)
                maps = module.spoken(x, place, gradient[:, d, h, w])
    finally:
        hook.remove()
    values, over = view.placed(maps)
    return Overlay(
        name=f"attention for {target.name} at {block}",
        words=f"what the chosen voxel takes from each voxel for (positive) or against {target.name}"
        f" ({block})",
        values=values,
        place=over,
        kind="signed",
        channels=(target.name,),
        notes=(*view.notes, f"of what is taken, {reach(np.abs(values[0]), over, view)}", _CAVEAT),
    )
