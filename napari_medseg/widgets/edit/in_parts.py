"""An edit of a large object slab by slab, so that the window goes on meanwhile.

Distance transforms hold Python's interpreter lock until they are done: a thread does not help.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.scope import Scope, edit, expanded, intersection, label_box
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.packed import Box, within
from napari_medseg.progress import Report, Step

_VOXELS = 2 << 20  # worked on at once


def edit_in_parts(
    tool: Tool, scene: Scene, options: Config, scope: Scope
) -> tuple[Box, np.ndarray] | None:
    """Return what `edit` does, computed in parts where that comes to the same.

    That is so for tools that see only what lies around each voxel.
    """
    margin = tool.margin_mm(options)
    local = tool.sees == "around" and not tool.starts_empty and math.isfinite(margin)
    if not local or scope.where != "volume" or scope.every_label or scene.labels.ndim != 3:
        return edit(tool, scene, options, scope)
    found = label_box(scene.labels, None if tool.any_label else scene.label)
    if found is None:
        return edit(tool, scene, options, scope)  # which says why not
    box = expanded(found, margin, scene.spacing, scene.labels.shape)
    scene = scene.crop(box)
    depth, *plane = scene.labels.shape
    thick = max(_VOXELS // math.prod(plane), 1)
    if thick >= depth:
        found_here = edit(tool, scene, options, scope)
        return None if found_here is None else (_moved(found_here[0], box), found_here[1])
    result = scene.labels.copy()
    starts = range(0, depth, thick)
    for done, start in enumerate(starts):
        step = Step(done, len(starts), "part")
        scene.report(step)
        slab = (slice(start, min(start + thick, depth)), *(slice(0, n) for n in plane))
        part = edit(
            tool,
            replace(scene, report=_always(scene.report, step)),
            options,
            replace(scope, where="box", box=slab),
        )
        shared = None if part is None else intersection(part[0], slab)
        if part is not None and shared is not None:
            result[shared] = part[1][within(shared, part[0])]
    return box, result


def _always(report: Report, step: Step) -> Report:
    """Return a report that says the same whatever it is told: it is there to stop the work."""

    def tell(_step: Step) -> None:
        report(step)

    return tell


def _moved(box: Box, outer: Box) -> Box:
    return tuple(
        slice(b.start + o.start, b.stop + o.start) for b, o in zip(box, outer, strict=True)
    )
