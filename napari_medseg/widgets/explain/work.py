"""What the Explain panel computes in threads: plain values in, plain values out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_medseg.packed import Box
from napari_medseg.progress import Report, silent
from napari_medseg.session import LoadedModel
from napari_medseg.widgets.explain.known import Known, Look, beside, looking_at
from napari_medseg.widgets.interact.question import Ground
from napari_medseg.widgets.segmenting import loaded_model

if TYPE_CHECKING:
    from napari_medseg.engine.card import ModelCard
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.explain.comparison import Comparison
    from napari_medseg.explain.entries import Entry
    from napari_medseg.explain.layers import Layer
    from napari_medseg.explain.showing import Shown
    from napari_medseg.explain.table import Table
    from napari_medseg.explain.voxel import Why

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Listing:
    """What there is to see of a model.

    Parameters
    ----------
    entries : tuple of Entry
        All of them; those it lacks say why.
    root : Layer
        The tree of its layers.
    choices : dict
        The names of the layers that an entry can be asked for, by its key.
    firsts : dict
        The one of them to begin with, by the same key.
    """

    loaded: LoadedModel
    entries: tuple[Entry, ...]
    root: Layer
    choices: dict[str, tuple[str, ...]]
    firsts: dict[str, str]


@dataclass(frozen=True, eq=False)
class Asked:
    """An entry of the catalogue, and what was chosen for it; as `showing.Question` says.

    Parameters
    ----------
    look : Look
        How much of the image is looked at.
    """

    key: str
    layer: str | None = None
    value: int | None = None
    labels: np.ndarray | None = None
    region: Literal["here"] | None = None
    box: Box | None = None
    look: Look = field(default_factory=Look)


@dataclass(frozen=True, eq=False)
class Because:
    """Why a voxel got its label, and how that changed since the model it was made from."""

    why: Why
    changes: Table | None = None


def listing(
    model: Path,
    device: str,
    ready: Segmenter | None,
    known: object,
    report: Report = silent,
) -> tuple[None, Listing]:
    """Load a model if need be and list what there is to see of it."""
    loaded = loaded_model(model, device, ready, report)
    from napari_medseg.explain.entries import catalogue, first_layer, layer_choices
    from napari_medseg.explain.layers import layers_of

    segmenter = loaded.segmenter
    entries = tuple(catalogue(segmenter))
    choices = {e.key: layer_choices(segmenter, e.key) for e in entries if "layer" in e.needs}
    choices = {key: names for key, names in choices.items() if names}
    return None, Listing(
        loaded,
        entries,
        layers_of(segmenter.network),
        {key: tuple(names) for key, names in choices.items()},
        {key: first_layer(segmenter, key) for key in choices},
    )


def shown(
    ground: Ground, at: Sequence[int], asked: Asked, known: Known | None, report: Report = silent
) -> tuple[Known, list[Shown]]:
    """Compute an entry of the catalogue at a voxel of the image."""
    from napari_medseg.explain.entries import first_layer
    from napari_medseg.explain.showing import Question, show

    if asked.box is not None:  # the nearest voxel of it
        at = [min(max(a, b.start), b.stop - 1) for a, b in zip(at, asked.box, strict=True)]
    known = looking_at(ground, at, known, report, asked.look)
    segmenter = known.loaded.segmenter
    # the layer to begin with may be silent: unnamed, evidence goes on to one that speaks
    own = asked.layer is not None and asked.layer == first_layer(segmenter, asked.key)
    layer = None if own else asked.layer
    question = Question(layer, asked.value, asked.labels, asked.region, asked.box)
    return known, show(segmenter, known.view, asked.key, question, report=report)


def because(
    ground: Ground,
    at: Sequence[int],
    cards: Mapping[Path, ModelCard],
    look: Look,
    known: Known | None,
    report: Report = silent,
) -> tuple[Known, Because]:
    """Say why a voxel got its label, and what the model that this one was made from says.

    Parameters
    ----------
    cards : mapping
        The models at hand, among which that one may be; none where it was made from none.
    """
    from napari_medseg.explain.voxel import changes, why

    known = looking_at(ground, at, known, report, look)
    found = why(known.loaded.segmenter, known.volume, at, view=known.view, report=report)
    try:
        before = _made_from(known.loaded.path, cards, report) if cards else None
        if before is None:
            return known, Because(found)
        known = beside(before, known, report)
        assert known.other is not None
        earlier = why(known.other.segmenter, known.volume, at, report=report)
    except (ValueError, OSError):  # what it says itself is worth more than what came before
        _log.debug("the earlier model cannot be asked", exc_info=True)
        return known, Because(found)
    return known, Because(found, changes(earlier, found))


def compared(
    ground: Ground,
    at: Sequence[int],
    other: Path,
    look: Look,
    known: Known | None,
    report: Report = silent,
) -> tuple[Known, Comparison]:
    """Compare the model with another one, which came before it, where it looks now."""
    from napari_medseg.explain.comparable import prepare_alike
    from napari_medseg.explain.comparison import compare
    from napari_medseg.explain.viewing import view_of

    known = beside(other, looking_at(ground, at, known, report, look), report)
    assert known.other is not None
    before, after, view = known.other.segmenter, known.loaded.segmenter, known.view
    if not prepare_alike(before.card, after.card):  # the same part, as the other one is given it
        view = view_of(before, known.volume, at=at, box=view.shown, blend=True, report=report)
    return known, compare(before, after, view, report=report)


def saved(what: Any, path: Path, report: Report = silent) -> Path:
    """Write an overlay, a table or curves; return where."""
    what.save(path)
    return path


def _made_from(path: Path, cards: Mapping[Path, ModelCard], report: Report) -> Path | None:
    """Return the file of the model that another one was made from, if it is at hand."""
    from napari_medseg.engine.lineage import lineage

    line = lineage(path, cards, report)
    return line.parents[-1].path if line is not None and line.parents else None
