"""Attention and gates of a network, laid over the image; see `SegmentationNetwork.overlays`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import looking
from napari_medseg.explain.table import Table
from napari_medseg.explain.view import View
from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.base import Inspectable
from napari_medseg.progress import Report, Step, silent

_SHARES = {"encoder", "kept", "spatial", "entropy", "scales"}  # from 0 to 1, comparable
_UNITS = {"reach": "tokens"}
_CAVEATS = {
    "attention": "attention says where a layer looks, not what decides",
    "together": (
        "exact for the scan alone: what convolution, gate and skip do before and after it is left "
        "out, and attention says where a layer looks, not what decides"
    ),
}


def attention(
    segmenter: Segmenter,
    view: View,
    names: Sequence[str],
    *,
    report: Report = silent,
) -> list[Overlay | Table]:
    """Compute some of a network's own overlays; what answers for one place asks for `view.at`.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    names : sequence of str
        Keys of ``segmenter.network.overlays``.
    report : Report
        Called before every slice; may raise `Cancelled`.

    Returns
    -------
    list of Overlay or Table
        Maps, or numbers (a gate per channel) of the slice of `view.at`, in the order of `names`.

    Raises
    ------
    ValueError
        If the network has no such overlay; near names are offered.
    """
    network = segmenter.network
    known = network.overlays
    for name in names:
        if name not in known:
            raise ValueError(
                f"{segmenter.card.name!r} has no overlay {name!r}{did_you_mean(name, known)}; it "
                f"has {', '.join(known) or 'none'}"
            )
    chosen, at = view.voxel()
    found: list[dict[str, Tensor]] = []
    with looking(segmenter, report) as outer:
        for index, image in enumerate(view.image):
            outer(Step(index, len(view.image), "slice"))
            shown = network.inspect(image[None].to(segmenter.device), names, at)
            found.append({name: values.float().cpu() for name, values in shown.items()})
    return [_shown(segmenter, view, name, [one[name] for one in found], chosen) for name in names]


def _shown(
    segmenter: Segmenter, view: View, name: str, found: list[Tensor], chosen: int
) -> Overlay | Table:
    path, _, key = name.rpartition(":")
    block = segmenter.network.get_submodule(path)
    assert isinstance(block, Inspectable)
    words, parts = block.overlays[key], block.parts.get(key, ())
    if found[0].ndim == 2:
        numbers = found[chosen][0].tolist()
        labels = parts or tuple(f"channel {i + 1}" for i in range(len(numbers)))
        rows = tuple(zip(labels, numbers, strict=True))
        return Table(name, f"{words} ({path})", ("part", "value"), rows, kind="bars")
    values, place = view.placed(torch.cat(found))
    low = float(values.min())
    kind = "share" if key in _SHARES else "map" if low >= 0 else "signed"
    caveat = _CAVEATS.get(key, "")
    return Overlay(
        name=name,
        words=f"{words} ({path})",
        values=values,
        place=place,
        kind=kind,
        unit=_UNITS.get(key, ""),
        channels=parts if len(parts) == len(values) else (key,) if len(values) == 1 else (),
        notes=(*view.notes, *([caveat] if caveat else [])),
    )
