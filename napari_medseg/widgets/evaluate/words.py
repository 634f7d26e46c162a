"""What the window of evaluation says, and which layers it thinks are meant."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_medseg.widgets.evaluate.preflight import Preflight
from napari_medseg.widgets.evaluate.request import Answer
from napari_medseg.widgets.evaluate.wrong_layers import COLOURS, WORDS
from napari_medseg.widgets.placement import is_preview
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

_FEW, _LONG = 4, 16  # classes and letters of a name


def compared_words(answer: Answer, stale: str, found: Preflight) -> str:
    """Return what the numbers are of, in one line; what changed since comes first."""
    evaluation = answer.evaluation
    judged, truth = evaluation.compared
    cases, classes = len(evaluation.names()), len(evaluation.classes)
    words = [
        f"{judged} against {truth}",
        f"{cases} {'case' if cases == 1 else 'cases'}",
        f"{classes} {'class' if classes == 1 else 'classes'}",
        f"tolerance {evaluation.tolerance:g} {evaluation.unit}",
    ]
    left_out = len(evaluation.missing) + len(evaluation.unmatched)
    if left_out:
        words.append(f"{left_out} without a partner left out")
    if evaluation.failed:
        words.append(f"{len(evaluation.failed)} could not be scored")
    said = " · ".join(words)
    if not stale:
        return said
    return f"{found.words} ({stale}; shown: {said})" if found.words else f"{stale}. {said}"


def class_words(names: Mapping[int, str], colours: Mapping[int, str]) -> str:
    """Return the classes with their colours, the first few, as rich text."""
    chips = [
        f"<span style='color: {colours[value]}'>■</span>&nbsp;{escape(_short(name))}"
        for value, name in list(names.items())[:_FEW]
    ]
    more = [f"and {len(names) - _FEW} more"] if len(names) > _FEW else []
    return " &nbsp; ".join(chips + more)


def legend_words(counts: Mapping[int, int]) -> str:
    """Return what each colour of the differences means and how often it occurs, as rich text."""
    return " &nbsp; ".join(
        f"<span style='color: {COLOURS[kind][:7]}'>■</span> {escape(WORDS[kind])} {count:,}"
        for kind, count in counts.items()
    )


def likely_pair(viewer: Viewer) -> tuple[Labels | None, Labels | None]:
    """Return the layers that are probably the truth and the labels to judge, if there are two.

    A model's answer is judged; of layers that people made, the lower one is the truth.
    """
    layers = [x for x in viewer.layers if isinstance(x, Labels) and not is_preview(x)]
    if len(layers) < 2:
        return None, None
    answers = [x for x in layers if x.metadata.get(KEY, {}).get("model")]
    judged = answers[-1] if answers else layers[-1]
    return next(x for x in layers if x is not judged and x not in answers[1:]), judged


def _short(name: str) -> str:
    return name if len(name) <= _LONG else f"{name[: _LONG - 1]}…"
