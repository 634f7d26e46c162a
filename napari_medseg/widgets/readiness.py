"""What stands between a person and the Segment button, in words, with the way out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from napari_medseg.engine.zoo import models
from napari_medseg.session import ChosenModel, Session
from napari_medseg.widgets.boxes import drawn
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.misfit import misfit
from napari_medseg.widgets.pyramids import pyramid_of
from napari_medseg.widgets.scopes import Scope, targets, why_not
from napari_medseg.widgets.volumes import too_large
from napari_medseg.widgets.warm_up import known_devices

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Fix(Enum):
    """What the button under the reason does."""

    NONE = ""
    SAMPLE = "Open a sample"
    MODEL = "Choose a model"
    DEVICE = "Choose a device"
    DRAW = "Draw a box"
    WHOLE = "Take the whole image"
    FOLDER = "Open a folder"
    BLOCKS = "Block by block…"


FIX_TIPS = {
    Fix.NONE: "",
    Fix.SAMPLE: "Adds an image made for trying this out",
    Fix.MODEL: "Goes to the list of models",
    Fix.DEVICE: "Goes to the Model panel, where the device is chosen",
    Fix.DRAW: "Adds a layer for rectangles: press the mouse at one corner and pull to the other",
    Fix.WHOLE: "Segments everything instead of a part",
    Fix.FOLDER: "Goes to the list of cases, where a folder is opened",
    Fix.BLOCKS: "Segments the whole image piece by piece into a file that you see filling in",
}


@dataclass(frozen=True)
class Obstacle:
    """Why Segment cannot run now: a sentence for people, and the way out if one click is enough."""

    reason: str
    fix: Fix = Fix.NONE


def obstacle(
    viewer: Viewer, session: Session, images: ImageChoice, scope: Scope, *, busy: bool
) -> Obstacle | None:
    """Return what is in the way, or None if Segment can run."""
    if busy:
        return Obstacle("A run is going; wait for it or cancel it below.")
    model = session.model
    if scope is Scope.NEXT:
        return _without_model(session) or _no_folder(session)
    if images.empty:
        return Obstacle("No image yet: drop a file on the canvas or open a sample.", Fix.SAMPLE)
    wrong = _without_model(session)
    if wrong is not None or model is None:
        return wrong
    if scope is Scope.OPEN:
        return _no_open_images(viewer, images, model)
    missing = images.missing()
    if missing:
        return Obstacle(f"Choose the image for {missing}.")
    problem = misfit(model, images.layers)
    if problem:
        one_alone = len(images.layers) == 1
        return Obstacle(problem, Fix.MODEL if one_alone else Fix.NONE)
    return _no_part(viewer, images, model, scope)


def sample_for(model: ChosenModel | None) -> str:
    """Return the key of a sample the model can work on, else of the first sample."""
    from napari_medseg.samples import SAMPLES

    if model is None:
        return next(iter(SAMPLES))
    about = f"{model.card.name} {model.card.title}".lower()
    for key in SAMPLES:
        if key.lower() in about:
            return key
    for key, sample in SAMPLES.items():
        volume = sample.make().volume
        if (volume.spatial_dims, len(volume.array)) == (
            model.card.spatial_dims,
            model.card.in_channels,
        ):
            return key
    return next(iter(SAMPLES))


def _without_model(session: Session) -> Obstacle | None:
    model = session.model
    if model is None:
        return Obstacle("No model yet: choose one first.", Fix.MODEL)
    # a name without a folder is that of a model to be downloaded
    if len(model.path.parts) > 1 and not model.path.is_file():
        entry = models().get(model.path.stem)
        if entry is None or entry.origin != "download":
            return Obstacle(
                f"The file of {model.title} is not there any more ({model.path.name}). "
                "Choose another model, or put the file back.",
                Fix.MODEL,
            )
    devices = known_devices()
    if devices and session.device not in ("auto", "cuda", *devices):
        return Obstacle(
            f"The device {session.device} is not there any more. Choose another one.", Fix.DEVICE
        )
    return None


def _no_folder(session: Session) -> Obstacle | None:
    if session.worklist is None:
        return Obstacle("No folder of cases is open yet.", Fix.FOLDER)
    if session.worklist.next_after(session.case) is None:
        return Obstacle("All other cases of the folder are done.", Fix.FOLDER)
    return None


def _no_open_images(viewer: Viewer, images: ImageChoice, model: ChosenModel) -> Obstacle | None:
    if targets(Scope.OPEN, viewer, images, model):
        return None
    groups = images.groups()
    why = f": {misfit(model, groups[0])}" if groups else ""
    return Obstacle(f"None of the open images suits {model.title}{why}", Fix.MODEL)


def _no_part(
    viewer: Viewer, images: ImageChoice, model: ChosenModel, scope: Scope
) -> Obstacle | None:
    first = images.layers[0]
    large = too_large(first) if scope is Scope.WHOLE else ""
    if large:
        pieces = pyramid_of(first) is not None
        way = "a slice, a box, or all of it block by block" if pieces else "a slice or a box"
        return Obstacle(f"{large}: segment {way}.", Fix.BLOCKS if pieces else Fix.NONE)
    reason = why_not(scope, viewer, first)
    if reason:
        return Obstacle(f"{reason}.", Fix.WHOLE)
    if targets(scope, viewer, images, model):
        return None
    name = first.name
    if scope is Scope.SLICE:
        return Obstacle(f"The slice you see is outside of {name}; go to another one.", Fix.WHOLE)
    if drawn(viewer) is None:
        return Obstacle("No box yet: draw one on the image.", Fix.DRAW)
    return Obstacle(f"The box lies outside of {name}; draw one on it.", Fix.DRAW)
