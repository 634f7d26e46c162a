"""What is known of an image and a model, kept so that it can be asked again; in threads."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.progress import Report
from napari_medseg.session import LoadedModel
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.question import Ground
from napari_medseg.widgets.segmenting import loaded_model, whole_volume

if TYPE_CHECKING:
    from napari_medseg.engine.preprocess import Prepared
    from napari_medseg.explain.view import View


@dataclass(frozen=True, eq=False)
class Known:
    """An image as a model is given it, kept to be asked again.

    Parameters
    ----------
    key : hashable
        Equal to that of the `Ground` it was made for.
    prepared : Prepared
        The image on the model's grid.
    view : View
        What was looked at last.
    blend : bool
        Whether that was asked to be all windows of the run.
    other : LoadedModel or None
        The model it was compared with last.
    """

    key: Hashable
    loaded: LoadedModel
    volume: Volume
    prepared: Prepared
    view: View
    blend: bool = False
    other: LoadedModel | None = None


def looking_at(
    ground: Ground,
    at: Sequence[int],
    known: Known | None,
    report: Report,
    *,
    blend: bool = False,
) -> Known:
    """Return the image as the model sees it around a voxel; what is known is used again.

    Parameters
    ----------
    blend : bool
        Look at all windows of the run, not only at the one around the voxel.
    """
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.explain.view import view_of

    assert ground.model is not None  # without one nothing can be asked
    if known is None or known.key != ground.key:
        loaded = loaded_model(ground.model, ground.device, ground.segmenter, report)
        volume = whole_volume(ground.volumes)
        prepared = loaded.segmenter.prepare(volume, InferenceConfig(), report)
    elif known.blend == blend and known.view.holds(at):
        return replace(known, view=known.view.looking_at(at))
    else:
        loaded, volume, prepared = known.loaded, known.volume, known.prepared
    segmenter = loaded.segmenter
    view = view_of(segmenter, volume, at=at, prepared=prepared, blend=blend, report=report)
    other = None if known is None else known.other
    return Known(ground.key, loaded, volume, prepared, view, blend, other)


def beside(path: Path, known: Known, report: Report) -> Known:
    """Load the other model, unless it is the one that was loaded for this last."""
    device = known.loaded.device
    if known.other is not None and (known.other.path, known.other.device) == (path, device):
        return known
    return replace(known, other=loaded_model(path, device, None, report))
