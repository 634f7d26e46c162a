"""What goes from the thread that learns to those who watch: points of curves, and previews."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_medseg.engine.card import LabelClass
from napari_medseg.packed import Box
from napari_medseg.progress import Cancelled, Report, Step
from napari_medseg.volume import Volume
from napari_medseg.widgets.segmenting import whole_volume

if TYPE_CHECKING:
    from napari_medseg.engine.finetune_progress import FineTuneProgress
    from napari_medseg.engine.segmenter import Segmenter

_BETWEEN = 0.2  # seconds between two messages; people see no more
_BETWEEN_LOOKS = 4.0  # seconds between two previews at least
_SHARE = 10  # of its time a run gives one part to previews at most
_NUMBERS = re.compile(r"(loss|Dice) (\d+\.\d+)")


@dataclass(frozen=True)
class Point:
    """Where a run is.

    Parameters
    ----------
    stage : str
        Which run of learning, for people.
    step : int
        Over all runs.
    values : dict
        Name of a curve to its value here.
    steps : int
        Of all runs.
    seconds_left : float or None
        Until the end of all.
    """

    stage: str
    step: int
    values: dict[str, float]
    steps: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """The slice a person looks at.

    Parameters
    ----------
    key : Hashable
        Another one as soon as they look elsewhere.
    volumes : tuple of Volume or None
        The image.
    box : tuple of slice or None
        The slice; None is all of an image.
    """

    key: Hashable
    volumes: tuple[Volume | None, ...]
    box: Box | None


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What the candidate finds there: labels of the box ``(*S)``."""

    key: Hashable
    labels: np.ndarray
    classes: tuple[LabelClass, ...]


class Feed(QObject):
    """Emits ``points(list of Point)`` and ``glimpsed(Glimpse)`` where it was made.

    The window sets `wanted`, the thread reads it; nothing else is shared.
    """

    points = Signal(object)
    glimpsed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.wanted: Look | None = None
        self._held: list[Point] = []
        self._told = self._looked = 0.0
        self._pause = _BETWEEN_LOOKS
        self._seen: Hashable = None

    def note(self, progress: FineTuneProgress) -> None:
        """Note a step of a fine-tuning."""
        found = {
            "corrections": progress.supervised,
            "as before": progress.distilled,
            "Dice, held out": progress.validation,
            "Dice, known before": progress.guard,
        }
        values = {name: value for name, value in found.items() if value is not None}
        self._hold(
            Point(progress.stage, progress.done, values, progress.total, progress.seconds_left)
        )

    def note_line(self, step: Step) -> None:
        """Note a step of a training, as its line says."""
        names = {"loss": "corrections", "Dice": "Dice, held out"}
        values = {names[n]: float(v) for n, v in _NUMBERS.findall(step.note)}
        self._hold(Point(step.note.split(" · ")[0], step.done, values, step.total))

    def preview(self, snapshot: Callable[[], Segmenter], report: Report) -> None:
        """Show what the candidate finds in the slice one looks at, if it is time for that.

        `report` is called between windows with the steps of the preview.
        """
        wanted, now = self.wanted, time.monotonic()
        if wanted is None or now - self._looked < self._pause:
            return
        try:
            segmenter = snapshot()
            volume = whole_volume(wanted.volumes)
            labels = segmenter.segment(volume, report=report, box=wanted.box).labels
        except Cancelled:
            raise
        except (ValueError, OSError, RuntimeError):
            self.wanted = None  # an image the model cannot take: the run goes on without it
            return
        self._looked = time.monotonic()
        self._pause = max(_BETWEEN_LOOKS, _SHARE * (self._looked - now))
        self.glimpsed.emit(Glimpse(wanted.key, labels, segmenter.card.classes))

    def flush(self) -> None:
        """Tell what is still held."""
        held, self._held = self._held, []
        if held:
            self.points.emit(held)

    def _hold(self, point: Point) -> None:
        self._held.append(point)
        now = time.monotonic()
        if now - self._told >= _BETWEEN:
            self._told = now
            self.flush()
