"""What one press of Apply computes: everything a thread needs, and no layer or widget."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.scope import Scope
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.packed import Box, bounding_box
from napari_medseg.progress import Report, silent
from napari_medseg.widgets.edit.in_parts import edit_in_parts
from napari_medseg.widgets.notices import sentence


@dataclass(frozen=True, eq=False)
class Answer:
    """New labels for a part of a volume.

    Parameters
    ----------
    step : tuple of int
        Index of the layer along its axes before the spatial ones.
    box : tuple of slice
        The part, over ``*S``.
    edited : ndarray
        What it shall hold.
    """

    step: tuple[int, ...]
    box: Box
    edited: np.ndarray

    def in_layer(self) -> tuple[Box, np.ndarray]:
        """Return the part and what it shall hold, over all axes of the layer."""
        steps = tuple(slice(i, i + 1) for i in self.step)
        return (*steps, *self.box), self.edited.reshape((1,) * len(steps) + self.edited.shape)


@dataclass(frozen=True, eq=False)
class Finding:
    """How a job ended.

    Parameters
    ----------
    answer : Answer or None
        None where nothing is to be done, or it could not be done.
    reason : str
        Why it could not, as a sentence; else empty.
    """

    answer: Answer | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A tool, what it sees, and where it may change something.

    Parameters
    ----------
    scene : Scene
        Of the whole volume ``(*S)``; its image is put in by the thread.
    grey : array-like or None
        The image ``(*S)``, or ``(*S, 3)`` with `colour`; numpy or dask.
    source, other : hashable
        By which the image, and the other labels with their version, are known again.
    rectangles : tuple of box
        Where alone something may change; empty is everywhere.
    step : tuple of int
        Index of the layer along its axes before the spatial ones.
    """

    tool: Tool
    options: Config
    scene: Scene
    scope: Scope
    grey: Any = None
    colour: bool = False
    source: Hashable = None
    other: Hashable = None
    rectangles: tuple[Box, ...] = ()
    step: tuple[int, ...] = ()

    def run(self, report: Report = silent) -> Finding:
        """Return what the tool makes of it, or why it cannot."""
        try:
            scene = replace(self.scene, image=self._image(), mask=self._mask(), report=report)
            found = edit_in_parts(self.tool, scene, self.options, self.scope)
        except ValueError as error:
            return Finding(reason=sentence(error))
        if found is None:
            return Finding()
        box, edited = found
        inner = bounding_box(edited != self.scene.labels[box])
        if inner is None:
            return Finding()
        where = tuple(
            slice(b.start + i.start, b.start + i.stop) for b, i in zip(box, inner, strict=True)
        )
        return Finding(Answer(self.step, where, edited[inner]))

    @property
    def key(self) -> Hashable:
        """What is another one where the result may be another one, apart from the values seen."""
        scene, part = self.scene, self.scope
        boxes = [*self.rectangles, *(b for b in (part.box, scene.box) if b is not None)]
        across = part.where == "slice" or "slice" in self.tool.needs
        return (
            self.tool.name,
            self.options,
            (scene.label, scene.locked, scene.points, scene.axis, self.other),
            scene.index if across else None,
            (part.every_label, part.where, self.step, self.source),
            tuple((s.start, s.stop) for box in boxes for s in box),
        )

    def sees(self, data: np.ndarray) -> bool:
        """Whether it works on the array `data` of a layer, as it will be when it runs."""
        return bool(np.may_share_memory(self.scene.labels, data[self.step]))

    def on_slice(self, index: int) -> Job:
        """Return the same for one slice only, where the tool need not see more to be right."""
        if self.tool.sees != "around" or self.scope.where != "volume":
            return self
        shape, axis = self.scene.labels.shape, self.scene.axis
        seen = tuple(
            slice(index, index + 1) if a == axis else slice(0, n) for a, n in enumerate(shape)
        )
        return replace(self, scope=replace(self.scope, where="box", box=seen))

    def _image(self) -> np.ndarray | None:
        if self.grey is None:
            return None
        values = np.asarray(self.grey)
        return values[..., :3].mean(axis=-1, dtype=np.float32) if self.colour else values

    def _mask(self) -> np.ndarray | None:
        if not self.rectangles:
            return None
        mask = np.zeros(self.scene.labels.shape, bool)
        for box in self.rectangles:
            mask[box] = True
        return mask
