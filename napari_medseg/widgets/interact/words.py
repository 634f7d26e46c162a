"""What the Interact panel says: first use, what a tool does, a prompt in a line."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Labels

from napari_medseg.interact.drawing import nearest
from napari_medseg.interact.prompts import Prompt
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.class_row import ClassRow
from napari_medseg.widgets.interact.given import given_of
from napari_medseg.widgets.interact.prompt_list import Row
from napari_medseg.widgets.volumes import place_of

FIRST_USE = (
    "Choose a tool, then point at what is wrong: the left button adds, the right one (or Shift) "
    "removes."
)
TOOL_ON = {
    "point": "Click on the image: left adds, right (or Shift) removes; a drag is a scribble.",
    "scribble": "Draw over it: left adds, right (or Shift) removes.",
    "box": "Pull a box around one object: left finds it, right (or Shift) erases.",
    "lasso": "Draw around it: left fills it, right (or Shift) erases.",
}
PENDING = "The outline is what would change. Accept it, or point at what is still wrong."
WORKING = "Working on it … Back one stops it."


def advice(tool: str, waiting: Sequence[object], pending: bool) -> str:
    """Return what to do next, in a sentence."""
    if waiting:
        return WORKING
    if pending:
        return PENDING
    return TOOL_ON.get(tool, FIRST_USE)


def rows_of(layer: Labels | None, waiting: Sequence[Prompt], classes: ClassRow) -> list[Row]:
    """Return the prompts of a layer as people read them: accepted, answered, waiting."""
    if layer is None:
        return []
    given, grid = given_of(layer), place_of(layer).volume()
    parts = ((given.prompts(), "accepted"), (given.pending(), ""), (waiting, "waiting"))
    return [
        Row(_line(prompt, grid, classes), classes.colour_of(prompt.value), state)
        for prompts, state in parts
        for prompt in prompts
    ]


def _line(prompt: Prompt, grid: Volume, classes: ClassRow) -> str:
    """Return a prompt in a line: "+ point · liver · slice 31"."""
    words = [f"{'+' if prompt.positive else '−'} {prompt.kind}", classes.name_of(prompt.value)]
    if grid.spatial_dims == 3:
        axis = prompt.axis or 0
        index = int(nearest(prompt.indices(grid)[:, axis].mean()))
        words.append(f"slice {index}" if not axis else f"slice {index} ({'zyx'[axis]})")
    return " · ".join(words)
