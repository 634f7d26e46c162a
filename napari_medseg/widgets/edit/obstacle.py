"""What stands between a person and Apply, in words, with the way out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_medseg.editing.tool import Tool
from napari_medseg.widgets.edit.sight import drawn_boxes, images_under, slice_index
from napari_medseg.widgets.image_kind import chosen_image
from napari_medseg.widgets.layers import why_not_editable
from napari_medseg.widgets.scopes import Scope
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Fix(Enum):
    """What the button under the reason does."""

    NONE = ""
    LABELS = "New labels"
    DRAW = "Draw a box"


FIX_TIPS = {
    Fix.NONE: "",
    Fix.LABELS: "Adds an empty layer to paint in, voxel by voxel on the image",
    Fix.DRAW: "Adds a layer for rectangles: press the mouse at one corner and pull to the other",
}


@dataclass(frozen=True)
class Obstacle:
    """Why a tool cannot be applied now.

    Parameters
    ----------
    reason : str
        A sentence for people.
    fix : Fix
        The way out, if one click is enough.
    plain : bool
        Whether anybody sees it without being told.
    """

    reason: str
    fix: Fix = Fix.NONE
    plain: bool = False


def no_labels(viewer: Viewer, layer: Labels | None) -> Obstacle | None:
    """Return why there is nothing to edit, if so."""
    if layer is not None:
        reason = why_not_editable(layer)
        return Obstacle(f"{_capital(reason)}.") if reason else None
    image = chosen_image(viewer)
    if image is None:
        return Obstacle("No image yet: drop a file on the canvas or open a sample.")
    return Obstacle(f"No labels yet: make a layer to paint in on {image.name}.", Fix.LABELS)


@dataclass(frozen=True)
class Shown:
    """What decides which tools are of use.

    Parameters
    ----------
    volume : bool
        Whether the labels are a volume.
    image : bool
        Whether an image lies on them.
    flat : bool
        Whether one sees slices, not the 3D view.
    slice : bool
        Whether the slice one sees is one of the labels.
    """

    volume: bool
    image: bool
    flat: bool
    slice: bool

    @classmethod
    def of(cls, viewer: Viewer, layer: Labels) -> Shown:
        """Return what there is for a layer, as the viewer shows it."""
        return cls(
            len(place_of(layer).shape) == 3,
            bool(images_under(viewer, layer)),
            viewer.dims.ndisplay == 2,
            slice_index(viewer, layer) is not None,
        )


def why_not_tool(tool: Tool, shown: Shown) -> str:
    """Return why a tool has no use on labels as they are shown; empty if it has."""
    if not shown.volume and tool.needs & {"volume", "slice"}:
        return f"“{tool.title}” works on volumes; these labels are a 2D image"
    if "image" in tool.needs and not shown.image:
        return f"“{tool.title}” goes by grey values, but no image lies on these labels"
    if not shown.flat and tool.needs & {"slice", "points"}:
        return f"“{tool.title}” works on the slice you see; go back to the 2D view"
    if "slice" in tool.needs and not shown.slice:
        return "The slice you see is outside of these labels; go to another one"
    return ""


def no_part(viewer: Viewer, layer: Labels, tool: Tool, scope: Scope) -> Obstacle | None:
    """Return why the chosen part of the volume is not there, if so."""
    wanted = "box" in tool.needs or scope in (Scope.BOX, Scope.BOX_SLICE)
    if not wanted or drawn_boxes(viewer, layer):
        return None
    return Obstacle(f"No box lies on {layer.name} yet: draw one on the image.", Fix.DRAW)


def no_class(tool: Tool, label: int, locked: frozenset[int]) -> Obstacle | None:
    """Return why the chosen class cannot be worked on, if so."""
    if tool.any_label:
        return None
    if not label:
        return Obstacle("Choose a class in the table above; class 0 is the background.")
    if label in locked:
        return Obstacle("This class is locked: open its lock in the table to change it.")
    return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
