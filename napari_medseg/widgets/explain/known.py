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


@dataclass(frozen=True)
class Look:
    """How much of an image is looked at.

    Parameters
    ----------
    blend : bool
        All windows of the run, not only the one around the voxel.
    window : tuple of int or None
        Voxels a side that the model is given at once; None is its own choice.
    """

    blend: bool = False
    window: tuple[int, ...] | None = None


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
    look : Look
        How much of the image that is.
    other : LoadedModel or None
        The model it was compared with last.
    """

    key: Hashable
    loaded: LoadedModel
    volume: Volume
    prepared: Prepared
    view: View
    look: Look = Look()
    other: LoadedModel | None = None


def looking_at(
    ground: Ground,
    at: Sequence[int],
    known: Known | None,
    report: Report,
    look: Look,
) -> Known:
    """Return the image as the model sees it around a voxel; what is known is used again."""
    from napari_medseg.engine.inference_config import InferenceConfig
    from napari_medseg.explain.room import sides
    from napari_medseg.explain.viewing import view_of

    assert ground.model is not None  # without one nothing can be asked
    if known is None or known.key != ground.key:
        loaded = loaded_model(ground.model, ground.device, ground.segmenter, report)
        volume = whole_volume(ground.volumes)
        prepared = loaded.segmenter.prepare(volume, InferenceConfig(), report)
    elif known.look == look and known.view.holds(at):
        return replace(known, view=known.view.looking_at(at))
    else:
        loaded, volume, prepared = known.loaded, known.volume, known.prepared
    view = view_of(
        loaded.segmenter,
        volume,
        at=at,
        config=InferenceConfig(window=look.window),
        prepared=prepared,
        blend=look.blend,
        report=report,
    )
    if look.window is not None:
        said = f"{sides(look.window)} voxels at once, as the memory does not suffice for more"
        view = replace(view, notes=(*view.notes, said))
    other = None if known is None else known.other
    return Known(ground.key, loaded, volume, prepared, view, look, other)


def beside(path: Path, known: Known, report: Report) -> Known:
    """Load the other model, unless it is the one that was loaded for this last."""
    device = known.loaded.device
    if known.other is not None and (known.other.path, known.other.device) == (path, device):
        return known
    return replace(known, other=loaded_model(path, device, None, report))
