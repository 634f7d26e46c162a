"""What prompts are given about: image, labels and model; or why that cannot be, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.interact.prompts import Prompt
from napari_medseg.session import ChosenModel, written_at
from napari_medseg.widgets.classes.class_list import classes_of, set_classes
from napari_medseg.widgets.classes.stored import locked_of
from napari_medseg.widgets.edit.new_labels import add_labels
from napari_medseg.widgets.edit.sight import images_under
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.interact.class_row import ClassRow
from napari_medseg.widgets.interact.given import At
from napari_medseg.widgets.interact.plane import Plane, shown_plane
from napari_medseg.widgets.interact.question import Ground
from napari_medseg.widgets.layers import is_map, why_not_editable
from napari_medseg.widgets.misfit import misfit
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import place_of, shown_step, to_volume, too_large

if TYPE_CHECKING:
    from napari.viewer import Viewer

NO_IMAGE = "No image yet: drop a file on the canvas or open a sample."
FLAT_VIEW = "Prompts are drawn on a slice: go back to the 2D view."
_PIXELS = 85  # along a side for each that a scribble is wide: 6 of 512
_ALONE = "Prompts go by the image alone"


class About:
    """What the prompts of a panel are about.

    Parameters
    ----------
    viewer : Viewer
        Whose layers they are.
    images : ImageChoice
        The image.
    classes : ClassRow
        The labels and the class.

    Attributes
    ----------
    wants_model : bool
        Whether the session's model is used where it fits.
    """

    def __init__(self, viewer: Viewer, images: ImageChoice, classes: ClassRow) -> None:
        self._viewer, self._session = viewer, session_of(viewer)
        self._images, self._classes = images, classes
        self.wants_model = True
        self.why_no_model = ""  # as a sentence for people; empty if the model helps

    @property
    def image(self) -> Image | None:
        """The image that is prompted on."""
        return self._images.first

    @property
    def labels(self) -> Labels | None:
        """The labels one works on."""
        return self._classes.layer

    @property
    def model(self) -> ChosenModel | None:
        """The model that helps, if one does and is wanted."""
        return self._session.model if self.wants_model and not self.why_no_model else None

    def why_not(self) -> str:
        """Return why no prompt can be given, as a sentence for people; empty if one can."""
        if self._images.empty:
            return NO_IMAGE
        if self._images.missing():
            return f"Choose the image for {self._images.missing()}."
        image, labels, value = self.image, self.labels, self._classes.value
        assert image is not None  # none is missing
        large = too_large(image)
        if large:
            return f"{large}: open a part of it."
        if labels is not None and why_not_editable(labels):
            reason = why_not_editable(labels)
            return f"{reason[:1].upper()}{reason[1:]}."
        if labels is not None and image not in images_under(self._viewer, labels):
            return f"The labels “{labels.name}” do not lie on {image.name}: choose others."
        if not value:
            return "Choose a class above; class 0 is the background."
        if labels is not None and value in locked_of(labels):
            return f"“{self._classes.name}” is locked: open its lock in the table of Edit first."
        return ""

    def why_not_here(self, last: Prompt | None) -> str:
        """Return why the model cannot segment where the last prompt lies; empty if it can."""
        if self.model is None:
            return self.why_no_model or "Prompts go by the image alone: tick the model above"
        return "" if last is not None else "Draw a box, or click on the object, first"

    def why_not_on(self) -> str:
        """Return why the slice one sees cannot be carried on; empty if it can."""
        plane = self.plane()
        if isinstance(plane, str):
            return plane
        if plane.axis is None:
            return "A 2D image has no slices to carry on to"
        return "" if self.labels is not None else "Nothing lies on this slice yet"

    def plane(self) -> Plane | str:
        """Return the slice one sees of the image, or why there is none."""
        image = self.image
        if image is None:
            return NO_IMAGE
        if self._viewer.dims.ndisplay != 2:
            return FLAT_VIEW
        plane = shown_plane(self._viewer, image)
        return plane or f"The slice you see is outside of {image.name}; go to another one."

    def ground(self) -> Ground:
        """Return the image as it is shown now, and the model beside it."""
        images, model, session = self._images.channels, self.model, self._session
        point = tuple(self._viewer.dims.point)
        values = tuple(None if i is None else (i.unique_id, id(i.data)) for i in images)
        step = () if self.image is None else shown_step(self.image, point)
        plane = self.plane()
        known = None if model is None else (model.path, session.device, written_at(model.path))
        return Ground(
            (values, step, known),
            tuple(None if image is None else to_volume(image, point) for image in images),
            None if model is None else model.path,
            session.device,
            None if model is None else session.ready_segmenter,
            plane.middle if isinstance(plane, Plane) else (),
        )

    def width(self) -> float:
        """Return how wide a scribble is at first, in mm: a few pixels, fewer on small images."""
        image = self.image
        if image is None:
            return 1.0
        place = place_of(image)
        pixels = float(np.clip(max(place.shape[-2:]) / _PIXELS, 1, 6))
        return pixels * min(place.spacing[-2:])

    def at(self) -> At:
        """Return the time that is shown, as the index along the axes before the spatial ones."""
        image = self.image
        return () if image is None else shown_step(image, tuple(self._viewer.dims.point))

    def make_labels(self) -> Labels:
        """Return the labels one works on; made now, with the classes offered, if there are none."""
        image = self.image
        if self.labels is not None or image is None:
            assert self.labels is not None  # without an image no prompt was drawn
            return self.labels
        offered, value = self._classes.offered, self._classes.value
        layer = add_labels(self._viewer, image)
        set_classes(layer, offered)
        layer.selected_label = value
        return layer

    def take_channels(self) -> None:
        """Ask for the images that the model needs, if it helps, and offer its classes."""
        model = self._session.model
        self._images.blockSignals(True)
        self._images.set_model(model.card if model is not None and self.wants_model else None)
        images = [image for image in self._images.channels if image is not None]
        self.why_no_model = why_no_model(model, images, self.labels)
        if model is not None and self._images.missing():
            self.why_no_model = f"{_ALONE}: {model.title} needs {self._images.missing()}, too."
        model = self.model
        self._images.set_model(None if model is None else model.card)
        self._images.blockSignals(False)
        self._classes.offer(() if model is None else model.card.classes)

    def follow(self, layer: object) -> None:
        """Take the image a person selected, or the one under the labels they selected."""
        if isinstance(layer, Image) and layer.visible and not is_map(layer):
            self._images.choose(layer)
        elif isinstance(layer, Labels) and layer is self.labels:
            under = images_under(self._viewer, layer)
            if under and self.image not in under:
                self._images.choose(under[0])


def why_no_model(model: ChosenModel | None, images: Sequence[Image], labels: Labels | None) -> str:
    """Return why prompts go by the image alone, as a sentence; empty if the model helps."""
    if model is None:
        return f"{_ALONE}: no model is chosen."
    wrong = misfit(model, images) if images else ""
    if wrong:
        return f"{_ALONE}: {wrong}"
    named = {} if labels is None else {c.value: c.name for c in classes_of(labels)}
    for own in model.card.classes:
        name = named.get(own.value, own.name)
        if name.casefold() not in (own.name.casefold(), f"class {own.value}"):
            return f"{_ALONE}: {model.title} calls “{own.name}” what is “{name}” in these labels."
    return ""
