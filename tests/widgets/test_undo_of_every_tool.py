"""Every editing tool's answer is one undo step of napari's own history, exact to the voxel."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.editing.scope import edit
from napari_medseg.editing.tool import Scene
from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.layers import apply_edit, history

_OPTIONS = {
    "holes": "in each slice",
    "into": 4,
    "other": 2,
    "unit": "voxels",
    "high": 150.0,
    "low": 90.0,
}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_undo_and_redo_are_exact(tool):
    labels = np.zeros((7, 16, 18), np.uint8)
    labels[::3, 2:9, 2:12] = 1
    labels[1, 2:9, 2:12] = 1
    labels[1, 5, 5], labels[3, 14, 14], labels[1:3, 10:14, 3:8] = 0, 1, 2
    labels[6, 15, 17] = 9
    image = np.where(labels == 1, 100, 20).astype(np.int16)
    image[3, 2:9, 2:14] = 100
    scene = Scene(
        labels=labels,
        image=image,
        spacing=(3.0, 1.0, 1.0),
        label=1,
        points=((3, 4, 4), (3, 4, 10)),
        index=3,
        box=(slice(0, 4), slice(0, 5), slice(0, 9)),
    )
    known = {f: v for f, v in _OPTIONS.items() if f in tool.options.__dataclass_fields__}
    found = edit(tool, scene, tool.options(**known))
    assert found is not None
    box, edited = found
    layer = Labels(labels.copy(), scale=scene.spacing)
    changed = apply_edit(layer, edited, tool.title, box=box)
    after = layer.data.copy()
    np.testing.assert_array_equal(after[box], edited)
    assert changed == np.count_nonzero(after != labels)
    assert changed, "the example is one where the tool does something"
    assert history(layer) == [tool.title]
    for _ in range(2):
        layer.undo()
        np.testing.assert_array_equal(layer.data, labels)
        layer.redo()
        np.testing.assert_array_equal(layer.data, after)
