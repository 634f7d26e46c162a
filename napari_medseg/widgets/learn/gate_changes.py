"""What a mix of old and new weights changes in what one looks at, found in a thread."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.casebook import Casebook
from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.cases import Case
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets.learn.points import Look
from napari_medseg.widgets.segmenting import whole_volume

if TYPE_CHECKING:
    from napari_medseg.engine.finetune_result import FineTuned

RIGHT, WRONG, OTHER = 1, 2, 3
KINDS = (
    # told apart by people who do not see red and green
    LabelClass(value=RIGHT, name="becomes right", colour="#56b4e9"),
    LabelClass(value=WRONG, name="becomes wrong", colour="#d55e00"),
    LabelClass(value=OTHER, name="changes", colour="#f0e442"),
)
"""What each value of `changes` says, and its colour."""


def changes(
    old: np.ndarray,
    new: np.ndarray,
    truth: np.ndarray | None = None,
    reviewed: np.ndarray | None = None,
) -> np.ndarray:
    """Say of every voxel what becomes of it.

    Parameters
    ----------
    old, new : ndarray
        Label images ``(*S)`` of the old and the new model.
    truth : ndarray, optional
        ``(*S)``, what a person says.
    reviewed : ndarray, optional
        ``(*S)`` bool, where the person looked; None is everywhere.

    Returns
    -------
    ndarray of uint8
        ``(*S)``: 0 as it was, `RIGHT` wrong before and right now, `WRONG` the other way round,
        `OTHER` another value where nobody looked, or neither value is right.
    """
    changed = old != new
    result = changed.view(np.uint8) * np.uint8(OTHER)
    if truth is not None:
        seen = changed if reviewed is None else changed & reviewed
        result[seen & (new == truth)] = RIGHT
        result[seen & (old == truth)] = WRONG
    return result


@dataclass(frozen=True, eq=False)
class Seen:
    """What a mix finds where one looks.

    Parameters
    ----------
    key : Hashable
        Of the `Look`.
    alpha : float
        The mix.
    labels, changes : ndarray
        ``(*S)`` of the box.
    counts : dict
        Voxels of each kind of change.
    reviewed : bool
        Whether a person looked at any of it.
    """

    key: Hashable
    alpha: float
    labels: np.ndarray
    changes: np.ndarray
    counts: dict[int, int]
    reviewed: bool


class MixViews:
    """Looks at images with mixes of two models; used by one thread at a time.

    The image in view, the case it belongs to and what the old model finds are kept, so that only
    the new answer is computed when the mix changes.

    Parameters
    ----------
    tuned : FineTuned
        Both models.
    casebook : Casebook or None
        Where an image is looked for that a person has reviewed.
    """

    def __init__(self, tuned: FineTuned, casebook: Casebook | None) -> None:
        self._tuned = tuned
        self._casebook = casebook
        self._image: tuple[Hashable, Volume, Case | None] | None = None
        self._old: tuple[Hashable, np.ndarray] | None = None

    def see(self, look: Look, image_key: Hashable, alpha: float, report: Report = silent) -> Seen:
        """Segment what one looks at with a mix, and compare.

        Parameters
        ----------
        look : Look
            The image and the part of it.
        image_key : Hashable
            The same for every part of an image.
        alpha : float
            0 is the old model, 1 the new one.

        Raises
        ------
        ValueError, OSError
            If the model cannot take the image.
        """
        report(Step(0, 0, "image"))
        if self._image is None or self._image[0] != image_key:
            volume = whole_volume(look.volumes)
            self._image = image_key, volume, self._case(volume)
        _, volume, case = self._image
        if self._old is None or self._old[0] != look.key:
            found = self._tuned.segmenter_at(0.0).segment(volume, report=report, box=look.box)
            self._old = look.key, found.labels
        old = self._old[1]
        new = old
        if alpha > 0:
            mixed = self._tuned.segmenter_at(alpha)
            new = mixed.segment(volume, report=report, box=look.box).labels
        box = look.box if look.box is not None else (slice(None),) * new.ndim
        truth = None if case is None else case.labels[box]
        reviewed = None if case is None or case.reviewed is None else case.reviewed[box]
        values = changes(old, new, truth, reviewed)
        found_counts = np.bincount(values.ravel(), minlength=OTHER + 1)
        counts = {kind: int(found_counts[kind]) for kind in (RIGHT, WRONG, OTHER)}
        looked = truth is not None and (reviewed is None or bool(reviewed.any()))
        return Seen(look.key, alpha, new, values, counts, looked)

    def _case(self, volume: Volume) -> Case | None:
        if self._casebook is None:
            return None
        try:
            book = Casebook.open(self._casebook.project)  # a window may use the other one now
            entry = book.find(volume)
            return None if entry is None else book.load(entry)
        except (ValueError, OSError):
            return None  # what changes can be shown without it


def count_words(seen: Seen, flat: bool) -> str:
    """Return how much changes, with the colours of the map, as rich text."""
    what = "pixels" if flat else "pixels of this slice"
    names = {k.value: k for k in KINDS if seen.reviewed or k.value == OTHER}
    if not any(seen.counts.values()):
        return f"No {what} change."
    parts = [
        f'<span style="color:{kind.colour}">■</span>&nbsp;{seen.counts[value]:,} '
        f"{_name(kind, seen.reviewed)}"
        for value, kind in names.items()
    ]
    end = "" if seen.reviewed else " Nobody reviewed this part: whether it gets better is open."
    return f"{'&nbsp; '.join(parts)} ({what}).{end}"


def _name(kind: LabelClass, reviewed: bool) -> str:
    if kind.value == OTHER:
        return "change otherwise" if reviewed else "change"
    return kind.name.replace("becomes", "become")
