"""What a run of Segment needs and gives: a request made in the GUI thread, run in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.progress import Report, Step, silent
from napari_medseg.session import LoadedModel, written_at
from napari_medseg.volume import Volume
from napari_medseg.widgets.volumes import stacked

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmentation, Segmenter


@dataclass(frozen=True, eq=False)
class Request:
    """Everything a run needs: no widget, no layer, no session.

    Parameters
    ----------
    model : Path
        A checkpoint, or the name of a model that must be fetched first.
    device : str
        "auto", "cpu", "cuda:N" or "mps".
    volumes : tuple of Volume
        One per input channel, or one with all channels.
    config : InferenceConfig
        How the model is run.
    segmenter : Segmenter or None
        The model, if it is in memory already.
    """

    model: Path
    device: str
    volumes: tuple[Volume, ...]
    config: InferenceConfig
    segmenter: Segmenter | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a run gives: the answer, and the model to keep for the next run."""

    loaded: LoadedModel
    segmentation: Segmentation


def run(request: Request, report: Report = silent) -> Answer:
    """Load the model if need be and segment.

    Raises
    ------
    ValueError, OSError
        In words for people: the model or the image cannot be used.
    """
    written = written_at(request.model)  # before it is read: it may be replaced meanwhile
    segmenter = request.segmenter
    if segmenter is None:
        report(Step(0, 0, "model", f"loading {request.model.stem} …"))
        from napari_medseg.engine.segmenter import Segmenter

        segmenter = Segmenter.load(request.model, device=request.device)
    report(Step(0, 0, "image", "reading the image …"))
    volume = stacked(request.volumes)
    loaded = LoadedModel(request.model, request.device, segmenter, written)
    return Answer(loaded, segmenter.segment(volume, request.config, report))
