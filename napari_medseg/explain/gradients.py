"""Evidence from gradients: Seg-Grad-CAM, gradients of the input, the receptive field of a voxel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.capture import record
from napari_medseg.explain.layers import Layer, find_layer, named_layers
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import differentiating, run
from napari_medseg.explain.reach import reach
from napari_medseg.explain.targets import Region, Target, target_of
from napari_medseg.explain.view import View
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Report, Step, silent

METHODS = ("integrated", "smooth")
_NOISE = 0.15  # of the image's range, as in SmoothGrad's figures


def deepest_layers(network: SegmentationNetwork) -> list[Layer]:
    """Return the last of the coarsest stages, where a network knows what, if not exactly where.

    The stages that follow it come after, in their order.
    """
    stages = [layer for layer in named_layers(network).values() if layer.stage]
    most = max(layer.stride for layer in stages)
    last = max(i for i, layer in enumerate(stages) if layer.stride == most)
    return stages[last:]


def grad_cam(
    segmenter: Segmenter,
    view: View,
    value: int,
    *,
    layer: str | None = None,
    region: Region = None,
    report: Report = silent,
) -> Overlay:
    """Return which places of a layer speak for a class in a region.

    ``ReLU(sum_k alpha_k A_k)``, with ``alpha_k`` the mean over the layer's places of the gradient
    of the class's logits, summed over the region, by channel k.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    value : int
        Label value of the class.
    layer : str or None
        None is the coarsest stage or, where nothing of it speaks for the class, the first after
        it of which something does, and it is said; see `deepest_layers`.
    region : ndarray, "here" or None
        ``(*S)`` bool, or the voxel ``view.at``; None is where the model finds the class.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such class or layer, or the region is not in the view.

    Source: Vinogradova et al. 2020, Towards Interpretable Semantic Segmentation via
    Gradient-weighted Class Activation Mapping, arXiv:2002.11434, eq. 1.
    """
    network = segmenter.network
    layers = deepest_layers(network) if layer is None else [find_layer(network, layer)]
    view = view.one_window()
    target = _target(segmenter, view, value, region, report)
    tried = []
    for candidate in layers:
        tried.append((candidate, _weighted(segmenter, view, candidate, target, report)))
        if speaks := bool((view.laid(tried[-1][1])[0] > 0).any()):
            break
    chosen, maps = tried[-1] if speaks else tried[0]
    silence = [_silent(y, target, bool(m.any())) for y, m in (tried[:-1] if speaks else tried[:1])]
    values, place = view.placed(maps.relu())
    return Overlay(
        name=f"evidence for {target.name} at {chosen.name}",
        words=f"which places of {chosen.title} speak for {target.name} (Seg-Grad-CAM)",
        values=values,
        place=place,
        channels=(target.name,),
        notes=(*view.notes, *target.notes, *silence),
    )


def input_gradients(
    segmenter: Segmenter,
    view: View,
    value: int,
    *,
    region: Region = None,
    how: str = "integrated",
    steps: int = 16,
    report: Report = silent,
) -> Overlay:
    """Return which voxels of the image speak for or against a class in a region, per channel.

    Parameters
    ----------
    segmenter, view, value, region
        As for `grad_cam`.
    how : str
        "integrated": the gradient along the way from an image of zeros (the mean, where images
        are normalised), times the image; the sum is the difference of the two answers. "smooth":
        the mean size of the gradient over noisy copies of the image.
    steps : int
        Points on the way, or noisy copies.
    report : Report
        Called before every step; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such class or way, or the region is not in the view.

    Source: Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, arXiv:1703.01365,
    eq. 1 by the midpoint rule; Smilkov et al. 2017, SmoothGrad, arXiv:1706.03825, of sizes.
    """
    if how not in METHODS:
        raise ValueError(f"gradients are {' or '.join(METHODS)}, got {how!r}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    view = view.one_window()
    target = _target(segmenter, view, value, region, report)
    way = _integrated if how == "integrated" else _smoothed
    maps = []
    with differentiating(segmenter, view, report=report) as outer:
        for index, x in _inputs(view, segmenter, outer):

            def gradient_at(image: Tensor, index: int = index) -> Tensor:
                leaf = image.detach().requires_grad_(True)
                score = target.score(segmenter.network(leaf), index)
                return torch.autograd.grad(score, leaf)[0]

            maps.append(way(x, gradient_at, steps, outer).cpu())
    values, place = view.placed(torch.cat(maps))
    summed = how == "integrated"
    words = "speak for (positive) and against" if summed else "matter to"
    return Overlay(
        name=f"{'integrated' if summed else 'smoothed'} gradients for {target.name}",
        words=f"which voxels of the image {words} {target.name}",
        values=values,
        place=place,
        kind="signed" if summed else "map",
        channels=channel_names(segmenter, len(values)),
        notes=(*view.notes, *target.notes),
    )


def receptive_field(segmenter: Segmenter, view: View, *, report: Report = silent) -> Overlay:
    """Return which voxels of the image the answer at ``view.at`` depends on.

    The size of the gradient of the winning logit there by each voxel, summed over the channels,
    as a share of the largest. The notes say within which distance half and 95 % of it lie.

    Source: Luo et al. 2016, Understanding the Effective Receptive Field in Deep Convolutional
    Neural Networks, arXiv:1701.04128, section 2, for this image rather than for noise.
    """
    view = view.one_window()
    index, voxel = view.voxel()
    maps = torch.zeros((len(view.image), 1, *view.size))
    with differentiating(segmenter, view, report=report):
        x = view.image[index : index + 1].to(segmenter.device).requires_grad_(True)
        logits = segmenter.network(x)[0].movedim(0, -1)[voxel]
        (gradient,) = torch.autograd.grad(logits.max(), x)
        maps[index] = gradient.abs().sum(1).cpu()
    values, place = view.placed(maps / maps.max().clamp(min=1e-30))
    return Overlay(
        name="receptive field",
        words=f"which voxels the answer at voxel {', '.join(map(str, view.at))} depends on",
        values=values,
        place=place,
        kind="share",
        channels=("share of the largest",),
        notes=(*view.notes, reach(values[0], place, view)),
    )


def contributions(
    segmenter: Segmenter,
    view: View,
    target: Target,
    names: Sequence[str],
    report: Report = silent,
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return activations ``(C, *S'')`` of some layers and, of the same shape, what they contribute.

    Of the slice of ``view.at``. A contribution is activation times gradient of the target's
    score: the first term of its Taylor series.
    """
    view = view.one_window()
    index, _ = view.voxel()
    with differentiating(segmenter, view, names, report):
        x = view.image[index : index + 1].to(segmenter.device)
        with record(segmenter.network, names, live=True) as found:
            score = target.score(segmenter.network(x), index)
        gradients = torch.autograd.grad(score, [found[n] for n in names], allow_unused=True)
        given = {}
        for name, gradient in zip(names, gradients, strict=True):
            axis = find_layer(segmenter.network, name).channel_axis
            values = found[name].detach()
            spoken = torch.zeros_like(values) if gradient is None else gradient * values
            given[name] = (values.movedim(axis, 1)[0].cpu(), spoken.movedim(axis, 1)[0].cpu())
        return given


def channel_names(segmenter: Segmenter, count: int) -> tuple[str, ...]:
    """Return what the input channels are called."""
    names = segmenter.card.preprocessing.channels
    names = names[::-1] if segmenter.card.preprocessing.bgr else names
    return names if len(names) == count else tuple(f"channel {i + 1}" for i in range(count))


def _weighted(
    segmenter: Segmenter, view: View, layer: Layer, target: Target, report: Report
) -> Tensor:
    """Return the channels of a layer, summed with the mean gradients by them: ``(B, 1, *S'')``."""
    maps = []
    with differentiating(segmenter, view, [layer.name], report) as outer:
        for index, x in _inputs(view, segmenter, outer):
            with record(segmenter.network, [layer.name], live=True) as found:
                score = target.score(segmenter.network(x), index)
            activation = found[layer.name]
            (gradient,) = torch.autograd.grad(score, activation)
            gradient, activation = (
                t.movedim(layer.channel_axis, 1) for t in (gradient, activation)
            )
            weights = gradient.mean(tuple(range(2, gradient.ndim)), keepdim=True)
            maps.append((weights * activation).sum(1, keepdim=True).detach().cpu())
    return torch.cat(maps)


def _silent(layer: Layer, target: Target, spoken: bool) -> str:
    """Say why a map of evidence is empty."""
    if spoken:
        return (
            f"nothing of {layer.name} speaks for {target.name}: weighted by its gradients, the sum "
            "of its channels is negative everywhere, which this map leaves out"
        )
    return f"{target.name} does not depend on {layer.name} here: its gradient is 0 everywhere"


def _target(segmenter: Segmenter, view: View, value: int, region: Region, report: Report) -> Target:
    logits = None if region is not None else run(segmenter, view, report=report).logits
    return target_of(segmenter, view, logits, value, region)


def _inputs(view: View, segmenter: Segmenter, report: Report) -> Iterator[tuple[int, Tensor]]:
    for index, image in enumerate(view.image):
        report(Step(index, len(view.image), "slice"))
        yield index, image[None].to(segmenter.device)


def _integrated(
    x: Tensor, gradient_at: Callable[[Tensor], Tensor], steps: int, report: Report
) -> Tensor:
    total = torch.zeros_like(x)
    for step in range(steps):
        report(Step(step, steps, "step"))
        total += gradient_at(x * ((step + 0.5) / steps))
    return total * x / steps


def _smoothed(
    x: Tensor, gradient_at: Callable[[Tensor], Tensor], steps: int, report: Report
) -> Tensor:
    spread = _NOISE * float(x.max() - x.min())
    draw = torch.Generator().manual_seed(0)  # the same image gives the same map
    total = torch.zeros_like(x)
    for step in range(steps):
        report(Step(step, steps, "step"))
        noise = torch.randn(x.shape, generator=draw).to(x.device)
        total += gradient_at(x + spread * noise).abs()
    return total / steps
