"""`Session`: what the panels of one viewer share. State only: no verbs, no threads, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from psygnal import SignalGroupDescriptor

from napari_medseg.engine.card import ModelCard
from napari_medseg.worklist import Worklist

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmenter


@dataclass(frozen=True)
class ChosenModel:
    """A checkpoint a person chose: where it is and what its card says.

    Parameters
    ----------
    path : Path
        The checkpoint; read when the model is first used.
    card : ModelCard
        Its card, read from the header without the weights.
    """

    path: Path
    card: ModelCard

    @property
    def title(self) -> str:
        """What people call the model."""
        return self.card.title or self.card.name


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory, kept so that the next run need not read the file again.

    Parameters
    ----------
    path : Path
        The checkpoint it was read from.
    device : str
        The device a person asked for ("auto", "cpu", "cuda:1").
    segmenter : Segmenter
        Ready to run.
    written : int
        When the file was written, as `written_at` says; another file needs another load.
    """

    path: Path
    device: str
    segmenter: Segmenter
    written: int = 0


@dataclass
class Session:
    """What the panels of one viewer share; every field has an event in ``events``.

    Parameters
    ----------
    model : ChosenModel or None
        What Segment will run.
    loaded : LoadedModel or None
        The last model that ran; use `ready_segmenter` to ask for it.
    device : str
        "auto", "cpu", "cuda", "cuda:N" or "mps".
    images : tuple of str
        Names of the chosen image layers, one per input channel, or one for all of them.
    worklist : Worklist or None
        The folder of cases a person works through; its ``changed`` tells of each case.
    case : str
        Name of the case of the worklist that is open in the viewer; empty if none is.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    model: ChosenModel | None = None
    loaded: LoadedModel | None = None
    device: str = "auto"
    images: tuple[str, ...] = ()
    worklist: Worklist | None = None
    case: str = ""

    @property
    def ready_segmenter(self) -> Segmenter | None:
        """The chosen model on the chosen device, if it is in memory already."""
        if self.model is None or self.loaded is None:
            return None
        wanted = (self.model.path, self.device, written_at(self.model.path))
        same = (self.loaded.path, self.loaded.device, self.loaded.written) == wanted
        return self.loaded.segmenter if same else None


def written_at(path: Path) -> int:
    """Return when a file was written, in nanoseconds; 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
