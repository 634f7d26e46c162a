"""Attention and gates of a network, laid over the image; see `SegmentationNetwork.overlays`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.blend import Blend
from napari_medseg.explain.capture import cropped
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import in_windows, looking
from napari_medseg.explain.place import Place
from napari_medseg.explain.reach import reach
from napari_medseg.explain.table import Table
from napari_medseg.explain.view import View
from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.base import Inspectable
from napari_medseg.progress import Report, Step, silent

_SHARES = {"encoder", "kept", "spatial", "entropy", "scales"}  # from 0 to 1, comparable
OF_PLACE = {"attention", "together", "from_here"}
"""Kinds of overlay that answer for one place."""
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
        Maps of a view in windows are blended; what answers for one place, and numbers, are of the
        window around it.

    Raises
    ------
    ValueError
        If the network has no such overlay; near names are offered.
    """
    known = segmenter.network.overlays
    for name in names:
        if name not in known:
            raise ValueError(
                f"{segmenter.card.name!r} has no overlay {name!r}{did_you_mean(name, known)}; it "
                f"has {', '.join(known) or 'none'}"
            )
    single = [n for n in names if view.windows is None or n.rpartition(":")[2] in OF_PLACE]
    blended = [name for name in names if name not in single]
    shown: dict[str, Overlay | Table] = {}
    if single:
        shown |= _at_once(segmenter, view.one_window(), single, report)
    if blended:
        shown |= _in_windows(segmenter, view, blended, report)
    return [shown[name] for name in names]


def _at_once(
    segmenter: Segmenter, view: View, names: Sequence[str], report: Report
) -> dict[str, Overlay | Table]:
    chosen, at = view.voxel()
    found: list[dict[str, Tensor]] = []
    with looking(segmenter, view, report) as outer:
        for index, image in enumerate(view.image):
            outer(Step(index, len(view.image), "slice"))
            shown = segmenter.network.inspect(image[None].to(segmenter.device), names, at)
            found.append({name: values.float().cpu() for name, values in shown.items()})
    return {
        name: _number(segmenter, name, found[chosen][name])
        if _is_number(segmenter, name, found[chosen][name])
        else _map(segmenter, view, name, *view.placed(torch.cat([one[name] for one in found])))
        for name in names
    }


def _in_windows(
    segmenter: Segmenter, view: View, names: Sequence[str], report: Report
) -> dict[str, Overlay | Table]:
    """Blend maps over the windows of a view; numbers are of the one around `view.at`."""
    assert view.windows is not None
    chosen, voxel = view.voxel()
    here, shown = view.windows.around(voxel), dict[str, Overlay | Table]()
    sums: dict[str, list[Blend]] = {}
    with looking(segmenter, view, report) as outer:
        for index, image in enumerate(view.image):
            for corner, part in in_windows(view, image, outer):
                found = segmenter.network.inspect(part.to(segmenter.device), names)
                for name, values in found.items():
                    if _is_number(segmenter, name, values):
                        if (index, corner) == (chosen, here):
                            shown[name] = _number(segmenter, name, values.float().cpu())
                        continue
                    stride = view.at_once[0] // values.shape[2]
                    of = sums.setdefault(name, [])
                    if len(of) == index:
                        crop = cropped(view.crop, stride, view.size)
                        of.append(Blend(view.windows, stride, crop))
                    of[index].add(values[0].cpu(), corner)
    for name, blends in sums.items():
        maps = torch.stack([blend.blended() for blend in blends])
        shown[name] = _map(segmenter, view, name, *view.placed(maps, blends[0].stride))
    return shown


def _is_number(segmenter: Segmenter, name: str, values: Tensor) -> bool:
    block, key = _block(segmenter, name)
    return values.ndim == 2 or key in block.matrices


def _block(segmenter: Segmenter, name: str) -> tuple[Inspectable, str]:
    path, _, key = name.rpartition(":")
    block = segmenter.network.get_submodule(path)
    assert isinstance(block, Inspectable)
    return block, key


def _number(segmenter: Segmenter, name: str, values: Tensor) -> Table:
    """Return a gate per channel ``(1, n)`` or matrices ``(1, n, R, C)`` as a table."""
    (block, key), path = _block(segmenter, name), name.rpartition(":")[0]
    words = f"{block.overlays[key]} ({path})"
    parts = block.parts.get(key, ())
    if key in block.matrices:
        columns = tuple(str(i + 1) for i in range(values.shape[-1]))
        rows = tuple(
            (parts[h] if parts else str(h + 1), i + 1, *row.tolist())
            for h, matrix in enumerate(values[0])
            for i, row in enumerate(matrix)
        )
        return Table(name, words, ("head", "channel", *columns), rows, kind="matrix")
    numbers = values[0]
    labels = parts or tuple(f"channel {i + 1}" for i in range(len(numbers)))
    rows = tuple(zip(labels, numbers.tolist(), strict=True))
    spread = float(numbers.std(correction=0))
    said = f"mean {float(numbers.mean()):.3f}, standard deviation {spread:.3f}"
    return Table(name, words, ("part", "value"), rows, said, kind="bars")


def _map(segmenter: Segmenter, view: View, name: str, values: np.ndarray, place: Place) -> Overlay:
    (block, key), path = _block(segmenter, name), name.rpartition(":")[0]
    parts = block.parts.get(key, ())
    kind = "share" if key in _SHARES else "map" if float(values.min()) >= 0 else "signed"
    notes = list(view.notes)
    if key in OF_PLACE:
        notes.append(f"of what is taken, {reach(np.abs(values).sum(0), place, view)}")
    if view.windows is not None:
        notes.append(f"blended over {len(view.windows)} windows, each of which sees only itself")
    if key in _CAVEATS:
        notes.append(_CAVEATS[key])
    return Overlay(
        name=name,
        words=f"{block.overlays[key]} ({path})",
        values=values,
        place=place,
        kind=kind,
        unit=_UNITS.get(key, ""),
        channels=parts if len(parts) == len(values) else (key,) if len(values) == 1 else (),
        notes=tuple(notes),
    )
