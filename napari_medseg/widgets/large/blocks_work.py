"""A run over blocks beside a window: the request made in the GUI thread, run in another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.io import Pyramid
from napari_medseg.progress import Report, Step, silent
from napari_medseg.session import LoadedModel, written_at

if TYPE_CHECKING:
    from napari_medseg.engine.blockwise import Blockwise
    from napari_medseg.engine.part import Box
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.widgets.large.filling import Filling

MEMORY: int | None = None  # bytes beside the network's; None is what `segment_blockwise` takes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Request:
    """Everything a run needs: no widget, no layer, no session.

    Parameters
    ----------
    model : Path
        A checkpoint.
    device : str
        "auto", "cpu", "cuda:N" or "mps".
    image : Pyramid
        What is segmented.
    out : Path
        Where the labels go.
    segmenter : Segmenter or None
        The model, if it is in memory already.
    """

    model: Path
    device: str
    image: Pyramid
    out: Path
    segmenter: Segmenter | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a run: how it went, and the model to keep."""

    result: Blockwise
    loaded: LoadedModel


def run(
    request: Request,
    began: Callable[[Filling], None],
    filled: Callable[[], None],
    report: Report = silent,
) -> Outcome:
    """Segment block by block; tell when there are labels to show, and of every block.

    Parameters
    ----------
    began : callable
        Given the labels, once the first block is there (or was, from an earlier run).
    filled : callable
        Called after each block.

    Raises
    ------
    ValueError, OSError
        In words for people.
    """
    written = written_at(request.model)
    report(Step(0, 0, "model", f"loading {request.model.stem} …"))
    from napari_medseg.engine.blockwise import segment_blockwise
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.widgets.large.filling import Filling

    segmenter = request.segmenter or Segmenter.load(request.model, request.device)
    filling: Filling | None = None

    def show(box: Box | None) -> None:
        nonlocal filling
        try:
            if filling is None:
                filling = Filling.of(request.out)
                began(filling)
            elif box is not None:
                filling.take(box)
            filled()
        except RuntimeError:  # Qt's half of the window is gone: the file is written all the same
            _log.debug("a block came after its window", exc_info=True)

    def watch(step: Step) -> None:
        report(step)
        if step.note.startswith("resuming"):
            show(None)

    config = InferenceConfig()
    result = segment_blockwise(
        segmenter,
        request.image,
        request.out,
        config,
        memory=MEMORY,
        on_block=show,
        report=watch,
    )
    if filling is None:  # all blocks were done; only the coarser levels were not
        show(None)
    return Outcome(result, LoadedModel(request.model, request.device, segmenter, written))
